"""Bounds what a client still sends after its answer, which is read and thrown away (RFC 9112, section 9.6)."""

import asyncio

from app.server.connection_bounds import Bounds, ClientConnection, ConnectionRegistry


class Discarding:
    """Counts what is discarded of one connection, in bytes and in time, and drops it where that is too much."""

    __slots__ = ("_began", "_bounds", "_connection", "_loop", "_moved", "_registry", "_size", "_timer", "is_under_way")

    def __init__(
        self,
        connection: ClientConnection,
        registry: ConnectionRegistry,
        bounds: Bounds,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._connection = connection
        self._registry = registry
        self._bounds = bounds
        self._loop = loop
        self._timer: asyncio.TimerHandle | None = None
        self._size = self._moved = 0  # in bytes: in all, and when a window began
        self._began = 0.0
        self.is_under_way = False

    def begin(self) -> None:
        """Count from now on."""
        self.stop()
        self.is_under_way = True
        self._began = self._loop.time()
        self._size = self._moved = 0
        self._timer = self._loop.call_later(self._bounds.discard_window_s, self._check)
        self._registry.bound_discarding(self._connection, self._bounds)

    def count(self, received: int) -> None:
        """Count what was received."""
        self._size += received
        if self._size > self._bounds.discard_bytes:
            self._connection.drop()

    def end(self) -> None:
        """Count no more: what comes next is another request."""
        if self.is_under_way:
            self.is_under_way = False
            self._registry.note_end_of_discarding(self._connection)
            self.stop()

    def stop(self) -> None:
        """Look at the clock no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        bounds = self._bounds
        is_slow = self._size - self._moved < bounds.discard_rate * bounds.discard_window_s
        if is_slow or self._loop.time() - self._began > bounds.discard_s:
            self._connection.drop()
            return
        self._moved = self._size
        self._timer = self._loop.call_later(bounds.discard_window_s, self._check)
