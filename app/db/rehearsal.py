"""A transaction that is done, looked at, and undone: what a dry run is made of.

It holds its locks for as long as it is looked at; who begins one has to end it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import CursorResult, Executable, ScalarResult, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.attempts import attempt
from app.db.coalescing import Coalescer
from app.db.deadlines import in_time
from app.db.engine import Database

T = TypeVar("T")

# What can be searched is numbered by a sequence, which would not roll back; a trigger of migration 0004 heeds it.
_NO_NUMBERS = text("SET LOCAL casegate.rehearsal = 'on'")

# The event loop itself keeps only weak references to tasks.
_underway: set[asyncio.Task[None]] = set()


class _Undo(Exception):
    """Rolls back a transaction that has been looked at."""


class Rehearsal(Generic[T]):
    """One transaction, in a task of its own, so that nobody's cancellation leaves it half open."""

    def __init__(self, database: Database, work: Callable[[AsyncConnection], Awaitable[T]]) -> None:
        self._home = database
        self._work = work
        self._over = asyncio.Event()
        self._turn = asyncio.Lock()
        self._done: asyncio.Future[tuple[T, Database]] = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run())
        _underway.add(self._task)
        self._task.add_done_callback(_underway.discard)

    async def shown(self) -> tuple[T, Database]:
        """Return what the work gave, and the database as it would be.

        Raises: what the work raised, and then all is undone already.
        """
        return await asyncio.shield(self._done)

    async def end(self) -> None:
        """Undo it: now where it is shown, else as soon as it has come so far, which nobody waits for."""
        self._over.set()
        if self._done.done():
            await asyncio.shield(self._task)

    async def _run(self) -> None:
        try:
            await attempt(self._home, self._show)
        except _Undo:
            return
        except Exception as error:
            # After it was shown, this is about the rolling back: a connection that is lost has done it.
            if not self._done.done():
                self._done.set_exception(error)
                self._done.exception()  # seen, even where who asked is gone

    async def _show(self, connection: AsyncConnection) -> None:
        if not self._home.is_sqlite:
            await connection.execute(_NO_NUMBERS)
        outcome = await self._work(connection)
        shared = _Shared(self._home, connection, self._over, self._turn)
        self._done.set_result((outcome, _Would(self._home.reader, self._home.writer, None, None, Coalescer(), shared)))
        await self._over.wait()
        async with self._turn:
            raise _Undo


@dataclass(frozen=True, slots=True)
class _Shared:
    """The part of a connection that reading takes, for several readers at once.

    Who is cancelled does not stop their statement: it would take the connection with it, and on SQLite leave the write
    lock behind. Who comes when all is undone gets what is really there: nobody waits for their answer any more.
    """

    home: Database
    connection: AsyncConnection
    over: asyncio.Event
    turn: asyncio.Lock
    _tasks: set[asyncio.Task[CursorResult[Any]]] = field(default_factory=set)

    async def execute(self, statement: Executable, values: Mapping[str, Any] | None = None) -> CursorResult[Any]:
        task = asyncio.create_task(self._execute(statement, values))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def scalar(self, statement: Executable) -> Any:
        return (await self.execute(statement)).scalar()

    async def scalars(self, statement: Executable) -> ScalarResult[Any]:
        return (await self.execute(statement)).scalars()

    async def _execute(self, statement: Executable, values: Mapping[str, Any] | None) -> CursorResult[Any]:
        async with self.turn:
            if not self.over.is_set():
                return await self.connection.execute(statement, values)
        async with in_time(), self.home.read() as connection:
            return await connection.execute(statement, values)


@dataclass(frozen=True, slots=True)
class _Would(Database):
    """The database as it would be, for reading."""

    shared: _Shared

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        yield cast(AsyncConnection, self.shared)

    def look_up(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return self.read()

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        yield cast(AsyncConnection, self.shared)
