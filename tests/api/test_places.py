"""Operations with a high price, and long statements, of an account go on one by one while other accounts are there."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.api.execution import places as module
from app.api.execution.places import MOST, OperationPlace, Places, Presence
from app.api.execution.slices import CROWD, OperationSlices, Slices

TOKEN = 10
TURNS = 10
"""Of the event loop, in which whoever has a place goes on."""


@pytest.fixture(autouse=True)
def timeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who was there once stays."""
    monkeypatch.setattr(module, "ALONE_S", 1e9)


@pytest.fixture
async def places() -> AsyncIterator[Places]:
    """The places where accounts 1 and 2 are; nobody has one in the end."""
    presence = Presence()
    presence.enter(2)
    presence.enter(1)
    made = Places(presence)
    yield made
    tasks = [asyncio.create_task(OperationPlace(made).take(account, TOKEN)) for account in (1, 2)]
    await turns()
    assert all(task.done() for task in tasks)


async def turns() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def requested(
    places: Places, account: int, number: int, token: int = TOKEN
) -> "list[tuple[OperationPlace, asyncio.Task[None]]]":
    """Return the places of so many operations, each with who waits for it."""
    made = [OperationPlace(places) for _ in range(number)]
    tasks = [asyncio.create_task(place.take(account, token)) for place in made]
    await turns()
    return list(zip(made, tasks, strict=True))


async def test_an_account_has_its_places_one_after_the_other(places: Places) -> None:
    waiting = await requested(places, 1, MOST + 2)
    assert [task.done() for _, task in waiting] == [True] * MOST + [False, False]

    for number, (place, _) in enumerate(waiting, 1):
        place.leave()
        await turns()
        assert sum(task.done() for _, task in waiting) == min(MOST + number, len(waiting))


async def test_no_account_waits_for_another_ones_places(places: Places) -> None:
    waiting = await requested(places, 1, MOST + 1)
    others = await requested(places, 2, MOST)

    assert all(task.done() for _, task in others)
    for place, _ in [*waiting, *others]:
        place.leave()
        await turns()


async def test_tokens_of_an_account_have_its_places_in_turn(places: Places) -> None:
    many = await requested(places, 1, MOST + 3)
    ((colleague, waiting),) = await requested(places, 1, 1, token=TOKEN + 1)

    many[0][0].leave()  # whose token was there first has this turn, the colleague the next one
    await turns()
    assert [task.done() for _, task in many[MOST:]] == [True, False, False] and not waiting.done()
    many[MOST][0].leave()
    await turns()
    assert [task.done() for _, task in many[MOST:]] == [True, False, False] and waiting.done()

    for place in [colleague, *(place for place, _ in many[1:])]:
        place.leave()
        await turns()


async def test_a_colleagues_statement_need_not_wait_for_all_that_another_token_has_sent() -> None:
    slices, ended = Slices(1e-6), list[str]()
    await begun(slices, 2)
    tokens = {"first": 1, "second": 1, "third": 1, "colleague": 2}
    operations = {name: await begun(slices, 1, token) for name, token in tokens.items()}
    for operation in operations.values():
        await operation.expect_long(needs_place=False)

    async def execute(name: str) -> None:
        async with operations[name].long_statement():
            await turns()
        ended.append(name)
        operations[name].end()

    async with asyncio.timeout(30):
        await asyncio.gather(*map(execute, operations))
    assert ended == ["first", "second", "colleague", "third"]


async def test_an_operation_has_its_next_statement_before_later_ones_have_their_first() -> None:
    slices, statements = Slices(1e-6), list[str]()
    await begun(slices, 2)
    operations = {name: await begun(slices, 1) for name in ("first", "second", "third", "fourth")}
    for operation in operations.values():
        await operation.expect_long(needs_place=False)

    async def execute(name: str) -> None:
        for _ in range(2):
            async with operations[name].long_statement():
                statements.append(name)
                await turns()
        operations[name].end()

    async with asyncio.timeout(30):
        await asyncio.gather(*map(execute, operations))
    assert statements.index("third") > max(place for place, name in enumerate(statements) if name == "first")
    assert statements.index("fourth") > max(place for place, name in enumerate(statements) if name == "second")


