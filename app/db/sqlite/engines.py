"""SQLAlchemy's engines for a SQLite file: one that writes, and such as read.

The transaction's start is taken into our own hands, as the driver's own loses updates.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, event
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from app.db.timeouts import Timeouts

# Each call of the driver waits for its thread: a read needs no BEGIN, and what was not begun no ROLLBACK.
_READING = {"isolation_level": "AUTOCOMMIT", "skip_autocommit_rollback": True, "pool_reset_on_return": None}


def writer_engine(url: URL, timeouts: Timeouts) -> AsyncEngine:
    """Return the engine that writes, of one connection, which takes the write lock as each transaction begins."""
    engine = create_async_engine(url, **timeouts.pool_options(1))
    _configure(engine, timeouts, query_only=False)

    @event.listens_for(engine.sync_engine, "begin")
    def start(connection: Connection) -> None:
        connection.connection.dbapi_connection.begin()  # type: ignore[union-attr]  # it is `driver.DriverConnection`

    return engine


def reader_engine(url: URL, size: int, timeouts: Timeouts) -> AsyncEngine:
    """Return an engine of *size* connections, each of which reads in autocommit and leaves no snapshot behind."""
    engine = create_async_engine(url, **timeouts.pool_options(size), **_READING)
    _configure(engine, timeouts, query_only=True)

    @event.listens_for(engine.sync_engine, "reset")
    def leave_no_snapshot(dbapi_connection: Any, *_: object) -> None:
        if dbapi_connection.driver_connection.in_transaction:
            dbapi_connection.rollback()

    return engine


def observer_engine(url: URL, size: int, timeouts: Timeouts) -> AsyncEngine:
    """Return an engine that makes and changes no file. One that no process has open is read without locks."""
    path = Path(url.database or "").absolute()
    options = {"mode": "ro", "uri": "true"} | ({} if is_in_use(path) else {"immutable": "1"})
    file = url.set(database=f"file:{quote(os.fsencode(path))}", query=options)
    engine = create_async_engine(file, **timeouts.pool_options(size), **_READING)
    _configure(engine, timeouts, query_only=True, leave_alone=True)
    return engine


def is_in_use(path: Path) -> bool:
    """Say whether something stands in the SQLite file's journals, as during a write, or after a crash."""
    return any(
        journal.exists() and journal.stat().st_size
        for journal in (path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-journal"))
    )


def _configure(engine: AsyncEngine, timeouts: Timeouts, *, query_only: bool, leave_alone: bool = False) -> None:
    """Have each connection set up as it is made. *leave_alone*: say nothing of how the file is to be written."""
    if not leave_alone:
        event.listen(engine.sync_engine, "do_connect", _make_file)
    # What is deleted is overwritten with zeros: it costs nothing where no whole pages become free.
    writing = () if leave_alone else ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON")

    @event.listens_for(engine.sync_engine, "connect")
    def connect(dbapi_connection: Any, _record: object) -> None:
        dbapi_connection.isolation_level = None
        dbapi_connection.statement_s = timeouts.statement if query_only else None
        cursor = dbapi_connection.cursor()
        for pragma in (
            f"busy_timeout = {round(timeouts.lock * 1000)}",
            *writing,
            "foreign_keys = ON",
            f"query_only = {'ON' if query_only else 'OFF'}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "invalidate")
    def interrupt(dbapi_connection: Any, *_: object) -> None:
        # Who was cancelled lets go of the connection; its statement would run on in its thread. PostgreSQL's driver
        # tells the server by itself. The driver's own method has to be awaited, and raises where all is over.
        connection = dbapi_connection.driver_connection._connection  # noqa: SLF001
        if connection is not None:
            connection.interrupt()


def _make_file(_dialect: object, _record: object, arguments: Sequence[Any], _named: object) -> None:
    """Make the database's file its owner's alone, where there is none: the files beside it get the mode that it has."""
    with suppress(OSError):  # then SQLite says what it can't do
        os.close(os.open(arguments[0], os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
