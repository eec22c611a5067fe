"""Long work gives way to others: in slices of the event loop, with and without a plan, down to the writing of JSON."""

import asyncio
import gc
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import orjson
import pytest

from app.api import operation_runner
from app.api.execution import budget as budgets
from app.api.execution.budget import Budget
from app.api.execution.slices import Slices
from app.api.http.writing import written
from app.domain.errors import QueryTooComplex
from app.domain.model import CaseStatus
from tests.support.api import Api
from tests.support.argument_values import values_of
from tests.support.bulk import filled
from tests.support.random_operations import Author
from tests.support.world import World

pytestmark = pytest.mark.long


class Lag:
    """The longest time for which the event loop did nothing else: that of this thread, on a machine busy or not.

    The collector rests meanwhile: it goes through all that the tests before have left.
    """

    longest = 0.0

    @asynccontextmanager
    async def watched(self) -> AsyncIterator["Lag"]:
        ticking = asyncio.create_task(self._tick())
        gc.disable()
        await asyncio.sleep(0)
        try:
            yield self
        finally:
            gc.enable()
            ticking.cancel()

    async def _tick(self) -> None:
        while True:
            before = time.thread_time()
            await asyncio.sleep(0)
            self.longest = max(self.longest, time.thread_time() - before)


async def test_many_who_work_long_share_the_slices_of_one() -> None:
    slices = Slices(0.005)
    turns: list[set[int]] = [set()]

    async def work(number: int) -> None:
        end = time.perf_counter() + 0.5
        while time.perf_counter() < end:
            if slices.is_over:
                await slices.next()
            turns[-1].add(number)
            sum(range(1_000))

    async def tick() -> None:
        while True:
            turns.append(set())
            await asyncio.sleep(0)

    ticking = asyncio.create_task(tick())
    await asyncio.gather(*(work(number) for number in range(20)))
    ticking.cancel()

    # With a slice for each, all 20 work in each turn of the event loop; with one for all, who had it and who has it.
    assert sum(len(workers) > 2 for workers in turns[2:]) == 0
    assert set().union(*turns) == set(range(20))


async def test_a_cancelled_task_takes_no_turn() -> None:
    slices = Slices(0)
    waiting = [asyncio.create_task(slices.next()) for _ in range(5)]
    await asyncio.sleep(0)
    for task in waiting[:4]:
        task.cancel()
    async with asyncio.timeout(30):
        ended = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(result) for result in ended] == [asyncio.CancelledError] * 4 + [type(None)]


# Of much text and many objects, by all that an answer has: connections, relations, lists, and one person many times.
MUCH = """query($n: Int) { cases(first: $n) { nodes { ...C } edges { cursor node { ...C } } } }
fragment C on Case { id reference title status statusLabel createdAt version headHash subject { label type version }
    createdBy { displayName email roles } availableActions { action allowed }
    actions(first: 12) { edges { cursor node { seq type typeLabel hash user { displayName } case { reference }
        comment { body author { email } } } } } }"""


@pytest.fixture
async def plain(fresh_url: str) -> AsyncIterator[Api]:
    """The same gateway without plans."""
    async with Api.opened(fresh_url, plans=False, max_cost=1_000_000) as opened:
        yield opened


async def test_an_operation_without_a_plan_gives_way_to_others(world: World, plain: Api) -> None:
    await filled(world, cases=60, actions=700)

    async with Lag().watched() as lag:
        started = time.thread_time()
        answer = await plain.run(world.ada.token, MUCH, {"n": 60})
        taken = time.thread_time() - started

    assert len(answer["cases"]["nodes"]) == 60
    print(f"took {taken:.3f} s, others waited {lag.longest:.3f} s")  # noqa: T201  # shown by -rP
    assert lag.longest < taken / 2  # without slices they wait for all of it, on any machine


@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")  # what was not begun yet is given up, too
async def test_the_deadline_stops_what_is_built_without_waiting_for_anything(world: World, fresh_url: str) -> None:
    await filled(world, cases=60, actions=700)
    async with Api.opened(fresh_url, plans=False, max_cost=1_000_000, deadline=0.15) as api:
        started = time.thread_time()
        answer = await api.send(world.ada.token, MUCH, {"n": 60})
        taken = time.thread_time() - started

    assert answer.json()["errors"][0]["extensions"]["code"] == "DEADLINE_EXCEEDED"
    assert answer.status_code == 503
    assert taken < 10  # all of it takes more than a second on a fast machine, and far more on a slow one


