"""Notices of commits from one process to others, by PostgreSQL's notifications; they carry ids of accounts alone.

They are sent after the commit and on a connection of their own: a notification within a transaction has its commit wait
for a lock of the whole server (https://www.postgresql.org/docs/current/sql-notify.html). What is lost of them is found
by whoever looks regularly. On SQLite and behind a pooler there are none.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol, cast
from uuid import UUID, uuid4

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.db import background
from app.db.engines import Database
from app.db.postgresql.notifications import NotificationsUnavailable, following

CHANNEL = "casegate_log"
IDS_MAX = 200
"""Accounts in one notice, whose payload has less than 8 000 bytes."""
SPACING_S = 0.05
"""Seconds from one notice to the next: what is committed meanwhile goes together."""
RETRY_S = 5
UNAVAILABLE_S = 300
"""After it notifications are tried again where none came, as behind a pooler, or from a server that was busy."""

log = structlog.get_logger()


class NotifyingConnection(Protocol):
    """A connection of asyncpg's, which has no types."""

    async def execute(self, query: str, *values: str) -> str:
        """Execute a statement, and return its status."""


class CommitNotices:
    """Announces what this process commits, and calls *heard* with the account of what others have committed."""

    def __init__(self, database: Database, heard: Callable[[UUID], None]) -> None:
        self._database = database
        self._heard = heard
        self._sender = uuid4().hex
        self._pending: set[UUID] = set()
        self._is_due = asyncio.Event()

    def announce(self, account_id: UUID) -> None:
        """Have it announced soon that something of this account's log was committed."""
        if self._database.single is not None:
            self._pending.add(account_id)
            self._is_due.set()

    async def announce_regularly(self) -> None:
        """Announce what is due, until cancelled."""
        while self._database.single is not None:
            await self._is_due.wait()
            with background.LoggedFailures("commits_not_announced"):
                async with self._driver() as driver:
                    await self._announce_by(driver)
            await asyncio.sleep(RETRY_S)
            self._pending.clear()  # others have found it by now

    async def keep_subscribed(self) -> None:
        """Hear what others announce, until cancelled; while nothing can be heard, it is left to regular looks."""
        while self._database.single is not None:
            retry_s: float = RETRY_S
            try:
                async with following(self._database, self._hear, CHANNEL) as lost:
                    await lost.wait()
            except NotificationsUnavailable as error:
                log.warning("commits_not_heard", reason=str(error))
                retry_s = UNAVAILABLE_S
            except (SQLAlchemyError, OSError) as error:
                log.warning("commits_not_heard", reason=type(error).__name__)
            await asyncio.sleep(retry_s)

    async def announce_rest(self) -> None:
        """Announce what is still due, once."""
        if self._database.single is None or not self._pending:
            return
        with background.LoggedFailures("commits_not_announced"):
            async with self._driver() as driver:
                await self._send_pending(driver)

    @asynccontextmanager
    async def _driver(self) -> AsyncIterator[NotifyingConnection]:
        """Yield a connection of the driver's own: nobody who watches statements is to see these."""
        async with self._database.dedicated_connection() as connection:
            yield cast(NotifyingConnection, (await connection.get_raw_connection()).driver_connection)

    async def _announce_by(self, driver: NotifyingConnection) -> None:
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            await self._send_pending(driver)
            await asyncio.sleep(SPACING_S)

    async def _send_pending(self, driver: NotifyingConnection) -> None:
        waiting, self._pending = list(self._pending), set()
        try:
            for start in range(0, len(waiting), IDS_MAX):
                ids = [account_id.hex for account_id in waiting[start : start + IDS_MAX]]
                await driver.execute("SELECT pg_notify($1, $2)", CHANNEL, " ".join([self._sender, *ids]))
        except BaseException:
            self._pending.update(waiting)  # for `announce_rest`
            raise

    def _hear(self, payload: str) -> None:
        sender, *ids = payload.split() or [self._sender]
        if sender != self._sender:
            for account_id in ids:
                self._heard(UUID(account_id))


@asynccontextmanager
async def announcing(database: Database) -> AsyncIterator[None]:
    """Announce to others what is committed through *database* meanwhile, by who follows nothing: a command."""
    notices = CommitNotices(database, lambda _account_id: None)
    database.commits.subscribe(notices.announce)
    sending = asyncio.create_task(notices.announce_regularly())
    try:
        yield
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await notices.announce_rest()
