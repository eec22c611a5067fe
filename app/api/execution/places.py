"""Places for queries with a high price: of these an account has few under way while other accounts are there.

Many that wait for the database at once would all go on in the turn of the event loop in which it answers. An account
that is alone has as many as it likes. Who waits for a long statement needs no place meanwhile, but one of the
statements': several of one account would take the database's cores from others. An account's tokens have its places in
turn, and a token's oldest operation comes first, so that it is over before others have their first statement.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from heapq import heappop, heappush
from itertools import count

MOST = 1
"""Operations of an account, and long statements of it, that have a place at once."""
ALONE_S = 1.0
"""Seconds since the end of the last operation of any other account, after which an account is alone."""
ACCOUNTS_KEPT = 1_000


Waiting = tuple[int, int, asyncio.Future[None]]
"""Who waits for a place: the operation's number, in which order those of one number came, and what ends the wait."""


class Presence:
    """Which accounts are there: those that have operations under way, or had one until a moment ago."""

    def __init__(self) -> None:
        self._under_way: Counter[int] = Counter()
        self._left: dict[int, float] = {}  # when an account's last operation ended; the latest comes last

    def enter(self, account: int) -> None:
        """Take note that an account begins an operation."""
        self._under_way[account] += 1

    def leave(self, account: int) -> None:
        """Take note that one of its operations has ended."""
        self._under_way[account] -= 1
        if not self._under_way[account]:
            del self._under_way[account]
        self._left.pop(account, None)
        self._left[account] = time.perf_counter()
        if len(self._left) > ACCOUNTS_KEPT:
            del self._left[next(iter(self._left))]

    def is_alone(self, account: int) -> bool:
        """Tell whether no other account is there."""
        if len(self._under_way) > (account in self._under_way):
            return False
        now = time.perf_counter()
        for other, left in reversed(self._left.items()):
            if other != account:
                return now - left >= ALONE_S
        return True


class Places:
    """The places of all accounts for one kind of work."""

    def __init__(self, presence: Presence) -> None:
        self._presence = presence
        self._taken: Counter[int] = Counter()
        self._waiting: dict[int, dict[int, list[Waiting]]] = {}  # by token; the first is the next one
        self._numbers = count()

    @asynccontextmanager
    async def one(self, account: int, token: int, number: int = 0) -> AsyncIterator[None]:
        """Have a place of the account, once there is one."""
        await self.take(account, token, number)
        try:
            yield
        finally:
            self.give(account)

    async def take(self, account: int, token: int, number: int = 0) -> None:
        """Take a place, once there is one and it is the token's turn; of the token, the least *number* comes first."""
        if not self._is_free(account):
            place = asyncio.get_running_loop().create_future()
            heappush(self._waiting.setdefault(account, {}).setdefault(token, []), (number, next(self._numbers), place))
            try:
                await place
            except asyncio.CancelledError:
                if place.done() and not place.cancelled():  # it came at the last moment
                    self.give(account)
                raise
        else:
            self._taken[account] += 1

    def give(self, account: int) -> None:
        """Give a place back, to the first of those who wait with the token whose turn it is."""
        self._taken[account] -= 1
        waiting = self._waiting.get(account, {})
        while waiting and self._is_free(account):
            token, places = next(iter(waiting.items()))
            _, _, place = heappop(places)
            del waiting[token]
            if places:
                waiting[token] = places  # behind the others
            if not place.done():  # whoever waited was cancelled
                self._taken[account] += 1
                place.set_result(None)
        if not waiting:
            self._waiting.pop(account, None)
        if not self._taken[account]:
            del self._taken[account]

    def _is_free(self, account: int) -> bool:
        return self._taken[account] < MOST or self._presence.is_alone(account)


class OperationPlace:
    """The place of one operation, which it has from `take` to `leave`."""

    __slots__ = ("_account", "_aside", "_has_it", "_is_wanted", "_number", "_places", "_token")

    def __init__(self, places: Places) -> None:
        self._places = places
        self._account = self._token = self._number = self._aside = 0
        self._is_wanted = self._has_it = False

    async def take(self, account: int, token: int, number: int = 0) -> None:
        """Have a place of the account, once there is one."""
        self._account, self._token, self._number, self._is_wanted = account, token, number, True
        await self._take()

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        """Do without it for a while, if there is one; several may do so at once."""
        self._aside += 1
        self._give()
        try:
            yield
        finally:
            self._aside -= 1
        if self._is_wanted and not self._aside and not self._has_it:
            await self._take()

    def leave(self) -> None:
        """Give it back for good, if there is one."""
        self._is_wanted = False
        self._give()

    async def _take(self) -> None:
        await self._places.take(self._account, self._token, self._number)
        if self._has_it or not self._is_wanted:  # two have waited for it, or nobody needs it any more
            self._places.give(self._account)
        else:
            self._has_it = True

    def _give(self) -> None:
        if self._has_it:
            self._has_it = False
            self._places.give(self._account)
