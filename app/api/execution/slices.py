"""Time slices on the event loop: long work gives way to short work, and accounts have their slices in turn.

An operation is short from its request's arrival until its price is known to be high, or it has used a slice. While
short ones are under way, long ones have a least share of the time. An account that has long ones, or had any a moment
ago, begins others one by one, and not while those of other accounts are short; of those with a high price it has few
under way (`places`). What is waited for anyway, as a database, takes no part in it.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from heapq import heappop, heappush
from itertools import count

from app.api.execution.places import OperationPlace, Places, Presence

SLICE_S = 0.002
LEAST_SHARE = 0.2
"""The share of the time that long work has while short operations are under way."""
LONG_COST = 2_000
"""The price from which on an operation is long before it has built anything."""
YOUNG_S = 0.05
"""Seconds after which nothing gives way to a short operation any more: it waits for something else than its turn."""
START_S = 0.01
"""Seconds that the beginning of an operation gives way to short ones of other accounts."""
BUSY_S = 1.0
"""Seconds after its last long operation until an account's operations begin at once again."""
CROWD = 4
"""Short operations of an account, from which on each of them is long as soon as it needs a slice."""
ACCOUNTS_KEPT = 1_000

Turn = asyncio.Future[None]


class Slices:
    """The slices of one event loop: who asks for the next one gets it in turn."""

    def __init__(self, seconds: float = SLICE_S, least_share: float = LEAST_SHARE) -> None:
        self._seconds = seconds
        self._interval = seconds / least_share
        self._began = self._long_began = 0.0
        self._short: dict[OperationSlices, float] = {}  # since when; the youngest comes last
        self._busy: dict[int, float] = {}  # accounts with long operations, and when they had the last of them
        self._first: deque[Turn] = deque()  # of short operations
        self._lines: dict[int, _Line] = {}  # of accounts; the first is the next one
        self._numbers = count()
        self._scheduled: asyncio.Handle | None = None
        self._is_held = self._was_long = False
        self.presence = Presence()
        self.places, self.statement_places = Places(self.presence), Places(self.presence)

    @property
    def is_over(self) -> bool:
        """Whether the slice that began last has taken its time, so that the next one is to be waited for."""
        return time.perf_counter() - self._began >= self._seconds

    def arrive(self) -> "OperationSlices":
        """Return the slices of an operation whose request has arrived, of whichever account."""
        operation = OperationSlices(self)
        self._short[operation] = time.perf_counter()
        return operation

    def note_short(self, operation: "OperationSlices") -> None:
        """Take note that an operation is short, from now on unless it was before."""
        if operation not in self._short:
            self._short[operation] = time.perf_counter()

    def drop_short(self, operation: "OperationSlices") -> None:
        """Take note that an operation is not short, or over."""
        if self._short.pop(operation, None) is not None and self._is_held:
            self._schedule(asyncio.get_running_loop())

    def note_long(self, account: int) -> None:
        """Take note that an account has a long operation, or had one until now."""
        now = time.perf_counter()
        self._busy[account] = now
        if len(self._busy) > ACCOUNTS_KEPT:
            self._busy = {other: last for other, last in self._busy.items() if now - last < BUSY_S}

    def is_busy(self, account: int) -> bool:
        """Tell whether an account has long operations, or had some a moment ago."""
        last = self._busy.get(account)
        return last is not None and (time.perf_counter() - last < BUSY_S or account in self._lines)

    def is_crowded(self, account: int) -> bool:
        """Tell whether an account has many short operations."""
        return sum(operation.account == account for operation in self._short) >= CROWD

    async def start(self, account: int) -> None:
        """Wait until one more operation of an account may begin that is busy."""
        turn = asyncio.get_running_loop().create_future()
        self._line(account).starts.append((time.perf_counter() + START_S, turn))
        await self._wait(turn, at_once=True)

    async def next(self, account: int = 0, number: int = 0, *, is_short: bool = False) -> None:
        """Give way to whatever else there is to do, and to those who have waited before.

        Of an account's long operations, the one with the least *number* goes on.
        """
        turn = asyncio.get_running_loop().create_future()
        if is_short:
            self._first.append(turn)
        else:
            heappush(self._line(account).slices, (number, next(self._numbers), turn))
        await self._wait(turn, at_once=is_short)

    def next_number(self) -> int:
        """Return a number that is greater than those before it."""
        return next(self._numbers)

    def _line(self, account: int) -> "_Line":
        return self._lines.setdefault(account, _Line())

    async def _wait(self, turn: Turn, *, at_once: bool) -> None:
        if self._scheduled is None or (self._is_held and at_once):
            self._schedule(turn.get_loop())
        await turn

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._scheduled is not None:
            self._scheduled.cancel()
        self._is_held = False
        self._scheduled = loop.call_soon(self._look)

    def _look(self) -> None:
        """Let those requests arrive before the next slice that were sent during the last one.

        In the turn of the loop in which they are received, the tasks are made that handle them in the next one.
        """
        loop = asyncio.get_running_loop()
        self._scheduled = loop.call_soon(self._let_arrive)

    def _let_arrive(self) -> None:
        self._scheduled = asyncio.get_running_loop().call_soon(self._grant)

    def _grant(self) -> None:
        """Begin the next slice, or wait until one may begin."""
        loop, now = asyncio.get_running_loop(), time.perf_counter()
        self._scheduled, self._is_held = None, False
        turn = self._take(now)
        if turn is not None:
            self._began = now
            turn.set_result(None)
        if not self._first and not self._lines:
            return
        if turn is not None:
            self._schedule(loop)
        else:
            self._is_held = True
            self._scheduled = loop.call_later(self._held_s(now), self._grant)

    def _take(self, now: float) -> Turn | None:
        """Return who may go on: a short operation, unless a long one is due; None where all that wait are held."""
        is_due = now - self._long_began >= self._interval
        if (self._was_long or not is_due) and (turn := self._take_first()) is not None:
            return turn
        young = self._young(now)
        for account in list(self._lines):
            line = self._lines.pop(account)
            turn = line.take(now, is_held=bool(young) and not is_due, gives_way=not young <= {account})
            if line:
                self._lines[account] = line  # behind the others
            if turn is not None:
                if not line.was_start:
                    self._long_began, self._was_long = now, True
                return turn
        return self._take_first()

    def _take_first(self) -> Turn | None:
        self._was_long = False
        while self._first:
            turn = self._first.popleft()
            if not turn.done():  # whoever waited was cancelled
                return turn
        return None

    def _young(self, now: float) -> set[int | None]:
        """Return the accounts of the short operations that others give way to."""
        found: set[int | None] = set()
        for operation, since in reversed(self._short.items()):
            if now - since >= YOUNG_S:
                break
            found.add(operation.account)
        return found

    def _held_s(self, now: float) -> float:
        dues = [line.starts[0][0] for line in self._lines.values() if line.starts]
        return max(0.0, min([self._long_began + self._interval, *dues]) - now)


