"""Small questions of one moment share a statement, those of one account alone; each has its own answer and end."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from app.api.dataloaders.loaders import NOTHING_KNOWN, CaseKey, Loaders
from app.db.coalescing import CROWD, CROWDED_S, FEW, MOST, UNDER_WAY, Coalescer
from app.db.repository.cases import EVERY_CASE_COLUMN
from app.db.rows import CaseRow
from tests.support.recorded_sql import recorded
from tests.support.world import World, make_world


async def load_case(world: World, which: UUID) -> CaseRow | None:
    """Return what an operation of its own finds."""
    loaders = Loaders(world.database, world.account_id, NOTHING_KNOWN, {})
    found: CaseRow | None = await loaders.cases_with.load(CaseKey(which, EVERY_CASE_COLUMN))
    return found


# --- On the databases ------------------------------------------------------------------------------------------------


async def test_operations_of_one_moment_share_statements_and_each_gets_its_own_case(world: World) -> None:
    ids = [(await world.open_case()).case.id for _ in range(6)]
    requested = [*ids, uuid4(), *ids, *ids]

    with recorded() as sent:
        found = await asyncio.gather(*(load_case(world, id) for id in requested))

    assert [row and row.id for row in found] == [id if id in ids else None for id in requested]
    assert sent == ["SELECT cases"] * (UNDER_WAY + 1)


async def test_accounts_never_share(world: World) -> None:
    elsewhere = await make_world(world.database)
    ids = [(await world.open_case()).case.id for _ in range(6)]
    own = [(await elsewhere.open_case()).case.id for _ in range(6)]

    with recorded() as sent:
        found = await asyncio.gather(*(load_case(asking, id) for id in [*ids, *own] for asking in (world, elsewhere)))

    for row, (id, asking) in zip(found, [(id, asking) for id in [*ids, *own] for asking in "ab"], strict=True):
        assert (row is not None) == ((id in ids) == (asking == "a"))
        assert row is None or row.id == id
    assert sent == ["SELECT cases"] * 2 * (UNDER_WAY + 1)


# --- By itself -------------------------------------------------------------------------------------------------------


class Sending:
    """Answers each id with its double, once it is let."""

    def __init__(self) -> None:
        self.sent: list[list[int]] = []
        self.may_go = asyncio.Event()
        self.fault: Exception | None = None

    async def __call__(self, ids: list[int]) -> Sequence[int]:
        self.sent.append(ids)
        await self.may_go.wait()
        if self.fault is not None and len(ids) > 1:
            raise self.fault
        return [2 * id for id in ids]


async def requested(coalescer: Coalescer, send: Sending, *questions: list[int]) -> list["asyncio.Task[Any]"]:
    tasks = [asyncio.create_task(coalescer.ask("kind", ids, send)) for ids in questions]
    await asyncio.sleep(0)
    return tasks


async def crowd_together(coalescer: Coalescer, send: Sending) -> None:
    """Have so many wait for the next statement that there is a crowd, and answer them; nobody else is let go."""
    tasks = await requested(coalescer, send, *([id] for id in range(UNDER_WAY + CROWD)))
    send.may_go.set()
    await asyncio.gather(*tasks)
    send.may_go.clear()
    send.sent.clear()


async def test_who_comes_while_enough_are_under_way_shares_the_next_statement_and_no_earlier_one() -> None:
    coalescer, send = Coalescer(), Sending()

    tasks = await requested(coalescer, send, [1], [2], [3], [4, 5], [6])
    under_way = list(send.sent)
    send.may_go.set()

    assert await asyncio.gather(*tasks) == [[2], [4], [6], [8, 10], [12]]
    assert under_way == [[1], [2]]
    assert send.sent == [[1], [2], [3, 4, 5, 6]]


async def test_in_a_crowd_callers_of_one_turn_share_a_statement_and_none_is_sent_beside_it() -> None:
    now = 0.0
    coalescer, send = Coalescer(lambda: now), Sending()
    await crowd_together(coalescer, send)

    tasks = await requested(coalescer, send, [20], [21], [22])
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tasks += await requested(coalescer, send, [23])
    under_way = list(send.sent)
    send.may_go.set()

    assert await asyncio.gather(*tasks) == [[40], [42], [44], [46]]
    assert under_way == [[20, 21, 22]]
    assert send.sent == [[20, 21, 22], [23]]


async def test_a_moment_after_a_crowd_two_are_sent_without_waiting_for_each_other_again() -> None:
    now = 0.0
    coalescer, send = Coalescer(lambda: now), Sending()
    await crowd_together(coalescer, send)
    now += CROWDED_S

    tasks = await requested(coalescer, send, [30], [31])
    under_way = list(send.sent)
    send.may_go.set()

    assert await asyncio.gather(*tasks) == [[60], [62]]
    assert under_way == [[30], [31]]


async def test_in_a_crowd_a_caller_that_is_cancelled_at_once_leaves_nothing_behind() -> None:
    coalescer, send = Coalescer(lambda: 0.0), Sending()
    await crowd_together(coalescer, send)
    send.may_go.set()

    (task,) = await requested(coalescer, send, [20])
    task.cancel()
    ended = await asyncio.gather(task, return_exceptions=True)
    await asyncio.sleep(0)

    assert isinstance(ended[0], asyncio.CancelledError)
    assert coalescer._kinds == {}
    assert await coalescer.ask("kind", [21], send) == [42]
    assert [20] not in send.sent


async def test_a_statement_that_fails_fails_for_those_who_share_it_alone_and_the_next_is_sent() -> None:
    coalescer, send = Coalescer(), Sending()
    send.fault = OSError("the disk is gone")

    tasks = await requested(coalescer, send, [1], [2], [3], [4])
    send.may_go.set()
    ended = await asyncio.gather(*tasks, return_exceptions=True)

    assert ended == [[2], [4], send.fault, send.fault]
    assert await coalescer.ask("kind", [5], send) == [10]


async def test_a_cancelled_caller_is_left_out_of_its_batch_and_the_others_get_answers() -> None:
    coalescer, send = Coalescer(), Sending()

    tasks = await requested(coalescer, send, [1], [2], [3], [4])
    tasks[0].cancel()  # it is under way: its place is free
    tasks[2].cancel()  # it waits
    await asyncio.sleep(0.01)
    send.may_go.set()
    ended = await asyncio.gather(*tasks, return_exceptions=True)

    assert [isinstance(end, asyncio.CancelledError) for end in ended] == [True, False, True, False]
    assert (ended[1], ended[3]) == ([4], [8])
    assert send.sent == [[1], [2], [4]]


async def test_many_ids_go_alone_and_shared_statements_have_an_end() -> None:
    coalescer, send = Coalescer(), Sending()
    many = list(range(FEW + 1))
    few = [list(range(FEW)) for _ in range(UNDER_WAY + MOST // FEW + 3)]

    tasks = await requested(coalescer, send, *few, many)
    send.may_go.set()
    await asyncio.gather(*tasks)

    assert many in send.sent[: UNDER_WAY + 1]
    assert sorted(map(len, send.sent)) == sorted([FEW] * UNDER_WAY + [len(many), MOST, 3 * FEW])


async def test_kinds_do_not_meet_and_none_is_kept() -> None:
    coalescer, send = Coalescer(), Sending()

    tasks = [asyncio.create_task(coalescer.ask(id % 3, [id], send)) for id in range(12)]
    await asyncio.sleep(0)
    send.may_go.set()
    await asyncio.gather(*tasks)
    await asyncio.sleep(0)

    assert sorted(send.sent) == sorted([[id] for id in range(6)] + [[6, 9], [7, 10], [8, 11]])
    assert coalescer._kinds == {}
