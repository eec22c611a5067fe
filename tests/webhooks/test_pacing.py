"""Deliveries give way to requests: what they get, by how busy the process is."""

import asyncio
import time
from collections.abc import Callable
from uuid import uuid4

import pytest

from app.documents.store import DocumentStore
from app.domain.commands import AddComment
from app.web.concurrency import AdmittedOperation, ConcurrencyLimiter
from app.webhooks.pacing import COST_S, WINDOW_S, Pace, allowed_share
from tests.support.webhook_endpoints import WebhookEndpoint
from tests.support.webhooks import delivering, register, until
from tests.support.world import World

LEAST = 0.04


class Clock:
    """Time that passes only while somebody sleeps, or is moved; *busy* tells when requests are under way."""

    def __init__(self, busy: Callable[[float], float]) -> None:
        self.seconds = 0.0
        self._busy = busy
        self.busy_s = 0.0

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.pass_by(seconds)
        await asyncio.sleep(0)

    def pass_by(self, seconds: float) -> None:
        self.busy_s += seconds * self._busy(self.seconds)
        self.seconds += seconds

    def pace(self, least: float = LEAST) -> Pace:
        return Pace(lambda: self.busy_s, least, self.now, self.sleep)


async def sent_in(clock: Clock, pace: Pace, seconds: float) -> int:
    """Return how many deliveries have their turn, where each takes what one costs."""
    end, count = clock.seconds + seconds, 0
    while clock.seconds < end:
        await pace.turn()
        clock.pass_by(COST_S)
        count += 1
    return count


@pytest.mark.parametrize(
    ("busy", "share"), [(0, 1), (0.1, 0.8), (0.25, 0.5), (0.47, 0.06), (0.48, 0.04), (0.5, 0.04), (1, 0.04)]
)
def test_the_share_of_deliveries_falls_to_the_least_as_requests_come(busy: float, share: float) -> None:
    assert allowed_share(busy, LEAST) == pytest.approx(share)


async def test_an_idle_process_sends_without_waiting() -> None:
    clock = Clock(lambda _now: 0)
    pace = clock.pace()
    await sent_in(clock, pace, 3 * WINDOW_S)
    start = clock.seconds
    assert await sent_in(clock, pace, 1) == pytest.approx(1 / COST_S, abs=2)
    assert clock.seconds - start == pytest.approx(1, abs=2 * COST_S)


async def test_a_busy_process_sends_by_the_least_share() -> None:
    clock = Clock(lambda _now: 1)
    count = await sent_in(clock, clock.pace(), 10)
    assert count * COST_S / 10 == pytest.approx(LEAST, rel=0.02)


async def test_requests_that_come_after_a_pause_are_given_way_to_at_once() -> None:
    """What was seldom looked at is not taken for idle: else a burst would be sent into the first requests."""
    clock = Clock(lambda now: float(now >= 60))
    pace = clock.pace()
    await sent_in(clock, pace, 1)
    clock.pass_by(60)
    assert await sent_in(clock, pace, 1) <= 2 + LEAST / COST_S


async def test_what_waits_goes_on_when_the_requests_end() -> None:
    clock = Clock(lambda now: float(now < 5))
    pace = clock.pace()
    await sent_in(clock, pace, 5)
    assert await sent_in(clock, pace, 1) >= (1 - 3 * WINDOW_S) / COST_S


async def test_a_share_of_one_never_waits() -> None:
    clock = Clock(lambda _now: 1)
    pace = clock.pace(least=1)
    for _ in range(100):
        await pace.turn()
    assert clock.seconds == 0


async def test_those_that_wait_have_their_turn_in_order_and_one_that_gives_up_leaves_the_others() -> None:
    clock = Clock(lambda _now: 1)
    pace, order = clock.pace(), list[int]()

    async def send(number: int) -> None:
        await pace.turn()
        order.append(number)

    tasks = [asyncio.create_task(send(number)) for number in range(5)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [0, 2, 3, 4]


async def test_deliveries_wait_while_a_request_is_under_way_and_none_is_lost(
    world: World, store: DocumentStore, endpoint: WebhookEndpoint
) -> None:
    gate, request = ConcurrencyLimiter(4), AdmittedOperation(uuid4(), uuid4(), writes=True)
    await gate.enter(request)
    pace, start = Pace(gate.busy_s, least=COST_S / 2), time.monotonic()  # one in two seconds
    async with delivering(world.database, store, pace=pace):
        hook = await register(world, endpoint)
        await until(lambda: endpoint.requests)
        case_id = (await world.open_case()).case.id
        for number in range(20):
            await world.do(world.carl, AddComment(case_id=case_id, comment=str(number)))
        await until(lambda: hook.deliveries)
        await asyncio.sleep(0.3)
        assert len(hook.deliveries) <= 1 + (time.monotonic() - start) / 2

        gate.leave(request)
        await until(lambda: len(hook.deliveries) >= 21)
        assert len(set(hook.actions)) == len(hook.actions) == 21
