"""A client library of SCIM, as its makers ship it, pushes people and a group to a running gateway."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import scim2_models
from scim2_client.engines.httpx2 import SyncSCIMClient

from app.db.engines import open_database
from tests.support.api import Api
from tests.support.gateway import serving
from tests.support.scim import GROUPS, WORKERS, provider_of
from tests.support.world import make_world

MODELS: Any = scim2_models  # generic in models that are made at run time of what the server says


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
def client(fresh_url: str, tmp_path: Path) -> Iterator[SyncSCIMClient]:
    token = asyncio.run(populated(fresh_url))
    with (
        serving(tmp_path, database_url=fresh_url, demo="false", scim_groups=GROUPS) as server,
        httpx2.Client(
            base_url=f"{server.address}/scim/v2", headers={"Authorization": f"Bearer {token}"}, timeout=30
        ) as http,
    ):
        yield SyncSCIMClient(http)


def test_a_client_pushes_people_and_a_group(client: Any) -> None:
    client.discover()
    user_model, group_model = client.get_resource_model("User"), client.get_resource_model("Group")
    user = client.create(user_model(user_name="zoe@acme.example", emails=[{"value": "zoe@acme.example"}]))
    group = client.create(group_model(display_name=WORKERS))
    added = [{"op": "add", "path": "members", "value": [{"value": user.id}]}]
    client.modify(group_model, group.id, MODELS.PatchOp[group_model].model_validate({"Operations": added}))
    search = MODELS.SearchRequest.model_validate({"filter": 'userName eq "zoe@acme.example"'})
    found = client.query(user_model, query_parameters=search)
    shown = client.query(user_model, user.id)
    client.delete(user_model, user.id)
    gone = client.query(user_model, user.id, raise_scim_errors=False)

    assert [resource.id for resource in found.resources or []] == [user.id]
    assert [item.display for item in shown.groups] == [WORKERS]
    assert isinstance(gone, MODELS.Error)
    assert gone.status == 404