class Hurried(Slices):
    """Slices of no time: whoever may pause does."""

    def __init__(self) -> None:
        super().__init__(0)


@pytest.fixture
async def hurried(fresh_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Api, Api]]:
    """The gateway with a plan and without, where whoever may pause does so at every step."""
    monkeypatch.setattr(operation_runner, "Slices", Hurried)
    async with Api.opened(fresh_url) as planned, Api.opened(fresh_url, plans=False) as plain:
        yield planned, plain


def without_identity(sent: list[str]) -> list[str]:
    """Leave out the look-up of the token's person, which the identity cache repeats after some seconds."""
    return [statement for statement in sent if "FROM api_tokens" not in statement]


@pytest.mark.parametrize("look_after", [0, 7])
async def test_pauses_change_no_answer_and_no_number_of_statements(
    world: World,
    api: Api,
    hurried: tuple[Api, Api],
    statements: Callable[[], list[str]],
    monkeypatch: pytest.MonkeyPatch,
    look_after: int,
) -> None:
    await filled(world, cases=20, actions=200)
    await world.case_in(CaseStatus.PENDING_REVIEW)
    dice, values = random.Random(5), await values_of(world, api)
    operations = [(MUCH, {"n": 20})]
    operations += [
        (found.document, dict(found.variables)) for found in (Author(dice, values).query() for _ in range(12))
    ]

    for document, variables in operations:
        monkeypatch.setattr(budgets, "LOOK_AFTER", 10**9)
        statements()
        expected = await api.send(world.bea.token, document, variables, x_request_id="the-same")
        sent = len(without_identity(statements()))
        monkeypatch.setattr(budgets, "LOOK_AFTER", look_after)
        for client in (*hurried, hurried[0]):
            statements()
            answer = await client.send(world.bea.token, document, variables, x_request_id="the-same")
            if "errors" in expected.json():  # a plan that fails is executed again
                assert answer.json().get("data") == expected.json().get("data")
                continue
            assert answer.content == expected.content
            assert len(without_identity(statements())) <= sent, document


# --- Writing ---------------------------------------------------------------------------------------------------------


async def test_what_is_written_in_parts_is_what_is_written_at_once() -> None:
    dice = random.Random(2)

    def value(depth: int) -> object:
        leaves: list[object] = [None, True, 1, 2.5, 'é"\n', "", [], {}]
        if depth == 0 or dice.random() < 0.3:
            return dice.choice(leaves)
        if dice.random() < 0.5:
            return [value(depth - 1) for _ in range(dice.randint(0, 4))]
        return {f'k"{index}': value(depth - 1) for index in range(dice.randint(0, 4))}

    for _ in range(300):
        body = {"data": value(5)}
        budget = Budget(Slices(0))
        budget.count(1_000_000, 0)
        assert await written(body, budget) == orjson.dumps(body)


@pytest.mark.parametrize("fields", [0, 1_000_000])
async def test_an_answer_is_written_no_further_than_its_bound(fields: int) -> None:
    body = {"data": [{"a": "é" * 50}] * 1_000}
    length = len(orjson.dumps(body))
    for bound, is_refused in ((length, False), (length - 1, True), (10, True)):
        budget = Budget(Slices(), bound)
        budget.count(fields, 0)
        if is_refused:
            with pytest.raises(QueryTooComplex) as refused:
                await written(body, budget)
            assert refused.value.params["what"] == "bytes"
        else:
            assert len(await written(body, budget)) == length


class Counted(Slices):
    """Slices of no time, which are counted."""

    begun = 0

    async def next(self, account: int = 0, number: int = 0, *, is_short: bool = False) -> None:
        self.begun += 1


async def test_a_long_text_is_written_in_parts_of_a_tenth_of_a_megabyte() -> None:
    slices = Counted(0)
    budget = Budget(slices)
    budget.count(300, 3_000_000)

    await written({"data": [{"a": "x" * 10_000}] * 300}, budget)

    assert slices.begun >= 25


async def test_a_large_answer_is_written_in_slices() -> None:
    body = {"data": [{"a": [{"b": "x" * 100}] * 10}] * 50_000}
    budget = Budget(Slices(), 1 << 30)
    budget.count(1_000_000, 0)

    async with Lag().watched() as lag:
        started = time.thread_time()
        await written(body, budget)
        taken = time.thread_time() - started

    assert lag.longest < taken / 2
