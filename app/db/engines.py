"""The database: how the gateway reads and writes SQLite (embedded) and PostgreSQL (production) in one way.

It opens connections and transactions; it reads and writes nothing. What the engines are is in `sqlite` and
`postgresql`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field

from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.coalescing import Coalescer
from app.db.commits import CommitSignal
from app.db.connections import Connections
from app.db.postgresql import engines as postgresql
from app.db.prepared import AutocommitWriter
from app.db.reader import Reader
from app.db.sqlite import engines as sqlite
from app.db.sqlite.engines import is_in_use as is_in_use  # which those import who open the database
from app.db.sqlite.group_commit import GroupCommit
from app.db.timeouts import Timeouts as Timeouts
from app.db.transactions import transaction
from app.db.urls import database_url as database_url

READERS = 2


@dataclass(frozen=True, slots=True)
class Database:
    """One database: connections for reading, which can't write, and for writing.

    On SQLite the writer is a single connection that takes the write lock as each transaction begins. On PostgreSQL
    readers do without a transaction, so that a read is one round trip; `single` is for connections of one's own.
    `probe` is a connection of its own: whether the database answers can be asked when all others are in use.
    `commits` tells of what is committed to the log through this object, `erased` that something was erased.
    `is_replica`: what it reads is a replica's, and may be some seconds old.
    """

    reader: Connections
    writer: Connections
    probe: Connections
    single: AsyncEngine | None
    group_commit: GroupCommit | None
    coalescer: Coalescer
    commits: CommitSignal = field(default_factory=CommitSignal)
    erased: asyncio.Event = field(default_factory=asyncio.Event)
    is_replica: bool = False

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

        On SQLite those that come at the same moment share a call of its thread.
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

        It writes by `prepared.write_if_unchanged`; what is not prepared would begin a transaction.
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
    parsed, timeouts = database_url(url), patience or Timeouts()
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, pool_size, timeouts)
    return _postgresql(parsed, pool_size, timeouts, behind_pooler=behind_pooler)


def open_to_read(url: str, *, patience: Timeouts | None = None, behind_pooler: bool = False) -> Database:
    """Return the database at *url*, to be read and left as it is: on SQLite no file is made or changed.

    One that no process has open is read without locks; the reader must check afterwards that none wrote meanwhile.
    """
    parsed, timeouts = database_url(url), patience or Timeouts()
    if parsed.get_backend_name() != "sqlite":
        return _postgresql(parsed, READERS, timeouts, behind_pooler=behind_pooler)
    connections = Connections(sqlite.observer_engine(parsed, READERS, timeouts), READERS, timeouts.pool)
    group_commit = GroupCommit.between(connections, connections)
    return Database(connections, connections, connections, None, group_commit, Coalescer())


def _sqlite(url: URL, size: int, timeouts: Timeouts) -> Database:
    readers = Connections(sqlite.reader_engine(url, size, timeouts), size, timeouts.pool)
    writers = Connections(sqlite.writer_engine(url, timeouts), 1, timeouts.pool)
    probe = Connections(sqlite.reader_engine(url, 1, timeouts), 1, timeouts.pool)
    return Database(readers, writers, probe, None, GroupCommit.between(readers, writers), Coalescer())


def _postgresql(url: URL, size: int, timeouts: Timeouts, *, behind_pooler: bool) -> Database:
    def readers(size: int) -> Connections:
        engine = postgresql.reader_engine(url, size, timeouts, behind_pooler=behind_pooler)
        return Connections(engine, size, timeouts.pool)

    writer = postgresql.writer_engine(url, size, timeouts, behind_pooler=behind_pooler)
    dedicated = None if behind_pooler else postgresql.dedicated_engine(url, timeouts)
    pools = readers(size), Connections(writer, size, timeouts.pool), readers(1)
    postgresql.drop_when_useless(writer, pools)
    return Database(*pools, dedicated, None, Coalescer())
