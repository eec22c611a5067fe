"""Concurrency limiter; sheds load with 503, reads before writes, and shares what there is out between accounts.

One token and one account have a part of it each, of which reads leave a part to their own writes, and all reads leave a
part to all writes. A client whose own part is taken waits in a queue, where it does not block others. Where it is full,
an account that has less than its share waits, and is served before those that have more.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import NamedTuple
from uuid import UUID

from app.domain.errors import Overloaded

RETRY_S = 1
PATIENCE_S = 2.5
QUEUE = 4
"""How many operations may wait for each that can be inside."""


class AdmittedOperation(NamedTuple):
    """Whose operation it is, and whether it writes."""

    account_id: UUID
    token_id: UUID
    writes: bool


class WaitQueue:
    """A queue of operations that wait for a slot; one that can't have a slot yet is overtaken.

    At most *most* of one token wait, and *most_of_all* together; after *patience* seconds an operation is refused.
    """

    def __init__(self, patience: float, most: float = inf, most_of_all: float = inf) -> None:
        self._patience = patience
        self._most = most
        self._most_of_all = most_of_all
        self._waiting: dict[asyncio.Future[None], AdmittedOperation] = {}
        self._of_token: Counter[UUID] = Counter()

    async def wait(self, who: AdmittedOperation, give_back: Callable[[AdmittedOperation], None]) -> None:
        """Wait until *who* has been granted a slot; one that comes too late is given back. Raises: Overloaded."""
        if self._of_token.get(who.token_id, 0) >= self._most:
            raise Overloaded(seconds=RETRY_S)
        if self.is_full:
            self._displace(who)
        slot = asyncio.get_running_loop().create_future()
        self._waiting[slot] = who
        self._of_token[who.token_id] += 1
        try:
            async with asyncio.timeout(self._patience):
                await slot
        except (TimeoutError, asyncio.CancelledError) as error:
            if slot.done() and not slot.cancelled() and slot.exception() is None:  # it came at the last moment
                give_back(who)
            if isinstance(error, TimeoutError):
                raise Overloaded(seconds=RETRY_S) from None
            raise
        finally:
            del self._waiting[slot]
            less(self._of_token, who.token_id)

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= self._most_of_all

    @property
    def has_no_room(self) -> bool:
        """Whether it is full, and nothing in it gives way even to the first write of an account."""
        return self.is_full and self._giving_way(None, writes=True) is None

    def accounts(self) -> set[UUID]:
        """Return the accounts of which any operation waits."""
        return {who.account_id for who in self._waiting.values()}

    def grant(
        self, taken: Callable[[AdmittedOperation], bool], held: Callable[[AdmittedOperation], int] = lambda _who: 0
    ) -> None:
        """Grant a slot to those who can have one now: *taken* takes it for them, or says that they can't.

        The first is whose account has the fewest, which *held* tells; of one account, who writes; then who came first.
        """
        waiting = [(slot, who) for slot, who in self._waiting.items() if not slot.done()]
        while waiting:
            waiting.sort(key=lambda each: (held(each[1]), not each[1].writes))
            granted = next((each for each in waiting if taken(each[1])), None)
            if granted is None:
                return
            waiting.remove(granted)
            granted[0].set_result(None)

    def _displace(self, who: AdmittedOperation) -> None:
        """Refuse an operation that waits in favour of *who*. Raises: Overloaded, where none gives way."""
        slot = self._giving_way(who.account_id, writes=who.writes)
        if slot is None:
            raise Overloaded(seconds=RETRY_S)
        slot.set_exception(Overloaded(seconds=RETRY_S))

    def _giving_way(self, account_id: UUID | None, *, writes: bool) -> asyncio.Future[None] | None:
        """Return what gives way to one more operation of the account, None where nothing does.

        It is the last read, or else the last write, of the account of which most wait, where these are more than those
        of *account_id*. Where *writes*, a read does also where as many wait.
        """
        here = [(slot, who) for slot, who in reversed(self._waiting.items()) if not slot.done()]
        waiting = Counter(who.account_id for _, who in here)
        own = 0 if account_id is None else waiting[account_id]

        def rank(each: tuple[asyncio.Future[None], AdmittedOperation]) -> tuple[int, bool]:
            return waiting[each[1].account_id], not each[1].writes

        heaviest = max(here, key=rank, default=None)
        if heaviest is not None and rank(heaviest)[0] > own + 1:
            return heaviest[0]
        read = max((each for each in here if not each[1].writes), key=rank, default=None)
        return read[0] if writes and read is not None and rank(read)[0] >= own else None


def less(counter: "Counter[UUID]", holder: UUID) -> None:
    """Count one less of *holder*, of whom nothing is kept at nought."""
    counter[holder] -= 1
    if not counter[holder]:
        del counter[holder]


class Held:
    """How many operations one token or one account has inside, and how many of them read."""

    __slots__ = ("inside", "reads")

    def __init__(self) -> None:
        self.inside = self.reads = 0


class ConcurrencyLimiter:
    """A bound on what goes on at the same time in this process. `inside`: how many operations that is."""

    def __init__(self, capacity: int, patience: float = PATIENCE_S) -> None:
        def part(tenths: int) -> int:
            return max(1, capacity * tenths // 10)

        self._capacity = capacity
        self._reads_of_all = self._of_account = part(9)
        self._reads_of_account = self._of_token = part(8)
        self._reads_of_token = part(7)
        self._held: dict[int, Held] = {}  # by the number that a UUID is: its own hash is made by a call of Python's
        self._reads = 0
        self._accounts: set[int] = set()
        self._queue = WaitQueue(patience, capacity, QUEUE * capacity)
        self._busy_s = 0.0
        self._busy_since = 0.0
        self._idle_since = 0.0
        self.inside = 0

    def busy_s(self) -> float:
        """Return for how many seconds anything has been inside, in all."""
        return self._busy_s + (monotonic() - self._busy_since if self.inside else 0.0)

    def idle_s(self) -> float:
        """Return for how many seconds nothing has been inside by now."""
        return 0.0 if self.inside else monotonic() - self._idle_since

    def look(self) -> None:
        """Refuse a request that would find it full, and no room to wait, whoever sends it. Raises: Overloaded."""
        if self.inside >= self._capacity and self._queue.has_no_room:
            raise Overloaded(seconds=RETRY_S)

    async def enter(self, who: AdmittedOperation) -> None:
        """Be inside, until `leave`.

        Raises: Overloaded, at once where it is full and the account has its share, or after having waited too long.
        """
        if self._take(who):
            return
        if self._has_part(who) and self._has_share(who):
            raise Overloaded(seconds=RETRY_S)
        await self._queue.wait(who, self.leave)

    def leave(self, who: AdmittedOperation) -> None:
        """Be outside again."""
        self.inside -= 1
        if not self.inside:
            self._idle_since = monotonic()
            self._busy_s += self._idle_since - self._busy_since
        self._reads -= not who.writes
        for key in (who.token_id.int, who.account_id.int):
            held = self._held[key]
            held.inside -= 1
            held.reads -= not who.writes
            if not held.inside:
                del self._held[key]
                self._accounts.discard(key)
        self._queue.grant(self._take, self._of_account_of)

    def _of_account_of(self, who: AdmittedOperation) -> int:
        held = self._held.get(who.account_id.int)
        return 0 if held is None else held.inside

    def _has_share(self, who: AdmittedOperation) -> bool:
        """Tell whether the account has as much inside as each of the accounts that are here can have."""
        here = self._accounts | {account_id.int for account_id in self._queue.accounts()} | {who.account_id.int}
        return self._of_account_of(who) * len(here) >= self._capacity

    def _has_part(self, who: AdmittedOperation) -> bool:
        of_token, of_account = self._held.get(who.token_id.int), self._held.get(who.account_id.int)
        if of_token is not None and (
            of_token.inside >= self._of_token or not (who.writes or of_token.reads < self._reads_of_token)
        ):
            return False
        return of_account is None or (
            of_account.inside < self._of_account and (who.writes or of_account.reads < self._reads_of_account)
        )

    def _take(self, who: AdmittedOperation) -> bool:
        """Take a place, if there is one."""
        has_room = self.inside < self._capacity and (who.writes or self._reads < self._reads_of_all)
        if not has_room or not self._has_part(who):
            return False
        if not self.inside:
            self._busy_since = monotonic()
        self.inside += 1
        self._reads += not who.writes
        for key in (who.token_id.int, who.account_id.int):
            held = self._held.get(key)
            if held is None:
                held = self._held[key] = Held()
                if key == who.account_id.int:
                    self._accounts.add(key)
            held.inside += 1
            held.reads += not who.writes
        return True
