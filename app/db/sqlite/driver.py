"""SQLite's driver with one call of its thread for each statement, where SQLAlchemy's own takes four.

aiosqlite runs every call in the connection's thread: to make a cursor, to execute, to fetch, and to close it. Each is
a call that waits for the thread, and most of the time of a short statement. Here they are one call; BEGIN goes with the
first statement, and COMMIT can go with the last. It streams no results.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any, NamedTuple, TypeVar

from sqlalchemy.connectors.asyncio import AsyncAdapt_dbapi_connection
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
    SQLiteDialect_aiosqlite,
)
from sqlalchemy.util.concurrency import await_

DRIVER = "sqlite+casegate"

BoundStatement = tuple[str, Sequence[Any]]
"""A statement and its parameters."""

DriverRows = Sequence[Any]

T = TypeVar("T")

# asyncio keeps a timer that was cancelled until its time has come, and with it the context that it was made in.
_NOTHING_AROUND = Context()


class _Done(NamedTuple):
    """What is left of a cursor that is closed already."""

    description: Any = None
    rowcount: int = -1
    lastrowid: int | None = None
    rows: DriverRows = ()


def _executed(connection: sqlite3.Connection, execute: Callable[[sqlite3.Cursor], sqlite3.Cursor]) -> _Done:
    """Execute something, and fetch all that it gives; runs in the connection's thread."""
    cursor = connection.cursor()
    try:
        execute(cursor)
        rows = cursor.fetchall() if cursor.description else ()
        return _Done(cursor.description, cursor.rowcount, cursor.lastrowid, rows)
    finally:
        cursor.close()


def _done(connection: sqlite3.Connection, sent: Sequence[BoundStatement]) -> DriverRows:
    rows: DriverRows = ()
    cursor = connection.cursor()
    try:
        for sql, parameters in sent:
            rows = cursor.execute(sql, parameters).fetchall()
    finally:
        cursor.close()
    return rows


# --- Batches of several callers --------------------------------------------------------------------------------------

Work = Callable[[sqlite3.Connection, Sequence[Sequence[BoundStatement]]], Sequence[DriverRows | BaseException]]
"""What is done in a connection's thread with what each of several callers sends, and returned to each of them."""


def looked_up(
    connection: sqlite3.Connection, batches: Sequence[Sequence[BoundStatement]]
) -> Sequence[DriverRows | BaseException]:
    """Return the rows that each caller's last statement gives."""
    results: list[DriverRows | BaseException] = []
    for sent in batches:
        try:
            results.append(_done(connection, sent))
        except Exception as error:
            results.append(error)
    return results


def committed(
    connection: sqlite3.Connection, batches: Sequence[Sequence[BoundStatement]]
) -> Sequence[DriverRows | BaseException]:
    """Commit what callers write in one transaction, where all goes well, hence with one wait for the disk.

    Each caller's first statement tells by its row whether the others are executed; it is returned. Where anything
    fails, each caller gets a transaction of their own.
    """
    try:
        return _committed(connection, batches)
    except Exception as error:
        # The lock was waited for long enough.
        is_locked = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
        if is_locked or len(batches) == 1:
            return [error] * len(batches)
    return [committed(connection, [sent])[0] for sent in batches]


def _committed(connection: sqlite3.Connection, batches: Sequence[Sequence[BoundStatement]]) -> Sequence[DriverRows]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        results = [_written(connection, sent) for sent in batches]
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return results


def _written(connection: sqlite3.Connection, sent: Sequence[BoundStatement]) -> DriverRows:
    rows = _done(connection, sent[:1])
    if rows:
        _done(connection, sent[1:])
    return rows


