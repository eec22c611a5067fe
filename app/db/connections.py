"""The connections of an engine, which stay as they are from one use to the next.

To take one from SQLAlchemy's pool and to bring it back takes longer than a short statement takes the driver.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

PING_AFTER_S = 5

_PING = text("SELECT 1")


class Connections:
    """At most *size* connections, as many as the engine's own pool has; each is lent to one at a time.

    A caller that waits longer than *patience* seconds is refused: all are in use.
    """

    def __init__(self, engine: AsyncEngine, size: int, patience: float) -> None:
        self.engine = engine
        self.size = size
        self.patience = patience
        self.lent_out = 0
        self._places = asyncio.Semaphore(size)
        self._idle: list[tuple[AsyncConnection, float]] = []
        self._retired: list[AsyncConnection] | None = None
        self.shift = 0

    def lent(self) -> "_Loan":
        """Lend a connection without a transaction, to be given back so. Raises: PoolExhausted, when it is entered."""
        return _Loan(self)

    @asynccontextmanager
    async def own(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection that may be changed in any way: it goes back to the engine. Raises: PoolExhausted."""
        async with self._place():
            if self._idle:  # the engine's pool has no more of them than there are places
                await _closed(self._idle.pop(0)[0])
            async with self.engine.connect() as connection:
                yield connection

    async def close(self) -> None:
        """Give all connections back to the engine, those that are in use as soon as they are not."""
        self.shift += 1
        while self._idle:
            await _closed(self._idle.pop()[0])
        if self._retired is not None:
            await self._end_retired()

    def renew(self) -> None:
        """Have none of the connections used again that there are now; it waits for nothing."""
        self.shift += 1
        self._retired = [*(self._retired or ()), *(connection for connection, _ in self._idle)]
        self._idle.clear()

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        await self.take_place()
        try:
            yield
        finally:
            self.leave_place()

    async def take_place(self) -> None:
        """Wait for a place among those that use a connection. Raises: PoolExhausted."""
        if self._places.locked():
            try:
                async with asyncio.timeout(self.patience):
                    await self._places.acquire()
            except TimeoutError:
                raise PoolExhausted("all connections are in use") from None
        else:
            await self._places.acquire()  # at once
        self.lent_out += 1

    def leave_place(self) -> None:
        self.lent_out -= 1
        self._places.release()

    async def take(self) -> AsyncConnection:
        """Return a connection that was kept and is still good, or a new one."""
        if self._retired is not None:
            await self._end_retired()
        while self._idle:
            connection, used = self._idle.pop()
            if time.monotonic() - used < PING_AFTER_S or await _answers(connection):
                return connection
        return await self.engine.connect()

    async def _end_retired(self) -> None:
        retired, self._retired = self._retired or (), None
        for connection in retired:
            await connection.invalidate()
            await _closed(connection)
        await self.engine.dispose()  # of those that its pool keeps

    async def put_back(self, connection: AsyncConnection, shift: int, *, is_good: bool) -> None:
        """Keep a connection that was taken in this *shift*, if it is good, and nothing else has come meanwhile."""
        if connection.invalidated:  # with the server, as all others then are
            await self.close()
        elif shift != self.shift:
            await connection.invalidate()  # its pool is gone, and would not close it
        if is_good and shift == self.shift:
            self._idle.append((connection, time.monotonic()))
        else:
            await _closed(connection)


class _Loan:
    """A connection that is taken as a block is entered, and given back as it is left."""

    __slots__ = ("_connection", "_of", "_shift")

    def __init__(self, of: Connections) -> None:
        self._of = of

    async def __aenter__(self) -> AsyncConnection:
        await self._of.take_place()
        try:
            self._connection = await self._of.take()
        except BaseException:
            self._of.leave_place()
            raise
        self._shift = self._of.shift
        return self._connection

    async def __aexit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        # A refusal says nothing about the connection.
        is_good = error is None or (isinstance(error, Exception) and not isinstance(error, DBAPIError))
        try:
            await self._of.put_back(self._connection, self._shift, is_good=is_good)
        finally:
            self._of.leave_place()


async def _answers(connection: AsyncConnection) -> bool:
    """Tell whether a connection is still good; otherwise it is closed."""
    try:
        await connection.execute(_PING)
        await connection.rollback()
    except BaseException as error:
        await _closed(connection)
        if not isinstance(error, DBAPIError):
            raise
        return False
    return True


async def _closed(connection: AsyncConnection) -> None:
    """Give *connection* back to its engine, even if who does so is cancelled meanwhile."""
    await asyncio.shield(asyncio.create_task(connection.close()))
