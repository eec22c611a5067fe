"""Long work gives way to short operations, and accounts have their slices in turn: who goes on when, by order."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from app.api import operation_runner
from app.api.execution import slices as module
from app.api.execution.slices import OperationSlices, Slices
from tests.support.api import Api
from tests.support.bulk import filled
from tests.support.world import World, make_world

TURNS = 30
"""Of the event loop, in which whoever may go on does."""
NEVER = 1e-12
"""A share of the time so small that none of it comes in a test."""

MUCH = """{ cases(first: 60) { nodes { id title status subject { label type } createdBy { displayName email }
    actions(first: 12) { nodes { seq type hash user { displayName } comment { body } } } } } }"""


@pytest.fixture(autouse=True)
def timeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that is held goes on because time has passed."""
    for name in ("YOUNG_S", "START_S", "BUSY_S"):
        monkeypatch.setattr(module, name, 1e9)


async def turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def long_operation(slices: Slices, account: int) -> OperationSlices:
    """Return an operation that has used up its first slice."""
    operation = slices.arrive()
    await operation.begin(account)
    await operation.pause()
    return operation


async def test_long_work_waits_until_a_short_operation_is_over() -> None:
    slices = Slices(1e-6, least_share=NEVER)
    long = await long_operation(slices, 1)
    short = slices.arrive()
    pausing = asyncio.create_task(long.pause())

    await turns()
    assert not pausing.done()
    short.end()
    await turns()
    assert pausing.done()


async def test_a_request_that_came_during_a_slice_arrives_before_the_next_one() -> None:
    slices, loop = Slices(1e-6, least_share=NEVER), asyncio.get_running_loop()
    long = await long_operation(slices, 1)
    arrived: list[asyncio.Task[OperationSlices]] = []

    async def arrive() -> OperationSlices:
        return slices.arrive()

    def receive() -> None:
        """Do as the server: what is received in a turn of the loop is handled by a task in the next one."""
        arrived.append(asyncio.create_task(arrive()))

    pausing = asyncio.create_task(long.pause())
    loop.call_soon(loop.call_soon, receive)  # behind what the end of the slice has scheduled

    await turns()
    assert not pausing.done()
    (await arrived[0]).end()
    await pausing


async def test_long_work_has_its_least_share_beside_short_operations_that_never_end() -> None:
    slices = Slices(1e-6, least_share=0.5)
    long = await long_operation(slices, 1)
    slices.arrive()

    async def go_on() -> None:
        for _ in range(100):
            await long.pause()

    done, waiting = await asyncio.wait([asyncio.create_task(go_on())], timeout=30)

    assert (len(done), waiting) == (1, set())


async def test_nothing_gives_way_for_long_to_what_waits_for_something_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "YOUNG_S", 0)
    slices = Slices(1e-6, least_share=NEVER)
    long = await long_operation(slices, 1)
    slices.arrive()

    pausing = asyncio.create_task(long.pause())
    await turns()

    assert pausing.done() and pausing.exception() is None


async def test_an_operation_is_short_until_it_has_used_a_slice() -> None:
    slices = Slices(1e-6, least_share=NEVER)
    operation = slices.arrive()
    await operation.begin(1)
    other = slices.arrive()

    async with asyncio.timeout(30):
        await operation.pause()
    pausing = asyncio.create_task(operation.pause())
    await turns()
    assert not pausing.done()
    other.end()
    await pausing


async def test_what_has_a_high_price_begins_once_no_other_account_has_a_short_operation() -> None:
    slices = Slices(1e-6)
    dear = slices.arrive()
    await dear.begin(1)
    reading = slices.arrive()
    await reading.begin(2)

    beginning = asyncio.create_task(dear.expect_long())
    await turns()
    assert not beginning.done()
    reading.end()
    await turns()
    assert beginning.done()


async def test_of_many_operations_that_an_account_begins_at_once_none_has_a_slice_before_another_account() -> None:
    slices = Slices(1e-6, least_share=NEVER)
    many = [slices.arrive() for _ in range(module.CROWD)]
    for operation in many:
        await operation.begin(1)
    other = slices.arrive()
    pausing = [asyncio.create_task(operation.pause()) for operation in many]

    await turns()
    assert not any(task.done() for task in pausing)
    other.end()
    await asyncio.gather(*pausing)


async def order_of(named: dict[str, Callable[[], Any]]) -> list[str]:
    """Return in which order those go on that ask in this order."""
    order: list[str] = []

    async def go(name: str, wait: Callable[[], Any]) -> None:
        await wait()
        order.append(name)

    async with asyncio.timeout(30):
        await asyncio.gather(*(go(name, wait) for name, wait in named.items()))
    return order


async def test_accounts_go_on_in_turn_and_of_each_the_oldest_operation() -> None:
    slices = Slices(1e-6)
    of_one = [await long_operation(slices, 1) for _ in range(3)]
    of_other = await long_operation(slices, 2)
    for operation in (*of_one, of_other):
        operation.end()
    waiting = {
        "third": lambda: slices.next(1, 3),
        "first": lambda: slices.next(1, 1),
        "second": lambda: slices.next(1, 2),
        "other": lambda: slices.next(2, 4),
    }

    assert await order_of(waiting) == ["first", "other", "second", "third"]


