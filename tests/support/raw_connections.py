"""The server's protocol in this process, and raw connections to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import uvicorn
from starlette.types import ASGIApp
from uvicorn.server import ServerState

from app.server.connection_bounds import Bounds
from app.server.protocol import BoundedProtocol
from app.web.middleware.cors import AllowedOrigins


class Brief(BoundedProtocol):
    """Is told to shut down in the moment in which an answer is complete."""

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self.shutdown()


class Wire:
    """Where the protocol serves, and the state of the server that it is part of."""

    def __init__(self, place: tuple[str, int], state: ServerState) -> None:
        self.place = place
        self.state = state

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(*self.place)


@asynccontextmanager
async def wired(
    app: ASGIApp,
    *,
    bounds: Bounds | None = None,
    protocol: type[BoundedProtocol] = BoundedProtocol,
    listed: AllowedOrigins | None = None,
) -> AsyncIterator[Wire]:
    """Serve *app* by our protocol."""
    config = uvicorn.Config(app, log_config=None)
    config.load()
    state, loop = ServerState(), asyncio.get_running_loop()
    server = await loop.create_server(
        partial(protocol, config, state, {}, bounds=bounds, listed=listed), "127.0.0.1", 0
    )
    try:
        yield Wire(server.sockets[0].getsockname()[:2], state)
    finally:
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()


@asynccontextmanager
async def connected(
    app: ASGIApp, *, shuts_down: bool = False, bounds: Bounds | None = None, listed: AllowedOrigins | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Serve *app* by our protocol, and yield a connection to it, which the server may close after an answer."""
    async with wired(app, bounds=bounds, protocol=Brief if shuts_down else BoundedProtocol, listed=listed) as wire:
        reader, writer = await wire.open()
        try:
            yield reader, writer
        finally:
            writer.close()


async def received(reader: asyncio.StreamReader) -> bytes:
    """Return what has arrived, as soon as there is something."""
    return await asyncio.wait_for(reader.read(65_536), 10)


async def ended(reader: asyncio.StreamReader) -> bytes:
    """Return all that arrives until the server ends the connection, by a reset too."""
    arrived = bytearray()
    try:
        while piece := await received(reader):
            arrived += piece
    except ConnectionError:
        pass
    return bytes(arrived)
