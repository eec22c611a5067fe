"""Fixtures of the tests of SCIM."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest

from app.db.engines import open_database
from tests.support.administration import Administration, second_admin
from tests.support.api import Api
from tests.support.gateway import serving
from tests.support.scim import GROUPS, Provider, opened_provider, provider_of
from tests.support.world import World, make_world

if TYPE_CHECKING:  # it takes most of a second to import, of every process that runs a test
    from scim2_client.engines.httpx2 import SyncSCIMClient


@pytest.fixture
async def provider(world: World, fresh_url: str) -> AsyncIterator[Provider]:
    """A provider whose token Aldo has made, who is the only admin."""
    async with opened_provider(fresh_url, world.aldo) as opened:
        yield opened


@pytest.fixture
async def office(world: World, provider: Provider) -> Administration:
    """A second admin, Alma, beside Aldo."""
    return Administration(world, provider.api, await second_admin(world))


async def populated(url: str) -> str:
    """Make an account, and return a token of a provider of it."""
    database = open_database(url)
    try:
        world = await make_world(database)
        async with Api.opened(url) as api:
            return (await provider_of(api, world.aldo)).token
    finally:
        await database.close()


@pytest.fixture
def client(fresh_url: str, tmp_path: Path) -> "Iterator[SyncSCIMClient]":
    from scim2_client.engines.httpx2 import SyncSCIMClient

    token = asyncio.run(populated(fresh_url))
    with (
        serving(tmp_path, database_url=fresh_url, demo="false", scim_groups=GROUPS) as server,
        httpx2.Client(
            base_url=f"{server.address}/scim/v2", headers={"Authorization": f"Bearer {token}"}, timeout=30
        ) as http,
    ):
        yield SyncSCIMClient(http)
