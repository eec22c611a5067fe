"""Connections for reading that are kept as they are between reads: to take one from an engine's pool and to bring it
back takes SQLAlchemy longer than a short statement takes the driver.
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


class Standing:
    """The connections of one engine for reading, at most *size* of them; each is lent to one at a time.

    The engine's pool must have as many, and its connections no transactions.
    """

    def __init__(self, engine: AsyncEngine, size: int, patience: float) -> None:
        self._engine = engine
        self._patience = patience
        self._places = asyncio.Semaphore(size)
        self._idle: list[tuple[AsyncConnection, float]] = []
        self._shift = 0
        self.lent_out = 0

    @asynccontextmanager
    async def lent(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection; one that something went wrong on is not kept. Raises: PoolExhausted."""
        async with self._place():
            connection = await self._idle_one() or await self._engine.connect()
            shift = self._shift
            try:
                yield connection
            except BaseException:
                lost = connection.invalidated
                await _closed(connection)
                if lost:  # with the server, as all others then are
                    await self.close()
                raise
            if shift == self._shift:
                self._idle.append((connection, time.monotonic()))
            else:
                await _closed(connection)

    @asynccontextmanager
    async def room(self) -> AsyncIterator[None]:
        """See that the engine has a connection to give, for more than a read. Raises: PoolExhausted."""
        async with self._place():
            if self._idle:
                await _closed(self._idle.pop(0)[0])
            yield

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
                raise PoolExhausted("all connections for reading are in use") from None
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
            except DBAPIError:
                await _closed(connection)
            else:
                return connection
        return None


async def _closed(connection: AsyncConnection) -> None:
    """Give *connection* back to its engine, even if who does so is cancelled meanwhile."""
    await asyncio.shield(asyncio.create_task(connection.close()))