async def test_an_account_with_long_operations_begins_others_by_turns_with_these() -> None:
    slices = Slices(1e-6)
    (await long_operation(slices, 1)).end()
    waiting = {
        "long": lambda: slices.next(1, 1),
        "longer": lambda: slices.next(1, 2),
        "begins": lambda: slices.start(1),
        "begins then": lambda: slices.start(1),
    }

    assert await order_of(waiting) == ["begins", "long", "begins then", "longer"]


async def test_an_account_with_long_operations_begins_no_other_beside_another_accounts_short_one() -> None:
    slices = Slices(1e-6)
    long = await long_operation(slices, 1)
    await long.pause()
    reading = slices.arrive()
    await reading.begin(2)

    beginning = asyncio.create_task(slices.arrive().begin(1))
    await turns()
    assert not beginning.done()
    async with asyncio.timeout(30):
        await slices.arrive().begin(3)  # who has none begins at once
    reading.end()
    await turns()
    assert not beginning.done()  # the third is short, too


async def test_a_wait_that_is_cancelled_delays_no_other() -> None:
    slices = Slices(1e-6)
    (await long_operation(slices, 1)).end()
    given_up = [asyncio.create_task(slices.start(1)), asyncio.create_task(slices.next(1, 1))]
    await asyncio.sleep(0)
    for task in given_up:
        task.cancel()

    later = [asyncio.create_task(slices.next(1, 2)), asyncio.create_task(slices.start(1))]
    done, waiting = await asyncio.wait(later, timeout=30)

    assert all(task.cancelled() for task in given_up)
    assert (len(done), waiting) == (2, set())


# --- The gateway -----------------------------------------------------------------------------------------------------


class Watched(Slices):
    """Slices of no time, of which long work has none while short operations are under way; counts long slices."""

    made: list["Watched"] = []  # noqa: RUF012  # emptied by the fixture

    def __init__(self) -> None:
        super().__init__(1e-6, NEVER)
        self.begun = self.started = 0
        self.made.append(self)

    async def start(self, account: int) -> None:
        self.started += 1
        await super().start(account)

    async def next(self, account: int = 0, number: int = 0, *, is_short: bool = False) -> None:
        await super().next(account, number, is_short=is_short)
        self.begun += not is_short


@pytest.fixture(params=[True, False], ids=["planned", "plain"])
async def watched(
    fresh_url: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[tuple[Api, Watched]]:
    Watched.made.clear()
    monkeypatch.setattr(operation_runner, "Slices", Watched)
    async with Api.opened(fresh_url, plans=request.param) as api:
        (slices,) = Watched.made
        yield api, slices


async def test_long_operations_of_an_account_stand_still_while_another_one_reads_a_case(
    world: World, watched: tuple[Api, Watched]
) -> None:
    api, slices = watched
    await filled(world, cases=60, actions=700)
    other = await make_world(world.database)
    case = f'{{ case(id: "{(await other.open_case()).case.id}") {{ id title status }} }}'
    expected = await api.run(other.ada.token, case)
    much = await api.run(world.bea.token, MUCH)
    slices.begun = 0

    flood = [asyncio.create_task(api.run(world.bea.token, MUCH)) for _ in range(4)]
    meanwhile = []
    async with asyncio.timeout(60):
        while not all(task.done() for task in flood):
            before = slices.begun
            assert await api.run(other.ada.token, case) == expected
            meanwhile.append(slices.begun - before)
            await turns()

    assert slices.begun >= 20
    assert max(meanwhile) <= 1, meanwhile  # what had begun when the request came
    assert await asyncio.gather(*flood) == [much] * 4


async def test_an_operation_with_a_high_price_waits_for_its_turn_before_it_reads(
    world: World, watched: tuple[Api, Watched]
) -> None:
    api, slices = watched
    other = await make_world(world.database)
    await api.run(world.bea.token, MUCH)  # a new document has its turn before it is looked at
    slices.started = 0

    await api.run(other.bea.token, "{ viewer { user { displayName } } }")
    assert slices.started == 0
    await api.run(other.bea.token, MUCH)
    assert slices.started == 1


async def test_a_long_operation_waits_for_a_slice_before_each_statement_that_takes_long(
    world: World, watched: tuple[Api, Watched]
) -> None:
    api, slices = watched
    begun = []
    for query in (
        "{ cases(first: 1) { nodes { id } } }",
        '{ cases(search: "a", first: 1) { totalCount nodes { id } } }',
    ):
        await api.run(world.bea.token, query)
        slices.begun = 0
        await api.run(world.bea.token, query)
        begun.append(slices.begun)

    assert begun == [0, 2]  # the page, and how many there are; a search has a high price


async def test_what_may_be_done_with_each_of_many_cases_is_found_out_in_slices(
    world: World, watched: tuple[Api, Watched]
) -> None:
    api, slices = watched
    await filled(world, cases=60, actions=700)
    begun = []
    for fields in ("id", "id availableActions { action allowed }"):
        query = f"{{ cases(first: 60) {{ nodes {{ {fields} }} }} }}"
        await api.run(world.bea.token, query)
        slices.begun = 0
        await api.run(world.bea.token, query)
        begun.append(slices.begun)

    assert begun[1] >= begun[0] + 5, begun
