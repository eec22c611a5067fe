"""Reads what is new in the logs that are followed: by one statement for all whose listeners have what came before.

A log that nobody waits for is left behind where others go on, and read by itself once somebody waits for it again.
"""

import time
from collections.abc import Container, Iterable, Sequence
from itertools import islice
from typing import NamedTuple
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engines import Database
from app.db.repository.log import LogKey, LogPlace
from app.db.repository.log_tail import BEGINNING, AccountPlace, last_key, log_tail, safe_position
from app.live.listener import BATCH
from app.live.tail import Tail

CATCHING_UP_MAX = 8
"""Logs that were left behind and are read on at once, each by a statement."""

UNREADABLE = (LookupError, ValueError, TypeError)
"""What is raised where a column holds no value of its kind, as somebody who owns the database can have it."""

log = structlog.get_logger()


class WantedLogs(NamedTuple):
    """Which logs to read: *together*, and by themselves those that were left *behind*."""

    together: set[UUID]
    behind: set[UUID]

    def all(self) -> set[UUID]:
        return self.together | self.behind


class TailReads:
    """The reads of a process. `rows` is how many the last one had."""

    def __init__(self, database: Database, tails: dict[UUID, Tail]) -> None:
        self._database = database
        self._tails = tails
        self._read_to = BEGINNING
        self.rows = 0

    def begin_anew(self) -> None:
        """Forget how far was read, where nobody follows a log."""
        self._read_to = BEGINNING

    def wanted(self, *, all_together: bool) -> WantedLogs:
        """Return the logs that somebody waits for, and *all* that are read together, if so."""
        tails = [(account_id, tail) for account_id, tail in self._tails.items() if tail.is_ready]
        together = {id for id, tail in tails if not tail.is_behind and (all_together or tail.awaiting)}
        behind = (account_id for account_id, tail in tails if tail.is_behind and tail.awaiting)
        return WantedLogs(together, set(islice(behind, CATCHING_UP_MAX)))

    def is_any_to_begin(self) -> bool:
        return not all(tail.is_ready for tail in self._tails.values())

    async def read(self, wanted: WantedLogs) -> tuple[set[UUID], bool]:
        """Hand the next rows to the tails. Return whose they are, and whether they are all that are safe by now."""
        current = set(wanted.together)
        async with self._database.read() as connection:
            if current:
                safe, rows = await log_tail(connection, list(current), self._read_to, BATCH)
            else:
                safe, rows = await safe_position(connection), ()
            self.rows, is_all = len(rows), len(rows) < BATCH
            if rows:
                self._go_on_from(rows[-1].place.key, current)
            found = self._hand_out(rows)
            self._note_rest(current, has_more=not is_all)
            if not is_all:
                return found, False
            for account_id in wanted.behind:
                read, is_end = await self._catch_up(connection, account_id, safe, current)
                found, is_all = found | read, is_all and is_end
            if self.is_any_to_begin():
                await self._begin_tails(connection, safe, current)
                is_all = False  # by now there may be more
        return found, is_all

    def _hand_out(self, rows: Sequence[AccountPlace]) -> set[UUID]:
        """Add rows to the tails of their accounts, and return which those are."""
        places: dict[UUID, list[LogPlace]] = {}
        for row in rows:
            places.setdefault(row.account_id, []).append(row.place)
        now = time.monotonic()
        for account_id, its in places.items():
            tail = self._tails.get(account_id)
            if tail is not None and tail.is_ready:  # else it is of somebody who has come meanwhile
                tail.add(its, now)
        return set(places)

    def _note_rest(self, account_ids: Iterable[UUID], *, has_more: bool) -> None:
        for account_id in account_ids:
            tail = self._tails.get(account_id)
            if tail is not None:
                tail.has_more = has_more

    def _go_on_from(self, key: LogKey, current: Container[UUID]) -> None:
        """Have logs be read together from *key* on, to which *current* ones were read, and leave the others behind."""
        if key <= self._read_to:
            return
        self._read_to, now = key, time.monotonic()
        for account_id, tail in self._tails.items():
            if tail.is_ready and account_id not in current and not tail.is_behind:
                tail.behind_since, tail.has_more = now, True

    async def _catch_up(
        self, connection: AsyncConnection, account_id: UUID, safe: int, current: set[UUID]
    ) -> tuple[set[UUID], bool]:
        """Read on in a log that was left behind; return whose rows came, and whether to its end.

        The *current* logs were read up to the *safe* position; then it is one of these.
        """
        tail = self._tails.get(account_id)
        if tail is None or tail.last_key is None:  # its listeners have gone
            return set(), True
        reached = tail.last_key
        rows = (await log_tail(connection, [account_id], reached, BATCH)).rows
        found = self._hand_out(rows)
        if len(rows) == BATCH:
            return found, False
        tail.behind_since, tail.has_more = None, False
        current.add(account_id)
        keys = (key for key in (reached, *(row.place.key for row in rows)) if key[0] < safe)
        self._go_on_from(max(keys, default=BEGINNING), current)
        return found, True

    async def _begin_tails(self, connection: AsyncConnection, safe: int, current: set[UUID]) -> None:
        """Have all tails begin that have not begun, each at its account's last row below the *safe* position.

        All rows of *current* logs below it were read. The feed goes on from a row, not from the safe position: after a
        crash PostgreSQL gives numbers of transactions anew of which nothing had reached the disk, so that rows come
        below it.
        """
        for account_id, tail in list(self._tails.items()):
            if not tail.is_ready:
                last = await last_key(connection, account_id, safe)
                tail.begin(last)
                current.add(account_id)
                self._go_on_from(last, current)

    async def part_with_unreadable(self) -> None:
        """End those who listen to a log of which a row can't be read, so that it holds up nobody else."""
        for account_id, tail in list(self._tails.items()):
            after = tail.last_key if tail.is_behind and tail.last_key is not None else self._read_to
            try:
                async with self._database.read() as connection:
                    await log_tail(connection, [account_id], after, BATCH)
            except UNREADABLE as fault:
                log.error("log_unreadable", account=str(account_id), reason=type(fault).__name__)
                self._tails.pop(account_id, None)
                tail.fail(fault)
