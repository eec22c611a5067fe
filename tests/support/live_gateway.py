"""The gateway's app in this process, served by our own protocols to real sockets on the loopback interface."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.server import ServerState
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from app.main import create_app
from app.server.connection_bounds import Bounds
from app.server.protocol import BoundedProtocol
from app.server.websocket_protocol import BoundedWebSocket
from tests.support.given_settings import GivenSettings

PROTOCOL = Subprotocol("graphql-transport-ws")


@dataclass(frozen=True, slots=True)
class LiveGateway:
    """Where it listens. `state` knows its connections and tasks."""

    port: int
    state: ServerState

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket_address(self) -> str:
        return f"ws://127.0.0.1:{self.port}/graphql"

    def connect(self, *protocols: str, **options: Any) -> "connect":
        """Open a WebSocket, of our subprotocol where none is named."""
        named = [Subprotocol(name) for name in protocols] or [PROTOCOL]
        return connect(self.socket_address, subprotocols=named, proxy=None, compression=None, **options)

    def shut_down(self) -> None:
        """Do to the connections as uvicorn does when it ends."""
        for connection in list(self.state.connections):
            connection.shutdown()

    async def emptied(self) -> None:
        """Wait until no connection and no task is left. Raises: TimeoutError."""
        async with asyncio.timeout(60):
            while self.state.connections or self.state.tasks:  # noqa: ASYNC110  # the server tells nobody of its end
                await asyncio.sleep(0.01)


@asynccontextmanager
async def live_gateway(
    url: str, *, bounds: Bounds | None = None, recheck_s: float | None = None, **settings: Any
) -> AsyncIterator[LiveGateway]:
    """Yield the gateway on the database at *url*, its lifespan running. *recheck_s*: as `StreamOptions` has it."""
    usual: dict[str, Any] = {
        "rate_limit": 0,
        "rate_streams": 0,
        "failed_auth_limit": 0,
        "database_pool_timeout": 15,
        "identity_cache": 0,
    }
    with tempfile.TemporaryDirectory() as folder:
        given = GivenSettings(database_url=url, **({"data_dir": Path(folder)} | usual | settings))
        app = create_app(given, has_upkeep=False)
        if recheck_s is not None:
            app.state.streams.options = replace(app.state.streams.options, recheck_s=recheck_s)
        config = uvicorn.Config(
            app,
            log_config=None,
            lifespan="off",
            ws=partial(BoundedWebSocket, bounds=bounds),  # type: ignore[arg-type]
            ws_max_size=1024 * 1024,
            ws_per_message_deflate=False,
        )
        config.load()
        state, loop = ServerState(), asyncio.get_running_loop()
        async with app.router.lifespan_context(app) as lifespan_state:
            protocol = partial(BoundedProtocol, config, state, dict(lifespan_state or {}), bounds=bounds)
            server = await loop.create_server(protocol, "127.0.0.1", 0)
            try:
                yield LiveGateway(server.sockets[0].getsockname()[1], state)
            finally:
                server.close()
                for connection in list(state.connections):
                    connection.transport.abort()
                async with asyncio.timeout(60):
                    while state.tasks:  # noqa: ASYNC110  # as above
                        await asyncio.sleep(0.01)


async def closed(socket: ClientConnection) -> tuple[int | None, str | None]:
    """Return the code and the reason that the gateway closes a connection with, passing over what it sends before."""
    with suppress(ConnectionClosed):
        async with asyncio.timeout(60):
            while True:
                await socket.recv()
    return socket.close_code, socket.close_reason