class DriverCursor(AsyncAdapt_aiosqlite_cursor):
    """A cursor that is one only while it executes."""

    __slots__ = ("arraysize",)

    def __init__(self, adapt_connection: AsyncAdapt_dbapi_connection) -> None:
        self._adapt_connection = adapt_connection
        self._connection = adapt_connection._connection
        self._cursor: Any = _Done()
        self._soft_closed_memoized: Any = {}
        self._rows = deque()
        self.arraysize = 1

    async def _async_soft_close(self) -> None:
        """Do nothing: it is closed."""

    def close(self) -> None:
        self._rows.clear()

    def execute(self, operation: Any, parameters: Any = None) -> Any:
        return self._in_thread(lambda cursor: cursor.execute(operation, () if parameters is None else parameters))

    def executemany(self, operation: Any, seq_of_parameters: Any) -> Any:
        return self._in_thread(lambda cursor: cursor.executemany(operation, seq_of_parameters))

    def _in_thread(self, execute: Callable[[sqlite3.Cursor], sqlite3.Cursor]) -> Any:
        try:
            await_(self._taken(execute))
        except Exception as error:
            self._adapt_connection._handle_exception(error)
        return self

    async def _taken(self, execute: Callable[[sqlite3.Cursor], sqlite3.Cursor]) -> None:
        adapted: Any = self._adapt_connection
        self._cursor = await adapted.bounded(_executed, execute)
        self._rows = deque(self._cursor.rows)


class DriverConnection(AsyncAdapt_aiosqlite_connection):
    """A connection with such cursors, which begins a transaction no sooner than something is done in it."""

    __slots__ = ("_is_due", "statement_s")
    _cursor_cls = DriverCursor

    def __init__(self, dbapi: Any, connection: Any) -> None:
        super().__init__(dbapi, connection)
        self._is_due = False
        self.statement_s: float | None = None
        """The seconds after which a statement is given up, where it is not batched with others."""

    def begin(self) -> None:
        """Have the write lock taken in the same call as the next statement, before it."""
        self._is_due = True

    def cursor(self, server_side: bool = False) -> Any:
        """Return a cursor; one that streams, which is the driver's own, begins no transaction."""
        assert not (server_side and self._is_due)
        return super().cursor(server_side)

    async def execute_batch(self, sent: Sequence[BoundStatement]) -> DriverRows:
        """Execute statements in one call, and return the last one's rows as they are. Raises: what sqlite3 raises."""
        return await self.bounded(_done, sent)

    async def execute_batch_and_commit(self, sent: Sequence[BoundStatement]) -> None:
        """Execute statements, if any, and commit what was begun in the same call. Raises: what sqlite3 raises.

        After an error the transaction is still there, to be rolled back.
        """
        if sent or self._is_open:
            await self.taken(_done, [*sent, ("COMMIT", ())])
        self._is_due = False

    async def bounded(self, work: Callable[[sqlite3.Connection, Any], T], given: Any) -> T:
        """Do as `taken`, and give it up after `statement_s`, as a server would: SQLite has no such setting."""
        if self.statement_s is None:
            return await self.taken(work, given)
        driver: Any = self._connection
        interrupt, loop = driver._conn.interrupt, asyncio.get_running_loop()
        timer = loop.call_later(self.statement_s, interrupt, context=_NOTHING_AROUND)
        try:
            return await self.taken(work, given)
        finally:
            timer.cancel()

    async def taken(self, work: Callable[[sqlite3.Connection, Any], T], given: Any) -> T:
        """Do *work* with the driver's connection and what is *given*, in the connection's thread.

        That thread does one thing after the other: SQLAlchemy's lock for the steps of a cursor is not needed.
        """
        driver: Any = self._connection
        done: T = await driver._execute(self._in_thread, driver._conn, work, given)
        return done

    def _in_thread(self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection, Any], T], given: Any) -> T:
        if self._is_due:
            connection.execute("BEGIN IMMEDIATE")
            self._is_due = False  # no sooner: what comes after a BEGIN that failed must not do without
        return work(connection, given)

    @property
    def _is_open(self) -> bool:
        driver: Any = self._connection
        return driver._connection is not None and driver.in_transaction

    def commit(self) -> None:
        """Commit what was begun, if anything."""
        self._is_due = False
        if self._is_open:
            super().commit()

    def rollback(self) -> None:
        """Undo what was begun, or is about to be in the connection's thread."""
        self._is_due = False
        super().rollback()


class Driver(AsyncAdapt_aiosqlite_dbapi):
    """The driver as SQLAlchemy sees it."""

    def connect(self, *arg: Any, **kw: Any) -> DriverConnection:
        return DriverConnection(self, super().connect(*arg, **kw)._connection)


class Dialect(SQLiteDialect_aiosqlite):
    """SQLAlchemy's dialect for aiosqlite, with this driver."""

    driver = "casegate"
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> Driver:
        return Driver(__import__("aiosqlite"), __import__("sqlite3"))


registry.register("sqlite.casegate", __name__, Dialect.__name__)
