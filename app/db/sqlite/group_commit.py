"""SQLite's group commit: reads, and writes, of the same moment share one turn through the thread and one commit.

A turn there and back takes longer than a short statement, and each wait for the disk longer than a comment's rows. Who
comes alone is sent at once; who comes meanwhile waits for the end of that turn, and shares the next one. What takes
long is not for a lane, where others would wait for it.
"""

import asyncio
from collections.abc import Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, CursorResult, Executable
from sqlalchemy.util.concurrency import greenlet_spawn

from app.db.connections import Connections
from app.db.listeners import Execution, dispatch_after, dispatch_before
from app.db.sqlite.driver import BoundStatement, DriverRows, Work, committed, looked_up
from app.db.transactions import fail
from app.db.watching import watched

MOST = 64
"""How many share a turn: a commit of so many is still a matter of milliseconds."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """The part of a connection that short reads take, and writes that stand alone; for all callers at once."""

    reader: Connections
    reading: "_Lane"
    writing: "_Lane"

    @classmethod
    def between(cls, reader: Connections, writer: Connections) -> "Lanes":
        """Return the lanes over these connections."""
        return cls(reader, _Lane(reader, looked_up), _Lane(writer, committed))

    @property
    def dialect(self) -> Any:
        return self.reader.engine.dialect

    async def turn(self, sent: Sequence[BoundStatement]) -> DriverRows:
        """Execute statements, and return the last one's rows as the driver has them. Raises: as SQLAlchemy does."""
        return await self.reading.turn(sent)

    async def write(self, sent: Sequence[BoundStatement]) -> bool:
        """Commit *sent* if the first statement returns a row, else nothing, and tell which. Raises: as SQLAlchemy does.

        Others may be in the same transaction; nobody's writes are done or undone because of theirs.
        """
        return bool(await self.writing.turn(sent))

    async def execute(self, statement: Executable, values: Any = None) -> CursorResult[Any]:
        """Execute on a connection of one's own what is not prepared."""
        async with self.reader.lent() as connection:
            return await connection.execute(statement, values)


@dataclass(frozen=True, slots=True)
class _Parcel:
    """What one caller sends."""

    sent: Sequence[BoundStatement]
    received: "asyncio.Future[DriverRows]"
    context: Context
    execution: Execution = field(default_factory=Execution)

    def receive(self, result: DriverRows | BaseException) -> None:
        if self.received.done():  # whoever waited was cancelled
            return
        if isinstance(result, BaseException):
            self.received.set_exception(result)
        else:
            self.received.set_result(result)


class _Lane:
    """Turns through a thread, of which each carries all that has come since the one before."""

    def __init__(self, connections: Connections, work: Work) -> None:
        self._connections = connections
        self._work = work
        self._waiting: list[_Parcel] = []
        self._is_taken = False
        self._task: asyncio.Task[None] | None = None  # the event loop itself keeps only weak references

    async def turn(self, sent: Sequence[BoundStatement]) -> DriverRows:
        with watched(sent):
            return await self._turn(sent)

    async def _turn(self, sent: Sequence[BoundStatement]) -> DriverRows:
        parcel = _Parcel(sent, asyncio.get_running_loop().create_future(), copy_context())
        if self._is_taken:
            self._waiting.append(parcel)
            return await parcel.received
        self._is_taken = True
        try:
            (rows,) = await self._carried([parcel])
        finally:
            self._leave()
        if isinstance(rows, BaseException):
            raise rows
        return rows

    def _leave(self) -> None:
        """Let those go who have come meanwhile."""
        self._is_taken = bool(self._waiting)
        if self._is_taken:
            self._task = asyncio.create_task(self._carry_others())

    async def _carry_others(self) -> None:
        parcels, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        results: Sequence[DriverRows | BaseException]
        try:
            results = await self._carried(parcels)
        except Exception as error:
            results = [error] * len(parcels)
        finally:
            self._leave()
        for parcel, result in zip(parcels, results, strict=True):
            parcel.receive(result)

    async def _carried(self, parcels: Sequence[_Parcel]) -> Sequence[DriverRows | BaseException]:
        """Take one turn, and return what each parcel's statements gave, or how they failed."""
        async with self._connections.lent() as connection:
            sync = connection.sync_connection
            assert sync is not None
            adapted: Any = sync.connection.dbapi_connection
            for parcel in parcels:
                parcel.context.run(dispatch_before, sync, parcel.sent, parcel.execution)
            try:
                results = await adapted.taken(self._work, [parcel.sent for parcel in parcels])
            except BaseException as error:
                await greenlet_spawn(fail, sync, adapted, error, parcels[0].sent[-1], parcels[0].execution)
                raise
            return [await _reported(sync, parcel, result) for parcel, result in zip(parcels, results, strict=True)]


async def _reported(
    sync: Connection, parcel: _Parcel, result: DriverRows | BaseException
) -> DriverRows | BaseException:
    """Let listeners know, and return the result, an error as SQLAlchemy has it."""
    if not isinstance(result, BaseException):
        parcel.context.run(dispatch_after, sync, parcel.sent, parcel.execution)
        return result
    adapted: Any = sync.connection.dbapi_connection
    try:
        await greenlet_spawn(fail, sync, adapted, result, parcel.sent[-1], parcel.execution)
    except Exception as error:
        return error
    raise AssertionError("unreachable")
