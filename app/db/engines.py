"""Engines: how the gateway talks to SQLite (embedded) and to PostgreSQL (production), behind one `Database`.

It opens connections and transactions; it reads and writes nothing.
"""

import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, ExceptionContext, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from app.db.coalescing import Coalescer
from app.db.commits import CommitSignal
from app.db.connections import PING_AFTER_S, Connections
from app.db.prepared import AutocommitWriter
from app.db.reader import Reader
from app.db.sqlite.group_commit import GroupCommit
from app.db.transactions import transaction
from app.db.urls import asyncpg_arguments
from app.db.urls import database_url as database_url  # which those import who open the database

CONNECT_S = 5
READERS = 2


@dataclass(frozen=True, slots=True)
class Timeouts:
    """For how many seconds things are waited for, before somebody is told to come back.

    `pool`: a free connection; `lock`: what another transaction has locked, on SQLite the write lock; `statement`: the
    end of one, on SQLite of one that reads; `idle`: the next statement of a transaction, on PostgreSQL.
    """

    pool: float = 2.5
    lock: float = 5
    statement: float = 10
    idle: float = 20


@dataclass(frozen=True, slots=True)
class Database:
    """One database: connections for reading, which can't write, and for writing.

    On SQLite the writer is a single connection that takes the write lock as each transaction begins. On PostgreSQL
    readers do without a transaction, so that a read is one round trip; `single` is for connections of one's own.
    `probe` is a connection that nobody else uses: whether the database answers can be asked when all others are in use.
    `commits` tells of what is committed to the log through this object.
    """

    reader: Connections
    writer: Connections
    probe: Connections
    single: AsyncEngine | None
    group_commit: GroupCommit | None
    coalescer: Coalescer
    commits: CommitSignal = field(default_factory=CommitSignal)

    @property
    def is_sqlite(self) -> bool:
        return self.writer.engine.dialect.name == "sqlite"

    @property
    def name(self) -> str:
        """The name of PostgreSQL's database, or the path of SQLite's file."""
        return self.writer.engine.url.database or ""

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Yield a connection of one's own: GraphQL resolves siblings at once, and a connection serves one at a time."""
        return self.reader.lent()

    def point_reads(self) -> AbstractAsyncContextManager[Reader]:
        """Do as `read`, for prepared statements that take next to no time, as those that find rows by their ids.

        On SQLite those that come at the same moment share a turn through its thread.
        """
        return self.read() if self.group_commit is None else nullcontext(self.group_commit)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection on which all statements see the database at one moment."""
        async with self.reader.own() as connection:
            if self.is_sqlite:
                await connection.exec_driver_sql("BEGIN")
                yield connection
                await connection.exec_driver_sql("ROLLBACK")  # after a fault the pool does it
                return
            await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection in a transaction that is committed at the end, or rolled back by an exception."""
        async with self.writer.lent() as connection, transaction(connection):
            yield connection

    def autocommit_writer(self) -> AbstractAsyncContextManager[AutocommitWriter]:
        """Lend a connection on which each prepared statement is a transaction of its own, whose end is the statement's.

        It writes by `prepared.write_if_unchanged`.
        """
        return self.writer.lent() if self.group_commit is None else nullcontext(self.group_commit)

    def connections_in_use(self) -> dict[str, int]:
        """Return how many connections of each pool are in use."""
        return {"reader": self.reader.lent_out, "writer": self.writer.lent_out}

    @asynccontextmanager
    async def dedicated_connection(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection to PostgreSQL beside all others, to be kept for as long as it lasts."""
        assert self.single is not None
        async with self.single.connect() as connection:
            yield connection

    async def close(self) -> None:
        for connections in (self.reader, self.writer, self.probe):
            await connections.close()
            await connections.engine.dispose()


def open_database(
    url: str, *, pool_size: int = 10, patience: Timeouts | None = None, behind_pooler: bool = False
) -> Database:
    """Return the database at *url*; nothing is connected before the first use.

    *behind_pooler*: a pooler lies in between that gives a server's connection for a transaction, as PgBouncer does.
    """
    parsed, patience = database_url(url), patience or Timeouts()
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, pool_size, patience)
    return _postgresql(parsed, pool_size, patience, behind_pooler=behind_pooler)


def open_to_read(url: str, *, patience: Timeouts | None = None, behind_pooler: bool = False) -> Database:
    """Return the database at *url*, to be read and left as it is: on SQLite no file is made or changed.

    One that nobody has in use is read without locks; who reads it so must see afterwards that nobody came meanwhile.
    """
    parsed, patience = database_url(url), patience or Timeouts()
    if parsed.get_backend_name() != "sqlite":
        return _postgresql(parsed, READERS, patience, behind_pooler=behind_pooler)
    path = Path(parsed.database or "").absolute()
    options = {"mode": "ro", "uri": "true"} | ({} if is_in_use(path) else {"immutable": "1"})
    engine = create_async_engine(
        parsed.set(database=f"file:{quote(os.fsencode(path))}", query=options),
        **_pool(READERS, patience),
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        pool_reset_on_return=None,
    )
    _prepare_sqlite(engine, patience, query_only=True, leave_alone=True)
    connections = Connections(engine, READERS, patience.pool)
    return Database(
        connections, connections, connections, None, GroupCommit.between(connections, connections), Coalescer()
    )


def is_in_use(path: Path) -> bool:
    """Say whether something stands in the SQLite file's journals, as while somebody writes, or after a crash."""
    return any(
        journal.exists() and journal.stat().st_size
        for journal in (path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-journal"))
    )


def _pool(size: int, patience: Timeouts) -> dict[str, Any]:
    return {"pool_size": size, "max_overflow": 0, "pool_timeout": patience.pool, "hide_parameters": True}


def _sqlite(url: URL, pool_size: int, patience: Timeouts) -> Database:
    writer = create_async_engine(url, **_pool(1, patience))
    _prepare_sqlite(writer, patience, query_only=False)
    reader, probe = (_sqlite_reader(url, size, patience) for size in (pool_size, 1))

    @event.listens_for(writer.sync_engine, "begin")
    def start(connection: Connection) -> None:
        connection.connection.dbapi_connection.begin()  # type: ignore[union-attr]  # it is `turns.Connection`

    readers, writers = Connections(reader, pool_size, patience.pool), Connections(writer, 1, patience.pool)
    return Database(
        readers, writers, Connections(probe, 1, patience.pool), None, GroupCommit.between(readers, writers), Coalescer()
    )


def _sqlite_reader(url: URL, size: int, patience: Timeouts) -> AsyncEngine:
    # Each call of the driver is a turn through its thread: a read needs no BEGIN, and what was not begun no ROLLBACK.
    reader = create_async_engine(
        url,
        **_pool(size, patience),
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        pool_reset_on_return=None,
    )
    _prepare_sqlite(reader, patience, query_only=True)

    @event.listens_for(reader.sync_engine, "reset")
    def leave_no_snapshot(dbapi_connection: Any, *_: object) -> None:
        if dbapi_connection.driver_connection.in_transaction:
            dbapi_connection.rollback()

    return reader


def _prepare_sqlite(engine: AsyncEngine, patience: Timeouts, *, query_only: bool, leave_alone: bool = False) -> None:
    """Take the transaction's start into our own hands: the driver's own start loses updates.

    *leave_alone*: say nothing of how the file is to be written.
    """
    if not leave_alone:
        event.listen(engine.sync_engine, "do_connect", _make_file)
    writing = () if leave_alone else ("journal_mode = WAL", "synchronous = FULL")

    @event.listens_for(engine.sync_engine, "connect")
    def connect(dbapi_connection: Any, _record: object) -> None:
        dbapi_connection.isolation_level = None
        dbapi_connection.statement_s = patience.statement if query_only else None
        cursor = dbapi_connection.cursor()
        for pragma in (
            f"busy_timeout = {round(patience.lock * 1000)}",
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


def _postgresql(url: URL, pool_size: int, patience: Timeouts, *, behind_pooler: bool) -> Database:
    settle = _shared if behind_pooler else partial(_own, patience)
    pool = _pool(pool_size, patience)
    writer = _postgresql_engine(url, settle(read_only=False), pool)
    reader, probe = (
        _postgresql_engine(url, settle(read_only=True), _pool(size, patience) | {"isolation_level": "AUTOCOMMIT"})
        for size in (pool_size, 1)
    )
    for engine in (writer, reader, probe):
        _ping_after_a_pause(engine)
    if not behind_pooler:
        _commit_durably(writer)
    dedicated_connection = {"poolclass": NullPool, "hide_parameters": True, "isolation_level": "AUTOCOMMIT"}
    return Database(
        Connections(reader, pool_size, patience.pool),
        Connections(writer, pool_size, patience.pool),
        Connections(probe, 1, patience.pool),
        None if behind_pooler else _postgresql_engine(url, settle(read_only=True), dedicated_connection),
        None,
        Coalescer(),
    )


def _commit_durably(engine: AsyncEngine) -> None:
    """Wait for the disk with each commit, also where a server or a role is set not to; what waits for more is left."""

    @event.listens_for(engine.sync_engine, "connect")
    def connect(dbapi_connection: Any, _record: object) -> None:
        cursor = dbapi_connection.cursor()
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
        cursor.close()
        dbapi_connection.commit()


def _own(patience: Timeouts, *, read_only: bool) -> dict[str, Any]:
    """Return what asyncpg needs for a connection that is ours alone."""
    return {
        "server_settings": {
            **_NAMED,
            "lock_timeout": str(round(patience.lock * 1000)),
            "statement_timeout": str(round(patience.statement * 1000)),
            "idle_in_transaction_session_timeout": str(round(patience.idle * 1000)),
            "default_transaction_read_only": "on" if read_only else "off",
        }
    }


def _shared(*, read_only: bool) -> dict[str, Any]:
    """Return what asyncpg needs where the server's end changes with each transaction: nothing may be left there.

    PgBouncer takes no other settings, and knows no prepared statements before its version 1.21.
    """
    del read_only
    nothing_kept = {"statement_cache_size": 0, "prepared_statement_cache_size": 0}
    return {"server_settings": _NAMED, **nothing_kept, "prepared_statement_name_func": lambda: ""}


_NAMED = {"application_name": "casegate", "timezone": "UTC"}


def _postgresql_engine(url: URL, settled: dict[str, Any], options: dict[str, Any]) -> AsyncEngine:
    wanted = asyncpg_arguments(url)
    settings = {**settled["server_settings"], **wanted["server_settings"]}
    engine = create_async_engine(
        URL.create("postgresql+asyncpg", database=url.database),
        **options,
        skip_autocommit_rollback=True,
        connect_args={"timeout": CONNECT_S, **wanted, **settled, "server_settings": settings},
    )
    event.listen(engine.sync_engine, "handle_error", _forget_values)
    return engine


def _ping_after_a_pause(engine: AsyncEngine) -> None:
    """See whether a connection is still there when it was not used for a while; a busy one would cost a round trip."""
    dialect = engine.dialect

    @event.listens_for(engine.sync_engine, "checkin")
    def used(_dbapi_connection: Any, record: ConnectionPoolEntry) -> None:
        record.info["used"] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def look(dbapi_connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        if time.monotonic() - record.info.get("used", time.monotonic()) < PING_AFTER_S:
            return
        try:
            dialect.do_ping(dbapi_connection)
        except Exception as error:
            raise DisconnectionError("the connection was lost while nobody used it") from error


def _forget_values(context: ExceptionContext) -> None:
    """Drop the row that PostgreSQL tells in an error's DETAIL: a log would show it with the traceback."""
    cause = context.original_exception.__cause__
    if getattr(cause, "detail", None):
        cause.detail = None  # type: ignore[union-attr]  # asyncpg's, which has no types
