"""The endpoint `/graphql` over WebSocket: which subprotocol is spoken, and which connections are open."""

import asyncio
import random

from starlette.types import Receive, Scope, Send

from app.api.streams import Streams
from app.api.websocket.connection import SocketConnection
from app.api.websocket.messages import LEGACY_SUBPROTOCOL, SUBPROTOCOL, CloseCode
from app.web.admission import AdmissionController

_LEGACY = f"The subprotocol {LEGACY_SUBPROTOCOL} is not spoken here: use {SUBPROTOCOL}.\n"


class WebSocketEndpoint:
    """An ASGI app for WebSockets. Where they may come from is looked at before it."""

    def __init__(self, streams: Streams, admission: AdmissionController) -> None:
        self._streams = streams
        self._admission = admission
        self._open: set[SocketConnection] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()  # the handshake
        offered: list[str] = scope["subprotocols"]
        if SUBPROTOCOL in offered:
            await self._serve(scope, receive, send)
        elif LEGACY_SUBPROTOCOL in offered:
            await _refuse(scope, send)
        else:
            # A client learns a code only of a connection that was accepted, and takes only a subprotocol that it knows.
            await send({"type": "websocket.accept", "subprotocol": offered[0] if offered else None})
            code = int(CloseCode.SUBPROTOCOL_NOT_ACCEPTABLE)
            await send({"type": "websocket.close", "code": code, "reason": "Subprotocol not acceptable"})

    async def drain(self) -> None:
        """Have all clients come back elsewhere, spread over a moment."""
        spread_s = self._streams.options.drain_s
        await asyncio.gather(*(self._drain(connection, random.random() * spread_s) for connection in self._open))

    async def _drain(self, connection: SocketConnection, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await connection.drain()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept", "subprotocol": SUBPROTOCOL})
        connection = SocketConnection(scope, receive, send, self._streams, self._admission)
        self._open.add(connection)
        try:
            await connection.serve()
        finally:
            self._open.discard(connection)


async def _refuse(scope: Scope, send: Send) -> None:
    """Refuse the handshake, with a status and words where the server can send them."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close"})
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")]
    await send({"type": "websocket.http.response.start", "status": 400, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": _LEGACY.encode()})
