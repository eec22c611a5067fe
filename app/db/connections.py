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

    Whoever waits longer than *patience* seconds is told that all are in use.
    """

    def __init__(self, engine: AsyncEngine, size: int, patience: float) -> None:
        self.engine = engine
        self.lent_out = 0
        self._patience = patience
        self._places = asyncio.Semaphore(size)
        self._idle: list[tuple[AsyncConnection, float]] = []
        self._shift = 0

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection without a transaction, to be given back so. Raises: PoolExhausted."""
        async with self._place():
            connection = await self._idle_one() or await self.engine.connect()
            shift, is_good = self._shift, False
            try:
                yield connection
                is_good = True
            except Exception as error:
                is_good = not isinstance(error, DBAPIError)  # a refusal says nothing about the connection
                raise
            finally:
                if connection.invalidated:  # with the server, as all others then are
                    await self.close()
                if shift != self._shift and not connection.invalidated:
                    await connection.invalidate()  # its pool is gone, and would not close it
                if is_good and shift == self._shift:
                    self._idle.append((connection, time.monotonic()))
                else:
                    await _closed(connection)

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
        self._shift += 1
        while self._idle:
            await _closed(self._idle.pop()[0])

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        if self._places.locked():
            try:
                async with asyncio.timeout(self._patience):
                    await self._places.acquire()
            except TimeoutError:
                raise PoolExhausted("all connections are in use") from None
        else:
            await self._places.acquire()  # at once
        self.lent_out += 1
        try:
            yield
        finally:
            self.lent_out -= 1
            self._places.release()

    async def _idle_one(self) -> AsyncConnection | None:
        """Return a connection that was kept and is still good; None where there is none."""
        while self._idle:
            connection, used = self._idle.pop()
            if time.monotonic() - used < PING_AFTER_S:
                return connection
            try:
                await connection.execute(_PING)
                await connection.rollback()
            except BaseException as error:
                await _closed(connection)
                if not isinstance(error, DBAPIError):
                    raise
            else:
                return connection
        return None


async def _closed(connection: AsyncConnection) -> None:
    """Give *connection* back to its engine, even if who does so is cancelled meanwhile."""
    await asyncio.shield(asyncio.create_task(connection.close()))
