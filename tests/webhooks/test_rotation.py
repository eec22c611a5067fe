"""Rotation of secrets while deliveries go on: from the answer on, both secrets verify until the overlap ends."""

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import update

from app import clock
from app.db import tables
from app.db.deadlines import deadline
from app.db.engines import open_database
from app.domain.commands import AddComment
from app.domain.webhook_commands import PauseWebhook, RotateWebhookSecret
from app.domain.webhooks import SignatureScheme
from app.webhooks.rotation import until_delivered_so
from tests.support.api import Api
from tests.support.ports import free_port
from tests.support.webhook_endpoints import WebhookEndpoint, serving
from tests.support.webhooks import Registered, assert_same_bytes, assert_verified, register, until
from tests.support.world import World

WRITERS, ROTATIONS = 4, 3
BETWEEN = 10  # deliveries, from one rotation to the next


async def write(world: World, ended: asyncio.Event) -> list[str]:
    """Open a case and comment on it until it is enough; return the ids of the actions in order."""
    outcome = await world.open_case()
    ids = [str(outcome.action.id)]
    while not ended.is_set():
        done = await world.do(world.carl, AddComment(case_id=outcome.case.id, comment="more"))
        ids.append(str(done.action.id))
        await asyncio.sleep(0.02)
    return ids


async def test_while_secrets_are_rotated_under_load_each_delivery_verifies_with_the_old_and_the_new_one(
    world: World, fresh_url: str, tmp_path: Path
) -> None:
    settings = {"data_dir": tmp_path, "webhooks": True, "webhooks_allow_private": True}
    ended, begun, requested = asyncio.Event(), [0], list[int]()
    async with serving(WebhookEndpoint()) as endpoint, Api.opened(fresh_url, **settings) as api:
        hook = await register(world, endpoint)
        secrets = [await hook.secret()]
        writing = [asyncio.create_task(write(world, ended)) for _ in range(WRITERS)]
        for _ in range(ROTATIONS):
            await until(lambda: len(endpoint.requests) >= begun[-1] + BETWEEN)
            requested.append(len(endpoint.requests))
            input = {"endpointId": str(hook.id), "graceHours": 1}
            payload = await api.act(world.aldo.token, "rotateWebhookSecret", input, "secret")
            assert payload["errors"] == []
            secrets.append(payload["secret"])
            begun.append(len(endpoint.requests))
        await until(lambda: len(endpoint.requests) >= begun[-1] + BETWEEN)
        ended.set()
        cases = await asyncio.gather(*writing)
        await until(lambda: {id for ids in cases for id in ids} <= set(hook.actions))

    assert len(set(secrets)) == ROTATIONS + 1
    answered, requested = [*begun[1:], len(endpoint.requests)], [*requested, len(endpoint.requests)]
    for number, (first, overlap_ends, last) in enumerate(zip(begun, requested, answered, strict=True)):
        for request in endpoint.requests[first:last]:
            assert_verified(secrets[number], request)
        for request in endpoint.requests[first:overlap_ends] if number else []:
            assert_verified(secrets[number - 1], request)
    order = list(dict.fromkeys(hook.actions))
    for ids in cases:
        assert [id for id in order if id in ids] == ids
    assert_same_bytes(hook.deliveries)


async def held(hook: Registered, seconds: float) -> None:
    """Have a node hold the endpoint, by its version of now, until so long from now."""
    column, until = tables.webhooks.c, clock.now() + timedelta(seconds=seconds)
    values = {"lease_holder": "node", "lease_until": until, "delivered_version": (await hook.row()).version}
    async with hook.world.database.write() as connection:
        await connection.execute(update(tables.webhooks).where(column.id == hook.id).values(values))


async def is_delivered_so(hook: Registered, webhook_id: UUID | None = None) -> bool:
    world = hook.world
    return await until_delivered_so(world.database, world.account_id, webhook_id or hook.id, 0)


@pytest.mark.parametrize("scheme", SignatureScheme)
async def test_a_rotation_waits_only_while_a_node_delivers_by_an_earlier_version(
    world: World, scheme: SignatureScheme
) -> None:
    hook = await register(world, WebhookEndpoint(), scheme=scheme)
    assert await is_delivered_so(hook)  # by nobody
    await held(hook, 60)
    assert await is_delivered_so(hook)  # by the version of now

    await hook.act(RotateWebhookSecret)
    assert not await is_delivered_so(hook)
    await held(hook, 60)
    assert await is_delivered_so(hook)

    await hook.act(RotateWebhookSecret)
    assert not await is_delivered_so(hook)
    async with world.database.write() as connection:  # the node has died
        await connection.execute(update(tables.webhooks).values(lease_until=clock.now() - timedelta(seconds=1)))
    assert await is_delivered_so(hook)

    await held(hook, 60)
    await hook.act(RotateWebhookSecret)
    await hook.act(PauseWebhook)
    assert await is_delivered_so(hook)
    assert await is_delivered_so(hook, world.account_id)  # one that is gone


async def test_the_secret_is_not_lost_for_the_wait(world: World) -> None:
    """It is in this answer alone, which comes though the time is short, or the database is away."""
    hook = await register(world, WebhookEndpoint())
    await held(hook, 3_600)
    await hook.act(RotateWebhookSecret)
    away = open_database(f"postgresql://nobody@127.0.0.1:{free_port()}/none")

    async with asyncio.timeout(60):
        with deadline(1):
            in_short_time = await until_delivered_so(world.database, world.account_id, hook.id, 3_600)
        without_database = await until_delivered_so(away, world.account_id, hook.id, 3_600)

    await away.close()
    assert not in_short_time
    assert not without_database
