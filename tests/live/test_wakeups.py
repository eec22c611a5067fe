"""A commit wakes the groups of listeners one after the other, in their turns, and nobody else."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.db import tables
from app.db.repository.log_tail import safe_position
from app.domain.commands import AddComment
from app.live.feed import Feed
from app.live.wakeups import AT_ONCE
from tests.support.webhooks import until
from tests.support.world import World

PATIENCE_S = 60


class GivenTurns:
    """Turns that the test gives."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[Callable[[], object], int]] = deque()

    def enqueue(self, wake: Callable[[], object], streams: int) -> None:
        self.waiting.append((wake, streams))

    async def give(self) -> int:
        """Give the first turn, and return how many are woken, when they have gone on."""
        wake, streams = self.waiting.popleft()
        wake()
        for _ in range(3):
            await asyncio.sleep(0)
        return streams

    async def until(self, number: int) -> None:
        await until(lambda: len(self.waiting) >= number)
        assert len(self.waiting) == number


class Listening:
    """Listeners of an account's log, and what each has taken whenever it was woken."""

    def __init__(self, world: World, feed: Feed) -> None:
        self._world = world
        self._feed = feed
        self.taken: list[list[list[UUID]]] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def begin(self, number: int, group: Hashable, case_id: UUID | None = None) -> None:
        """Have so many listeners of a group wait."""
        for _ in range(number):
            begun = asyncio.Event()
            self.taken.append([])
            self.tasks.append(asyncio.create_task(self._listen(self.taken[-1], begun, group, case_id)))
            await asyncio.wait_for(begun.wait(), PATIENCE_S)

    async def _listen(
        self, taken: list[list[UUID]], begun: asyncio.Event, group: Hashable, case_id: UUID | None
    ) -> None:
        async with self._feed.listening(self._world.account_id, None, group, case_id) as listener:
            begun.set()
            while True:
                await listener.wait()
                taken.append([place.action.id for place in (await listener.take()).places])

    async def end(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@pytest.fixture
def turns() -> GivenTurns:
    return GivenTurns()


@pytest.fixture
async def listening(world: World, turns: GivenTurns) -> AsyncIterator[Listening]:
    feed = Feed(world.database, 0.1, turns)
    async with following(feed):
        found = Listening(world, feed)
        yield found
        await found.end()
        assert feed._tails == {}


@asynccontextmanager
async def following(feed: Feed) -> AsyncIterator[None]:
    task = asyncio.create_task(feed.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def opened_case(world: World) -> UUID:
    """Return a new case, whose row may be shown: on PostgreSQL a notice that is being sent holds it back."""
    case_id = (await world.open_case()).case.id
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with world.database.read() as connection:
                last = await connection.scalar(select(func.max(tables.case_actions.c.position)))
                if await safe_position(connection) > (last or 0):
                    return case_id
            await asyncio.sleep(0.02)


async def comment(world: World, case_id: UUID) -> UUID:
    return (await world.do(world.carl, AddComment(case_id=case_id, comment="x"))).action.id


async def test_a_commit_wakes_one_group_in_a_turn(world: World, listening: Listening, turns: GivenTurns) -> None:
    case_id = await opened_case(world)
    await listening.begin(10, "first")
    await listening.begin(5, "second")

    id = await comment(world, case_id)
    await turns.until(2)
    assert listening.taken == [[]] * 15

    assert await turns.give() == 10
    assert listening.taken == [[[id]]] * 10 + [[]] * 5
    assert await turns.give() == 5
    assert listening.taken == [[[id]]] * 15


async def test_who_waits_for_a_turn_takes_all_rows_at_once(
    world: World, listening: Listening, turns: GivenTurns
) -> None:
    case_id = await opened_case(world)
    await listening.begin(3, "group")

    ids = []
    for _ in range(4):
        ids.append(await comment(world, case_id))
        await until_read(listening, ids[-1])
    await turns.until(1)

    assert await turns.give() == 3
    assert listening.taken == [[ids]] * 3
    assert not turns.waiting


async def until_read(listening: Listening, id: UUID) -> None:
    """Wait until the feed has read a row."""
    (tail,) = listening._feed._tails.values()
    await until(lambda: tail.last_key is not None and tail.last_key[1] == id)


async def test_a_large_group_is_woken_in_several_turns(world: World, listening: Listening, turns: GivenTurns) -> None:
    case_id = await opened_case(world)
    await listening.begin(2 * AT_ONCE + 1, "group")

    await comment(world, case_id)
    await turns.until(1)

    assert [await turns.give() for _ in range(3)] == [AT_ONCE, AT_ONCE, 1]
    assert not turns.waiting


async def test_rows_of_other_cases_do_not_wake_who_follows_one(
    world: World, listening: Listening, turns: GivenTurns
) -> None:
    case_id, other = await opened_case(world), await opened_case(world)
    await listening.begin(1, "group", case_id)
    await listening.begin(1, "group", other)

    for _ in range(3):
        id = await comment(world, other)
        await until_read(listening, id)
    await turns.until(1)
    assert await turns.give() == 1

    assert [len(taken) for taken in listening.taken] == [0, 1]


async def test_one_that_goes_leaves_its_group_to_the_others(
    world: World, listening: Listening, turns: GivenTurns
) -> None:
    case_id = await opened_case(world)
    await listening.begin(3, "group")
    listening.tasks[1].cancel()
    await asyncio.gather(listening.tasks[1], return_exceptions=True)

    id = await comment(world, case_id)
    await turns.until(1)

    assert await turns.give() == 2
    assert listening.taken == [[[id]], [], [[id]]]
