"""Events of streams give way to requests, and go on in the moments between these."""

import asyncio
from functools import partial

import pytest

from app.api.event_turns import EVENT_S, LEAST_SHARE, EventTurns


class Requests:
    """Whether requests are under way, and how many events had a turn meanwhile."""

    def __init__(self) -> None:
        self.are_under_way = False
        self.turns = EventTurns(lambda: self.are_under_way)
        self.order: list[int] = []

    async def event(self, number: int, streams: int = 1) -> None:
        await self.turns.turn()
        self.order.append(number)
        for _ in range(streams):
            self.turns.spend()

    def events(self, count: int, streams: int = 1) -> "list[asyncio.Task[None]]":
        return [asyncio.create_task(self.event(number, streams)) for number in range(count)]


@pytest.fixture
def requests() -> Requests:
    return Requests()


async def test_a_request_that_comes_runs_before_the_events_that_wait(requests: Requests) -> None:
    """A thousand streams are woken at once: what is ready beside them is not to wait for all of them."""
    tasks = requests.events(1_000)
    for _ in range(10):
        await asyncio.sleep(0)
    assert 0 < len(requests.order) <= 10
    await asyncio.gather(*tasks)
    assert requests.order == list(range(1_000))


async def test_while_requests_are_under_way_events_get_the_least_share(requests: Requests) -> None:
    requests.are_under_way = True
    tasks = requests.events(4, streams=25)  # each is worth 25 * EVENT_S / LEAST_SHARE = 50 ms
    loop, start = asyncio.get_running_loop(), asyncio.get_running_loop().time()
    await asyncio.gather(*tasks)
    assert loop.time() - start >= 3 * 25 * EVENT_S / LEAST_SHARE - loop_resolution()
    assert requests.order == [0, 1, 2, 3]


def loop_resolution() -> float:
    """Return by how much the loop calls early what it is to call later."""
    return 0.001


async def test_events_go_on_when_the_requests_have_ended(requests: Requests) -> None:
    requests.are_under_way = True
    tasks = requests.events(50, streams=1_000)  # by the least share each would wait for 2 s
    await asyncio.sleep(0.01)
    assert len(requests.order) <= 1
    requests.are_under_way = False
    async with asyncio.timeout(60):
        await asyncio.gather(*tasks)


async def test_what_was_sent_while_nothing_else_went_on_is_not_owed_later(requests: Requests) -> None:
    await asyncio.gather(*requests.events(10, streams=10_000))
    assert await granted_at_once(requests)
    requests.are_under_way = True
    async with asyncio.timeout(60):  # ten times 10 000 events would be owed 200 s
        await asyncio.gather(*requests.events(2))


async def granted_at_once(requests: Requests) -> bool:
    (task,) = requests.events(1)
    for _ in range(3):
        await asyncio.sleep(0)
    return task.done()


async def test_one_that_is_given_up_leaves_its_turn_to_the_next(requests: Requests) -> None:
    requests.are_under_way = True
    tasks = requests.events(3, streams=10)
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert requests.order == [0, 2]
    requests.are_under_way = False
    assert await granted_at_once(requests)


async def test_streams_are_woken_when_their_events_have_their_share(requests: Requests) -> None:
    requests.are_under_way = True
    woken: list[int] = []
    for number in range(3):
        requests.turns.enqueue(partial(woken.append, number), 100_000)  # which are worth 200 s
    for _ in range(10):
        await asyncio.sleep(0)
    assert woken == []

    requests.are_under_way = False
    async with asyncio.timeout(60):
        while len(woken) < 3:
            await requests.turns.turn()
    assert woken == [0, 1, 2]


async def test_groups_that_are_woken_let_others_run_between_them(requests: Requests) -> None:
    woken: list[int] = []
    for number in range(1_000):
        requests.turns.enqueue(partial(woken.append, number), 20)
    for _ in range(10):
        await asyncio.sleep(0)
    assert 0 < len(woken) <= 11
    await requests.turns.turn()
    assert woken == list(range(1_000))
