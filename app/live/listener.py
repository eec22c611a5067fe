"""One listener of an account's log: takes rows from the feed's memory, and pages of the log until it is there."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import NamedTuple
from uuid import UUID

from app.db.repository.log import LogKey, LogPlace
from app.db.repository.log_tail import LogTail
from app.live.tail import Tail

BATCH = 100
"""Rows that are read, and taken, at once."""
AGAIN_S = 0.1

ReadPage = Callable[[UUID, LogKey], Awaitable[LogTail]]
NoteWait = Callable[[UUID], None]


class Batch(NamedTuple):
    """Rows of the log, which were read before `read_at`, on the monotonic clock.

    `is_last`: there were no more as they were taken.
    """

    places: Sequence[LogPlace]
    is_last: bool
    read_at: float


class Listener:
    """Has each row of the account's log after a key once, in order.

    `key` is that of the last row that was taken.
    """

    def __init__(
        self, account_id: UUID, tail: Tail, read_page: ReadPage, note_wait: NoteWait, after: LogKey | None
    ) -> None:
        assert tail.last_key is not None
        self._account_id = account_id
        self._tail = tail
        self._read_page = read_page
        self._note_wait = note_wait
        self._moved = tail.moved
        self.key = tail.last_key if after is None else after

    async def take(self) -> Batch:
        """Return the next rows, none where all that there are were taken. Raises: what keeps them from being read."""
        self._moved = self._tail.moved
        if self._tail.fault is not None:
            raise self._tail.fault
        found = self._tail.after(self.key)
        if found is None:
            batch = await self._page()
        else:
            batch = Batch(found[:BATCH], len(found) <= BATCH, self._tail.moved_at if found else time.monotonic())
        if batch.places:
            self.key = batch.places[-1].key
        return batch

    async def wait(self) -> None:
        """Wait for rows that have come since those before were taken; only while somebody waits are they read."""
        assert self._tail.floor is not None
        if self.key < self._tail.floor:  # the feed has come further meanwhile
            await asyncio.sleep(AGAIN_S)
            return
        self._tail.awaiting += 1
        try:
            self._note_wait(self._account_id)
            await self._moved.wait()
        finally:
            self._tail.awaiting -= 1

    async def take_all(self) -> AsyncIterator[LogPlace]:
        """Yield all rows that there are by now."""
        is_last = False
        while not is_last:
            places, is_last, _ = await self.take()
            for place in places:
                yield place

    async def _page(self) -> Batch:
        rows = (await self._read_page(self._account_id, self.key)).rows
        return Batch([row.place for row in rows], len(rows) < BATCH, time.monotonic())