@pytest.mark.parametrize("is_long_ago", [False, True])
async def test_an_account_that_is_alone_has_as_many_as_it_likes(
    is_long_ago: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    presence = Presence()
    if is_long_ago:
        monkeypatch.setattr(module, "ALONE_S", 0)
        presence.enter(2)
        presence.leave(2)
    presence.enter(1)

    assert all(task.done() for _, task in await requested(Places(presence), 1, MOST + 5))


async def test_who_has_an_operation_under_way_is_there_for_as_long_as_that_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ALONE_S", 0)
    slices = Slices()
    first, second = await begun(slices, 2), await begun(slices, 2)
    assert not slices.presence.is_alone(1)

    for operation in (first, first, second):  # the end is noted by whoever comes to it, perhaps twice
        assert not slices.presence.is_alone(1)
        operation.end()

    assert slices.presence.is_alone(1) and slices.presence.is_alone(2)


async def test_who_waits_for_a_long_statement_needs_no_place_and_has_one_again_afterwards(places: Places) -> None:
    ((first, _), (second, waiting)) = await requested(places, 1, 2)
    ended = asyncio.Event()

    async def read() -> None:
        async with first.aside():
            await ended.wait()

    reading = asyncio.create_task(read())
    await turns()
    assert waiting.done()
    ended.set()
    await turns()
    assert not reading.done()
    second.leave()
    await turns()
    assert reading.done()
    first.leave()


async def test_of_several_long_statements_the_last_one_brings_the_place_back(places: Places) -> None:
    ((first, _),) = await requested(places, 1, 1)
    async with first.aside():
        async with first.aside():
            pass
        ((second, task),) = await requested(places, 1, 1)
        assert task.done()
        second.leave()

    ((third, task),) = await requested(places, 1, 1)
    assert not task.done()
    first.leave()
    await turns()
    assert task.done()
    third.leave()


async def test_a_wait_that_is_cancelled_takes_no_place(places: Places) -> None:
    ((first, _), (_, given_up), (last, waiting)) = await requested(places, 1, 3)
    given_up.cancel()
    first.leave()
    await turns()
    assert waiting.done()
    last.leave()


async def test_a_place_that_comes_as_its_wait_is_cancelled_is_handed_on(places: Places) -> None:
    ((first, _), (_, given_up), (last, waiting)) = await requested(places, 1, 3)
    first.leave()
    given_up.cancel()
    await turns()
    assert given_up.cancelled() and waiting.done()
    last.leave()


async def test_a_place_that_comes_after_the_operations_end_is_given_back(places: Places) -> None:
    ((first, _), (second, waiting)) = await requested(places, 1, 2)
    second.leave()
    first.leave()
    await turns()

    assert waiting.done()


async def test_an_operation_with_a_high_price_waits_for_the_one_before_it() -> None:
    slices = Slices(1e-6)
    slices.arrive().end()
    await begun(slices, 2)
    first, second = await begun(slices, 1), await begun(slices, 1)
    await first.expect_long()
    waiting = asyncio.create_task(second.expect_long())
    await (await begun(slices, 1)).expect_long(needs_place=False)
    await turns()
    assert not waiting.done()

    first.end()

    async with asyncio.timeout(30):
        await waiting
    second.end()


@pytest.mark.parametrize(("others", "at_once"), [([2], MOST), ([], 3)], ids=["other accounts", "alone"])
async def test_long_operations_of_an_account_have_their_statements_one_by_one(others: list[int], at_once: int) -> None:
    slices = Slices(1e-6)
    operations = [await begun(slices, account) for account in [*others, 1, 1, 1]][len(others) :]
    for operation in operations:
        await operation.expect_long(needs_place=False)
    assert await statements_at_once(operations) == at_once


async def test_many_short_operations_of_an_account_have_their_statements_one_by_one_too() -> None:
    slices = Slices(1e-6)
    await begun(slices, 2)
    assert await statements_at_once([await begun(slices, 1) for _ in range(CROWD - 1)]) == CROWD - 1
    assert await statements_at_once([await begun(slices, 1) for _ in range(CROWD)]) == MOST


async def statements_at_once(operations: list[OperationSlices]) -> int:
    """Return how many of the operations were at most in a long statement at once; each has had one in the end."""
    there, most = 0, 0

    async def execute(operation: OperationSlices) -> None:
        nonlocal there, most
        async with operation.long_statement():
            there += 1
            most = max(most, there)
            await turns()
            there -= 1
        operation.end()

    async with asyncio.timeout(30):
        await asyncio.gather(*map(execute, operations))
    return most


async def begun(slices: Slices, account: int, token: int = TOKEN) -> OperationSlices:
    operation = slices.arrive()
    await operation.begin(account, token)
    return operation
