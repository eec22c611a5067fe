"""Watches whether a client takes what is written to it, and drops its connection if it does not."""

import asyncio
from collections.abc import Callable, Container

from app.server.connection_bounds import Bounds, ClientConnection, ConnectionRegistry


class WriteWatch:
    """Watches one of the *connections*. *written*: how many bytes were written to it so far."""

    __slots__ = (
        "_bounds",
        "_connection",
        "_connections",
        "_least",
        "_loop",
        "_registry",
        "_timer",
        "_window_s",
        "_written",
    )

    def __init__(
        self,
        connection: ClientConnection,
        connections: Container[object],
        registry: ConnectionRegistry,
        bounds: Bounds,
        loop: asyncio.AbstractEventLoop,
        written: Callable[[], int],
    ) -> None:
        self._connection = connection
        self._connections = connections
        self._registry = registry
        self._bounds = bounds
        self._loop = loop
        self._written = written
        self._timer: asyncio.TimerHandle | None = None
        self.expect_progress(None)

    def expect_progress(self, seconds: float | None) -> None:
        """Have anything at all taken in so many seconds; None for what the bounds say."""
        bounds = self._bounds
        self._window_s = bounds.write_window_s if seconds is None else seconds
        self._least = bounds.write_rate * bounds.write_window_s if seconds is None else 1

    def begin(self) -> None:
        """Watch from now on, until all is taken."""
        self._loop.call_soon(self._bound_unsent)  # what is dropped may be this one, which is being written to
        if self._timer is None:
            self._expect()

    def stop(self) -> None:
        """Watch no more: the connection has ended."""
        if self._timer is not None:
            self._timer.cancel()

    def _bound_unsent(self) -> None:
        if self._connection in self._connections and self._connection.unsent():
            self._registry.bound_unsent(self._connection, self._bounds)

    def _expect(self) -> None:
        taken = self._written() - self._connection.unsent()
        self._timer = self._loop.call_later(self._window_s, self._check, taken)

    def _check(self, taken_before: int) -> None:
        self._timer = None
        unsent = self._connection.unsent()
        if not unsent:
            return
        if self._written() - unsent - taken_before < self._least:
            self._connection.drop()
        else:
            self._expect()
