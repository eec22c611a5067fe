"""One listener of an account's log: takes rows from the feed's memory, and pages of the log until it is there."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple
from uuid import UUID

from app.db.repository.log import LogKey, LogPlace
from app.db.repository.log_tail import FIRST_ID, LogTail
from app.live.tail import Tail
from app.live.wakeups import ListenerGroup

BATCH = 100
"""Rows that are read, and taken, at once."""
AGAIN_S = 0.1

AT_END: LogKey = (2**63 - 1, FIRST_ID)
"""The key of who is not behind."""

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

    __slots__ = ("_account_id", "_group", "_moved", "_note_wait", "_read_page", "_tail", "key")

    def __init__(
        self,
        account_id: UUID,
        tail: Tail,
        read_page: ReadPage,
        note_wait: NoteWait,
        after: LogKey | None,
        group: ListenerGroup | None = None,
    ) -> None:
        assert tail.last_key is not None
        self._account_id = account_id
        self._tail = tail
        self._read_page = read_page
        self._note_wait = note_wait
        self._group = group
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

    async def wait(self) -> bool:
        """Wait for rows that have come since those before were taken; only while somebody waits are they read.

        Who is of a group waits for its turn, which is True then, and for rows of its case alone if it has one.
        """
        assert self._tail.floor is not None
        if self.key < self._tail.floor:  # the feed has come further meanwhile
            await asyncio.sleep(AGAIN_S)
            return False
        key, group, turn = self.key, self._group, None
        self._tail.awaiting += 1
        try:
            self._note_wait(self._account_id)
            if group is None:
                await self._moved.wait()
                return False
            turn = group.join(is_due=self._moved.is_set())
            if group.case_id is not None:  # it is not behind, whatever comes meanwhile of other cases
                self.key = AT_END
            await turn
            return True
        finally:
            self._tail.awaiting -= 1
            self.key = key
            if group is not None and turn is not None:
                group.leave(turn)

    def pass_over(self, case_id: UUID | None = None) -> bool:
        """Pass over the rows that are known; tell whether any may be of the case. Raises: as `take`."""
        self._moved = self._tail.moved
        if self._tail.fault is not None:
            raise self._tail.fault
        found, last_key = self._tail.after(self.key), self._tail.last_key
        assert last_key is not None
        self.key = max(self.key, last_key)
        return found is None or any(place.action.case_id == case_id for place in found)

    async def _page(self) -> Batch:
        rows = (await self._read_page(self._account_id, self.key)).rows
        return Batch([row.place for row in rows], len(rows) < BATCH, time.monotonic())
