"""Fixtures of the tests of SCIM."""

from collections.abc import AsyncIterator

import pytest

from tests.support.administration import Administration, second_admin
from tests.support.scim import Provider, opened_provider
from tests.support.world import World


@pytest.fixture
async def provider(world: World, fresh_url: str) -> AsyncIterator[Provider]:
    """A provider whose token Aldo has made, who is the only admin."""
    async with opened_provider(fresh_url, world.aldo) as opened:
        yield opened


@pytest.fixture
async def office(world: World, provider: Provider) -> Administration:
    """A second admin, Alma, beside Aldo."""
    return Administration(world, provider.api, await second_admin(world))
