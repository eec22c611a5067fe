"""The server's side of a WebSocket, with bounds that uvicorn has not: on what a client does not read, and on its end.

It is the protocol on the library `websockets`, which refuses a message that is too long by its first frame's length,
and unmasks what it reads in C.
"""

import asyncio
from typing import Any

from starlette.types import Message
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame
from websockets.http11 import Request

from app.server.connection_bounds import Bounds, registry_of
from app.server.shutdown import announce_end

PING_S = 20.0
PONG_S = 40.0
"""More than a slow reader is waited for: its stream is ended with its cursor, not for a pong that waits behind it."""
END_S = 10.0
"""Seconds for a client to take what is left, once the connection is to end."""
DRAIN_S = 15.0
"""Seconds for the application to end it in its own way, when the server ends."""


class BoundedWebSocket(WebSocketsSansIOProtocol):
    """A WebSocket that competes with other connections: while nothing goes on there, it may be closed for a new one."""

    def __init__(self, *args: Any, bounds: Bounds | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bounds = bounds or Bounds()
        self._registry = registry_of(kwargs["server_state"])
        self._ending: asyncio.TimerHandle | None = None
        self.is_busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._registry.note_step(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._registry.forget(self)
        if self._ending is not None:
            self._ending.cancel()
        super().connection_lost(exc)

    def unsent(self) -> int:
        """Return how many bytes wait for the client."""
        return self.transport.get_write_buffer_size()

    def drop(self) -> None:
        """End the connection at once, with what is not sent yet."""
        self.transport.abort()

    def read_ahead(self) -> None:
        """Read on; here nothing is kept back that was received."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        del self.request  # nobody looks at it any more, and a browser's is long
        if self.response.status_code == 101:
            self.scope["extensions"]["casegate.transport"] = self  # type: ignore[assignment]  # it is our own

    async def send(self, message: Message) -> None:  # type: ignore[override]  # as Starlette types it
        if message["type"] == "websocket.close":
            self.writable.set()  # else it would wait for a client that takes nothing
            self._end_soon()
        await super().send(message)  # type: ignore[arg-type]
        if message["type"] == "websocket.accept":
            del self.response  # as above

    def pause_writing(self) -> None:
        super().pause_writing()
        self.loop.call_soon(self._bound_unsent)  # what is dropped may be this one, which is being written to

    def resume_writing(self) -> None:
        super().resume_writing()
        self._registry.note_read(self)

    def handle_close(self, event: Frame) -> None:
        self._end_soon()
        super().handle_close(event)

    def handle_parser_exception(self) -> None:
        self._end_soon()
        super().handle_parser_exception()

    def keepalive_timeout(self) -> None:
        self._end_soon()
        super().keepalive_timeout()

    def on_task_complete(self, task: "asyncio.Task[None]") -> None:
        self._end_soon()
        super().on_task_complete(task)

    def shutdown(self) -> None:
        announce_end(self.app_state)
        if self.handshake_complete and not self.close_sent:
            self._end_soon(DRAIN_S)
        else:
            super().shutdown()

    def _bound_unsent(self) -> None:
        if self in self.connections and self.unsent():
            self._registry.bound_unsent(self, self._bounds)

    def _end_soon(self, seconds: float = END_S) -> None:
        """Drop the connection if it does not end by then: a client that reads nothing would keep it for ever."""
        if self._ending is not None:
            self._ending.cancel()
        self._ending = self.loop.call_later(seconds, self.drop)
