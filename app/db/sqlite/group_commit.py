"""SQLite's group commit: concurrent reads share one call of the thread, concurrent writes one commit.

A call takes longer than a short statement, and each wait for the disk longer than writing a comment's rows. Statements
that take long are not batched, since others would wait for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, CursorResult, Dialect, Executable
from sqlalchemy.util.concurrency import greenlet_spawn

from app.db.batching import Batcher, BatchItem
from app.db.connections import Connections
from app.db.listeners import Execution, dispatch_after, dispatch_before
from app.db.sqlite.driver import BoundStatement, DriverRows, Work, committed, looked_up
from app.db.transactions import fail
from app.db.watching import watched

MOST = 64
"""How many share a batch: a commit of so many still takes milliseconds."""

Item = BatchItem[Sequence[BoundStatement]]


@dataclass(frozen=True, slots=True)
class GroupCommit:
    """Sends short reads, and writes that stand alone, for all callers at once."""

    reader: Connections
    dialect: Dialect
    reads: Batcher[Sequence[BoundStatement], DriverRows]
    writes: Batcher[Sequence[BoundStatement], DriverRows]

    @classmethod
    def between(cls, reader: Connections, writer: Connections) -> "GroupCommit":
        """Return the group commit over these connections."""
        return cls(reader, reader.engine.dialect, _batcher(reader, looked_up), _batcher(writer, committed))

    async def fetch(self, sent: Sequence[BoundStatement]) -> DriverRows:
        """Execute statements, and return the last one's rows as the driver has them. Raises: as SQLAlchemy does."""
        with watched(sent):
            return await self.reads.submit(sent)

    async def write(self, sent: Sequence[BoundStatement]) -> bool:
        """Commit *sent* if the first statement returns a row, else nothing, and tell which. Raises: as SQLAlchemy does.

        Others may be in the same transaction; no caller's writes depend on theirs.
        """
        with watched(sent):
            return bool(await self.writes.submit(sent))

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[*tuple[Any, ...]]:
        """Execute on a connection of one's own what is not prepared."""
        async with self.reader.lent() as connection:
            return await connection.execute(statement, parameters)

    async def scalar(self, statement: Executable, parameters: Any = None) -> Any:
        """Do as `execute`, and return the first column of the first row."""
        async with self.reader.lent() as connection:
            return await connection.scalar(statement, parameters)


def _batcher(connections: Connections, work: Work) -> Batcher[Sequence[BoundStatement], DriverRows]:
    return Batcher(partial(_execute, connections, work), concurrent=1, size_max=MOST)


async def _execute(connections: Connections, work: Work, items: Sequence[Item]) -> list[DriverRows | BaseException]:
    """Execute one batch, and return what each item's statements gave, or how they failed."""
    async with connections.lent() as connection:
        sync = connection.sync_connection
        assert sync is not None
        adapted: Any = sync.connection.dbapi_connection
        executions = [Execution() for _ in items]
        for item, execution in zip(items, executions, strict=True):
            item.context.run(dispatch_before, sync, item.value, execution)
        try:
            results = await adapted.taken(work, [item.value for item in items])
        except BaseException as error:
            await greenlet_spawn(fail, sync, adapted, error, items[0].value[-1], executions[0])
            raise
        return [await _reported(sync, *reported) for reported in zip(items, executions, results, strict=True)]


async def _reported(
    sync: Connection, item: Item, execution: Execution, result: DriverRows | BaseException
) -> DriverRows | BaseException:
    """Let listeners know, and return the result, an error as SQLAlchemy has it."""
    if not isinstance(result, BaseException):
        item.context.run(dispatch_after, sync, item.value, execution)
        return result
    adapted: Any = sync.connection.dbapi_connection
    try:
        await greenlet_spawn(fail, sync, adapted, result, item.value[-1], execution)
    except Exception as error:
        return error
    raise AssertionError("unreachable")
