"""A worker that is full shares its places out between accounts, and sheds reads before writes: by counts and order."""

import asyncio
from collections import Counter
from uuid import UUID, uuid4

import pytest

from app.domain.errors import Overloaded
from app.web.concurrency import QUEUE, AdmittedOperation, ConcurrencyLimiter

PLACES = 10


class Crowd:
    """Operations of accounts at a limiter. `served` has the names of those that got inside, in order."""

    def __init__(self) -> None:
        self.limiter = ConcurrencyLimiter(PLACES, patience=60)
        self.accounts: dict[str, UUID] = {}
        self.served: list[str] = []
        self.inside: list[tuple[str, AdmittedOperation]] = []
        self.waiting: list[asyncio.Task[None]] = []
        self.refused: Counter[str] = Counter()

    async def send(self, name: str, number: int = 1, *, writes: bool = False) -> None:
        """Have so many operations of the account arrive, each of a token of its own."""
        account = self.accounts.setdefault(name, uuid4())
        for _ in range(number):
            entrant = AdmittedOperation(account, uuid4(), writes)
            self.waiting.append(asyncio.create_task(self._enter(name, entrant)))
            await asyncio.sleep(0)
        await _settled()

    async def _enter(self, name: str, entrant: AdmittedOperation) -> None:
        try:
            await self.limiter.enter(entrant)
        except Overloaded:
            self.refused[name] += 1
            return
        self.served.append(f"{name} {'write' if entrant.writes else 'read'}")
        self.inside.append((name, entrant))

    async def end(self, name: str) -> None:
        """Have the first operation of the account that is inside come to its end."""
        index = next(index for index, (held, _) in enumerate(self.inside) if held == name)
        self.limiter.leave(self.inside.pop(index)[1])
        await _settled()

    def held(self) -> Counter[str]:
        return Counter(name for name, _ in self.inside)

    async def close(self) -> None:
        for task in self.waiting:
            task.cancel()
        await asyncio.gather(*self.waiting, return_exceptions=True)


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def flooded() -> Crowd:
    """Return a worker that two accounts have filled."""
    crowd = Crowd()
    await crowd.send("flood", 5, writes=True)
    await crowd.send("other", 5, writes=True)
    assert crowd.held() == {"flood": 5, "other": 5}
    return crowd


@pytest.mark.parametrize("writes", [False, True])
async def test_a_quiet_account_gets_the_next_place_of_a_full_worker(writes: bool) -> None:
    crowd = await flooded()
    await crowd.send("quiet", writes=writes)
    assert crowd.refused == {}
    await crowd.send("flood", 20, writes=True)
    await crowd.send("other", 20, writes=True)

    await crowd.end("flood")

    assert crowd.served[-1].startswith("quiet")
    assert crowd.held() == {"flood": 4, "other": 5, "quiet": 1}
    await crowd.close()


async def test_an_account_that_has_its_share_is_refused_at_once_where_the_worker_is_full() -> None:
    crowd = await flooded()

    await crowd.send("flood", 30, writes=True)

    assert crowd.refused == {"flood": 30}
    await crowd.close()


async def test_places_are_shared_out_evenly_however_many_requests_one_account_sends() -> None:
    crowd = Crowd()
    await crowd.send("flood", 9, writes=True)
    await crowd.send("flood", 9, writes=True)  # these wait
    await crowd.send("second", 9, writes=True)
    await crowd.send("third", 9, writes=True)

    for _ in range(9):
        await crowd.end(crowd.held().most_common(1)[0][0])

    held = crowd.held()
    assert sum(held.values()) == PLACES
    assert max(held.values()) - min(held.values()) <= 1
    assert len(held) == 3
    await crowd.close()


async def test_a_write_is_served_before_the_reads_of_its_account() -> None:
    crowd = await flooded()
    await crowd.send("quiet", 3)
    await crowd.send("quiet", writes=True)

    await crowd.end("flood")
    await crowd.end("other")

    assert crowd.served[-2:] == ["quiet write", "quiet read"]
    await crowd.close()


async def test_reads_that_wait_are_shed_before_writes_and_those_of_the_heaviest_account_first() -> None:
    crowd = await flooded()
    for number in range(QUEUE * PLACES - 6):
        await crowd.send(f"reader {number}")
    await crowd.send("heavy", 6)
    assert crowd.refused == {}

    await crowd.send("writer", writes=True)
    assert crowd.refused == {"heavy": 1}
    await crowd.send("light")
    assert crowd.refused == {"heavy": 2}
    await crowd.send("heavy")

    assert crowd.refused == {"heavy": 3}
    await crowd.end("flood")
    assert crowd.served[-1] == "writer write"
    await crowd.close()


async def test_a_queue_of_writes_gives_way_to_no_read() -> None:
    crowd = await flooded()
    for number in range(QUEUE * PLACES):
        await crowd.send(f"writer {number}", writes=True)

    await crowd.send("reader")
    await crowd.send("one more", writes=True)

    assert crowd.refused == {"reader": 1, "one more": 1}
    await crowd.close()


async def full_of_one(waiting: int) -> Crowd:
    """Return a full worker of which one account has its whole part, and has so many writes wait for more."""
    crowd = Crowd()
    await crowd.send("flood", 9, writes=True)
    await crowd.send("other", writes=True)
    await crowd.send("flood", waiting, writes=True)
    assert (crowd.held(), crowd.refused) == ({"flood": 9, "other": 1}, {})
    return crowd


@pytest.mark.parametrize("writes", [False, True])
async def test_an_account_that_fills_the_queue_keeps_no_other_account_out_of_it(writes: bool) -> None:
    crowd = await full_of_one(waiting=QUEUE * PLACES)

    crowd.limiter.look()
    await crowd.send("quiet", writes=writes)
    await crowd.send("flood", 3, writes=True)
    await crowd.end("flood")

    assert crowd.refused == {"flood": 4}
    assert crowd.served[-1].startswith("quiet")
    await crowd.close()


async def test_writes_of_an_account_that_floods_take_no_read_of_another_out_of_the_queue() -> None:
    crowd = await full_of_one(waiting=QUEUE * PLACES - 2)
    await crowd.send("quiet", 2)

    await crowd.send("flood", 5, writes=True)
    assert crowd.refused == {"flood": 5}
    await crowd.send("late", writes=True)
    assert crowd.refused == {"flood": 6}
    await crowd.end("flood")
    await crowd.end("flood")

    assert crowd.served[-2:] == ["late write", "quiet read"]
    await crowd.close()


async def test_who_was_shed_takes_no_place_along_and_all_places_come_back() -> None:
    crowd = await flooded()
    await crowd.send("quiet", 3)
    for name in ("flood", "other"):
        for _ in range(5):
            await crowd.end(name)
    for _ in range(3):
        await crowd.end("quiet")

    assert crowd.limiter.inside == 0
    await crowd.send("flood", 10, writes=True)
    assert crowd.held() == {"flood": 9}  # its part, as in an idle worker
    await crowd.close()
