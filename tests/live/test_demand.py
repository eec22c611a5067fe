"""The feed reads what somebody waits for, and nothing while its listeners have rows to deal with."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import pytest

from app.domain.commands import AddComment
from app.live.feed import Feed
from app.live.listener import Listener
from tests.support.recorded_sql import sql
from tests.support.world import World, make_world

PATIENCE_S = 60
POLL_S = 60
"""Longer than a test takes: what is read is read because somebody waits."""
SETTLED_S = 0.3
"""Longer than a feed that is woken takes to read."""


@asynccontextmanager
async def running(world: World) -> AsyncIterator[Feed]:
    feed = Feed(world.database, POLL_S)
    task = asyncio.create_task(feed.run())
    try:
        yield feed
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def comments(world: World, case_id: UUID, number: int) -> list[UUID]:
    """Write so many comments, and return their ids."""
    done = [await world.do(world.carl, AddComment(case_id=case_id, comment="x")) for _ in range(number)]
    return [outcome.action.id for outcome in done]


async def taken(listener: Listener, number: int) -> list[UUID]:
    """Return the ids of the next rows, until they are so many."""
    found: list[UUID] = []
    async with asyncio.timeout(PATIENCE_S):
        while len(found) < number:
            batch = await listener.take()
            found += [place.action.id for place in batch.places]
            if batch.is_last and len(found) < number:
                await listener.wait()
    return found


def reads(sent: list[str]) -> int:
    """Return how many of the statements have read what is new in logs."""
    return sum("safe AS" in statement for statement in sent)


async def test_rows_are_read_once_a_listener_waits_for_them(world: World) -> None:
    case_id = (await world.open_case()).case.id
    with sql() as sent:
        async with running(world) as feed, feed.listening(world.account_id) as listener:
            await asyncio.sleep(SETTLED_S)
            before = reads(sent)

            ids = await comments(world, case_id, 5)
            await asyncio.sleep(SETTLED_S)
            unread = reads(sent) - before
            found = await taken(listener, 5)

    assert unread == 0
    assert found == ids


async def test_what_is_waited_for_is_read_as_it_is_committed(world: World) -> None:
    case_id = (await world.open_case()).case.id
    async with running(world) as feed, feed.listening(world.account_id) as listener:
        for _ in range(3):
            waiting = asyncio.create_task(taken(listener, 1))
            await asyncio.sleep(0)
            ids = await comments(world, case_id, 1)
            assert await waiting == ids


async def test_a_log_is_left_behind_while_no_listener_waits_and_misses_nothing(world: World) -> None:
    other = await make_world(world.database)
    case_id, others = (await world.open_case()).case.id, (await other.open_case()).case.id
    async with (
        running(world) as feed,
        feed.listening(world.account_id) as listener,
        feed.listening(other.account_id) as slow,
    ):
        for _ in range(2):
            missed = await comments(other, others, 3)
            ids = await comments(world, case_id, 3)
            assert await taken(listener, 3) == ids
            assert feed._tails[other.account_id].is_behind

            assert await taken(slow, 3) == missed
            assert not feed._tails[other.account_id].is_behind
            more = await comments(other, others, 2)
            assert await taken(slow, 2) == more
            ids = await comments(world, case_id, 2)
            assert await taken(listener, 2) == ids


async def test_a_log_that_was_left_behind_is_not_read_again_with_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the reads of all would go through what its listeners have had long ago."""
    for module in ("feed", "listener", "tail_reads"):
        monkeypatch.setattr(f"app.live.{module}.BATCH", 3)
    other = await make_world(world.database)
    case_id, others = (await world.open_case()).case.id, (await other.open_case()).case.id
    with sql() as sent:
        async with (
            running(world) as feed,
            feed.listening(world.account_id) as listener,
            feed.listening(other.account_id) as slow,
        ):
            missed = await comments(other, others, 60)
            ids = await comments(world, case_id, 1)
            assert await taken(listener, 1) == ids
            assert feed._tails[other.account_id].is_behind
            assert await taken(slow, 60) == missed
            before = reads(sent)

            ids = await comments(world, case_id, 1)
            assert await taken(listener, 1) == ids
            more = await comments(other, others, 1)
            assert await taken(slow, 1) == more
            last = reads(sent) - before

    assert last < 15
