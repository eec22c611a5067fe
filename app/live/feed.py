"""The feed of one process: follows the logs of the accounts that somebody listens to, once for all listeners.

It is woken by commits of this process and by PostgreSQL's notifications of others, and looks every *poll* seconds in
any case. One statement reads what is new in all these logs. What nobody waits for is not read: listeners that have rows
to deal with take more when they are done. No commit waits.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Hashable
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.db.engines import Database
from app.db.repository.log import LogKey
from app.db.repository.log_tail import LogTail, log_tail
from app.live.listener import AT_END, BATCH, Listener
from app.live.notices import CommitNotices
from app.live.tail import Tail
from app.live.tail_reads import UNREADABLE, TailReads
from app.live.wakeups import ListenerGroup, Turns
from app.observability import metrics

POLL_S = 1.0
SPACING_S = 0.025
"""Seconds from one read to the next: what is committed meanwhile is read at once."""
SPACING_MAX_S = 0.1
"""The same where many rows come: each row more that the last read had adds as much again."""
FIRST_RETRY_S = 0.02
"""After it a row is looked for again that was committed and is not safe yet; then after twice as long, and so on."""

log = structlog.get_logger()


class Feed:
    """Follows the logs of a database. `run` is to be running as long as anybody listens."""

    def __init__(self, database: Database, poll: float = POLL_S, turns: Turns | None = None) -> None:
        self._database = database
        self._turns = turns
        self._poll = poll
        self._tails: dict[UUID, Tail] = {}
        self._reads = TailReads(database, self._tails)
        self._committed: set[UUID] = set()
        self._awaited: set[UUID] = set()
        self._retry_s = FIRST_RETRY_S
        self._next_poll = 0.0
        self._woken = asyncio.Event()
        self._looked = 0.0
        # Listeners leave most of the connections to others.
        self._readers = asyncio.Semaphore(max(1, database.reader.size // 4))
        self._notices = CommitNotices(database, self.note)
        database.commits.subscribe(self.note)
        database.commits.subscribe(self._notices.announce)

    @asynccontextmanager
    async def listening(
        self,
        account_id: UUID,
        after: LogKey | None = None,
        group: Hashable | None = None,
        case_id: UUID | None = None,
    ) -> AsyncIterator[Listener]:
        """Yield a listener of the account's log: of what comes after a key, or from now on.

        Those of a *group* are woken together in the feed's turns, if it has such, and for rows of one case if so.
        """
        tail = self._tails.setdefault(account_id, Tail())
        waiting = _Arriving()
        tail.followers.add(waiting)
        try:
            while not tail.is_ready:
                self._woken.set()
                await tail.moved.wait()
                if tail.fault is not None:
                    raise tail.fault
            with self._member_of(tail, group, case_id) as its:
                listener = Listener(account_id, tail, self._page, self._note_wait, after, its)
                tail.followers.add(listener)
                tail.followers.discard(waiting)
                try:
                    yield listener
                finally:
                    tail.followers.discard(listener)
        finally:
            tail.followers.discard(waiting)
            if not tail.followers and self._tails.get(account_id) is tail:
                del self._tails[account_id]
                self._committed.discard(account_id)

    def _member_of(
        self, tail: Tail, group: Hashable | None, case_id: UUID | None
    ) -> AbstractContextManager[ListenerGroup | None]:
        if group is None or self._turns is None:
            return nullcontext()
        return tail.member_of((group, case_id), self._turns, case_id)

    def note(self, account_id: UUID) -> None:
        """Take note that something of this account's log was committed."""
        tail = self._tails.get(account_id)
        if tail is not None:
            self._committed.add(account_id)
            if tail.awaiting:
                self._woken.set()

    def _note_wait(self, account_id: UUID) -> None:
        """Read on at once where a listener begins to wait for rows that are there."""
        tail = self._tails.get(account_id)
        has_more = tail is not None and tail.has_more
        if has_more or account_id in self._committed or account_id in self._awaited:
            self._woken.set()

    async def run(self) -> None:
        """Follow the logs until cancelled; what goes wrong is logged."""
        announcing = asyncio.create_task(self._notices.announce_regularly())
        try:
            while True:
                await self._woken.wait()
                self._woken.clear()
                if self._tails:
                    await self._follow()
        finally:
            announcing.cancel()
            await asyncio.gather(announcing, return_exceptions=True)

    async def _follow(self) -> None:
        """Follow the logs for as long as anybody listens."""
        hearing = asyncio.create_task(self._notices.keep_subscribed())
        self._reads.begin_anew()
        try:
            while self._tails:
                seconds = await self._look()
                await self._pause(seconds, min(SPACING_S * max(1, self._reads.rows), SPACING_MAX_S))
        finally:
            self._note_lag()
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)

    async def _look(self) -> float:
        """Read once what is new, and return after how many seconds to look again, if nothing is committed before.

        Read are the logs that somebody waits for, and every *poll* seconds all, so that it is known what waits.
        """
        now = time.monotonic()
        is_due = now >= self._next_poll
        if is_due:
            self._next_poll = now + self._poll
        wanted = self._reads.wanted(all_together=is_due)
        self._note_read(wanted.all())
        is_all = True
        try:
            if wanted.all() or self._reads.is_any_to_begin():
                found, is_all = await self._reads.read(wanted)
                self._awaited -= found
        except UNREADABLE:
            await self._reads.part_with_unreadable()
            return 0
        except Exception as error:  # the database may be away for a while
            log.warning("feed_not_read", reason=type(error).__name__)
            return self._poll
        self._note_lag()
        return self._next_look() if is_all else 0

    def _note_read(self, account_ids: set[UUID]) -> None:
        """Take note of whose rows are to be found by a read that begins, as they were committed."""
        committed = self._committed & account_ids
        if committed:
            self._committed -= committed
            self._awaited, self._retry_s = self._awaited | committed, FIRST_RETRY_S

    def _next_look(self) -> float:
        """Return after how many seconds to look again: soon, where what was committed is not safe to be shown yet."""
        self._awaited &= self._tails.keys()
        if self._database.is_sqlite or self._retry_s >= self._poll:
            self._awaited.clear()
        if not self._awaited:
            return self._poll
        self._retry_s *= 2
        return self._retry_s / 2

    async def _pause(self, seconds: float, spacing: float) -> None:
        """Wait for a commit, or so many seconds; *spacing* at least, so that commits of this moment share a read."""
        await asyncio.sleep(spacing if seconds else 0)
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            pass
        self._woken.clear()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection for what a listener reads by itself, of the few that listeners have together."""
        async with self._readers, self._database.read() as connection:
            yield connection

    async def _page(self, account_id: UUID, after: LogKey) -> LogTail:
        """Read a page of an account's log; where the database is away, wait for it."""
        while True:
            try:
                async with self.reading() as connection:
                    return await log_tail(connection, [account_id], after, BATCH)
            except (SQLAlchemyError, OSError) as error:
                log.warning("log_page_not_read", reason=type(error).__name__)
            await asyncio.sleep(self._poll)

    def _note_lag(self) -> None:
        """Let go of old rows and note the lag, once in a while."""
        now = time.monotonic()
        if self._tails and now - self._looked < self._poll:
            return
        self._looked = now
        rows, seconds = 0, 0.0
        for account_id, tail in self._tails.items():
            tail.expire(now)
            behind, first = tail.waiting()
            if first is not None:
                rows, seconds = max(rows, behind), max(seconds, (clock.now() - first.action.created_at).total_seconds())
            if tail.behind_since is not None and account_id in self._committed:
                seconds = max(seconds, now - tail.behind_since)
        metrics.note_listeners(sum(len(tail.followers) for tail in self._tails.values()), rows, max(seconds, 0))


class _Arriving:
    """Who waits for the feed to come to an account."""

    key: LogKey = AT_END