class _Line:
    """Who waits of one account: the operations that are to begin, and those that are to go on."""

    __slots__ = ("slices", "starts", "was_start")

    def __init__(self) -> None:
        self.starts: deque[tuple[float, Turn]] = deque()  # with when they need not give way any more
        self.slices: list[tuple[int, int, Turn]] = []
        self.was_start = False

    def __bool__(self) -> bool:
        return bool(self.starts or self.slices)

    def take(self, now: float, *, is_held: bool, gives_way: bool) -> Turn | None:
        """Return who may go on, by turns one who begins and one who goes on; None for nobody.

        *is_held*: nobody may go on. *gives_way*: nobody may begin that has not waited for long enough.
        """
        while self.starts and self.starts[0][1].done():
            self.starts.popleft()
        while self.slices and self.slices[0][2].done():
            heappop(self.slices)
        can_start = bool(self.starts) and not (gives_way and now < self.starts[0][0])
        can_go_on = bool(self.slices) and not is_held
        self.was_start = can_start and not (can_go_on and self.was_start)
        if self.was_start:
            return self.starts.popleft()[1]
        return heappop(self.slices)[2] if can_go_on else None


class OperationSlices:
    """The slices of one operation. What it does after its `end` is long work."""

    __slots__ = ("_has_paused", "_is_here", "_is_short", "_number", "_slices", "_token", "account", "is_long", "place")

    def __init__(self, slices: Slices) -> None:
        self._slices = slices
        self._number = self._token = 0
        self._is_here = self._is_short = self.is_long = self._has_paused = False
        self.account: int | None = None
        self.place = OperationPlace(slices.places)

    @property
    def are_over(self) -> bool:
        """Whether the slice that began last, of whichever operation, has taken its time."""
        return self._slices.is_over

    @property
    def gives_way(self) -> bool:
        """Whether it takes long, and other accounts are there."""
        return self.is_long and not self._slices.presence.is_alone(self.account or 0)

    async def begin(self, account: int, token: int = 0) -> None:
        """Begin to work for an account, once it may; its tokens have their turns where it has places."""
        slices, self.account, self._token = self._slices, account, token
        self._number = slices.next_number()
        slices.presence.enter(account)
        self._is_here = True
        if slices.is_busy(account):
            slices.drop_short(self)
            await slices.start(account)
            self._has_paused = True  # there is not a slice for each of many
        self._is_short = True
        slices.note_short(self)

    async def expect_long(self, *, needs_place: bool = True) -> None:
        """Be long from now on, and begin with it once that may."""
        if not self._is_short:
            return
        self._lengthen()
        if needs_place:
            await self.place.take(self.account or 0, self._token, self._number)
        if not self._has_paused:
            await self._slices.start(self.account or 0)

    def _lengthen(self) -> None:
        self._slices.drop_short(self)
        self._is_short, self.is_long = False, True
        self._slices.note_long(self.account or 0)

    @asynccontextmanager
    async def long_statement(self) -> AsyncIterator[None]:
        """Have the database execute a long statement meanwhile, once it may; the operation's place is not needed."""
        slices, account = self._slices, self.account or 0
        async with self.place.aside():
            many = self.is_long or slices.is_crowded(account)
            async with slices.statement_places.one(account, self._token, self._number) if many else nullcontext():
                yield

    async def pause(self) -> None:
        """Wait for the next slice."""
        slices, account = self._slices, self.account or 0
        if self._is_short and (self._has_paused or slices.is_busy(account) or slices.is_crowded(account)):
            self._lengthen()
        elif self.is_long:
            slices.note_long(account)
        self._has_paused = True
        await slices.next(account, self._number, is_short=self._is_short)

    def end(self) -> None:
        """Take note that nothing has to give way any more."""
        self._slices.drop_short(self)
        if self._is_here:
            self._is_here = False
            self._slices.presence.leave(self.account or 0)
        self._is_short = self.is_long = False
        self.place.leave()
