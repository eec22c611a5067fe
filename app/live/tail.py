"""The end of one account's log in memory: the rows that came last, once for all who follow the log."""

import asyncio
import time
from bisect import bisect_right
from collections.abc import Container, Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol
from uuid import UUID

from app.db.repository.log import LogKey, LogPlace
from app.live.wakeups import ListenerGroup, Turns

ROWS_MAX = 256
"""Rows that are kept of an account; who is further behind reads pages."""
KEPT_S = 30
"""Seconds for which rows are kept at most."""


class Follower(Protocol):
    """Who follows a log, with the key that it has come to."""

    key: LogKey


class Tail:
    """All rows after the row with the key `floor`, which is not known before the feed has come to the account.

    `last_key` is the last row's. `moved` is set, and replaced, as rows come, at `moved_at`. `fault` is why no more of
    them come. `awaiting` listeners wait for rows. `has_more`: the last read of the log did not come to its end.
    `behind_since`: since then other logs were read on, as nobody waited for this one.
    """

    def __init__(self) -> None:
        self.followers: set[Follower] = set()
        self.floor: LogKey | None = None
        self.last_key: LogKey | None = None
        self.moved = asyncio.Event()
        self.moved_at = time.monotonic()
        self.fault: Exception | None = None
        self.awaiting = 0
        self._groups: dict[Hashable, ListenerGroup] = {}
        self.has_more = False
        self.behind_since: float | None = None
        self._places: list[LogPlace] = []
        self._keys: list[LogKey] = []
        self._times: list[float] = []

    @property
    def is_ready(self) -> bool:
        return self.floor is not None

    @property
    def is_behind(self) -> bool:
        return self.behind_since is not None

    def begin(self, last_key: LogKey) -> None:
        """Have all rows after the account's last one, of which none has come yet."""
        self.floor = self.last_key = last_key
        self._move()

    def add(self, places: Sequence[LogPlace], now: float) -> None:
        """Add the rows that come next in the log, and let go of what is too much; some may be here already."""
        assert self.last_key is not None
        last_key = self.last_key
        places = [place for place in places if place.key > last_key]
        if not places:
            return
        self._places.extend(places)
        self._keys.extend(place.key for place in places)
        self._times.extend([now] * len(places))
        self.last_key = self._keys[-1]
        self._drop(len(self._places) - ROWS_MAX)
        self._move({place.action.case_id for place in places})

    def fail(self, fault: Exception) -> None:
        """Have all followers end by *fault*."""
        self.fault = fault
        self._move()

    def expire(self, now: float) -> None:
        """Let go of what was kept for long enough."""
        self._drop(bisect_right(self._times, now - KEPT_S))

    def after(self, key: LogKey) -> Sequence[LogPlace] | None:
        """Return the rows after *key*; None where some of them may not be here."""
        if self.floor is None or key < self.floor:
            return None
        return self._places[bisect_right(self._keys, key) :]

    def waiting(self) -> tuple[int, LogPlace | None]:
        """Return for how many rows the slowest follower is behind, of those that are here, and the first of them."""
        if not self.followers or not self._keys:
            return 0, None
        index = min(bisect_right(self._keys, follower.key) for follower in self.followers)
        return len(self._keys) - index, self._places[index] if index < len(self._places) else None

    def _drop(self, number: int) -> None:
        if number > 0:
            self.floor = self._keys[number - 1]
            del self._places[:number], self._keys[:number], self._times[:number]

    def _move(self, cases: Container[UUID] | None = None) -> None:
        """Wake who waits for rows, of these *cases* if they are given."""
        self.moved_at = time.monotonic()
        self.moved.set()
        self.moved = asyncio.Event()
        for group in self._groups.values():
            if cases is None or group.case_id is None or group.case_id in cases:
                group.note_rows()

    @contextmanager
    def member_of(self, key: Hashable, turns: Turns, case_id: UUID | None) -> Iterator[ListenerGroup]:
        """Yield the group of listeners with this key, of which one more is a member meanwhile."""
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = ListenerGroup(turns, case_id)
        group.members += 1
        try:
            yield group
        finally:
            group.members -= 1
            if not group.members:
                del self._groups[key]
