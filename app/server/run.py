"""Runs the server: prints where the gateway is and who may try it, then hands over to uvicorn."""

import signal
import socket
import tempfile
from collections.abc import Sequence
from functools import partial

import orjson
import typer
import uvicorn
from uvicorn.supervisors import Multiprocess

from app.config import environment
from app.config.settings import Settings
from app.server.connection_bounds import bounded_by_files
from app.server.protocol import BoundedProtocol
from app.server.websocket_protocol import PING_S, PONG_S, BoundedWebSocket
from app.web.built_pages import DemoPerson
from app.web.middleware.cors import AllowedOrigins

GRACE_S = 20
SEND_BUFFER = 256 * 1024
"""In bytes, of what the system takes of an answer before the client does; Linux doubles it.

Without a bound that is up to 4 MiB at once, for which it takes some milliseconds of the event loop.
"""


def serve(settings: Settings, *, host: str, port: int, workers: int, people: Sequence[DemoPerson]) -> None:
    """Serve until told to stop, with *workers* processes. *people* may try the demo.

    Raises: OSError, when the address can't be had.
    """
    if people:
        environment.leave_to_workers("demo_people", orjson.dumps(people).decode())
    bounds = bounded_by_files(settings.max_connections)
    config = uvicorn.Config(
        "app.main:application",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        http=partial(  # type: ignore[arg-type]
            BoundedProtocol, bounds=bounds, listed=AllowedOrigins(settings.cors_origins)
        ),
        ws=partial(BoundedWebSocket, bounds=bounds),  # type: ignore[arg-type]
        ws_max_size=settings.streams_max_message_bytes,
        ws_ping_interval=PING_S,
        ws_ping_timeout=PONG_S,
        ws_per_message_deflate=False,
        log_config=None,  # it goes where our own log does
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    listener = listen(host, port)
    # uvicorn raises the signal again that it was ended by; a graceful end must not become a death by signal.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    _greet(settings, host, listener.getsockname()[1], people)
    if workers == 1:
        uvicorn.Server(config).run(sockets=[listener])
        return
    with tempfile.TemporaryDirectory(prefix="casegate-metrics-") as folder:
        environment.share_metrics(folder)
        Multiprocess(config, [listener]).run()


def listen(host: str, port: int) -> socket.socket:
    """Return a listening place. Raises: OSError, when the address can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    listener.set_inheritable(True)
    _probe_silent_clients(listener)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)  # of each connection, too
    return listener


def _probe_silent_clients(listener: socket.socket) -> None:
    """Have the system find out within two minutes that a client is gone: a connection inherits it from its listener."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _greet(settings: Settings, host: str, port: int, people: Sequence[DemoPerson]) -> None:
    shown = "localhost" if host in ("0.0.0.0", "::", "127.0.0.1") else host  # noqa: S104  # compared, not bound
    address = f"http://{shown}:{port}"
    typer.echo(f"API:      {address}/graphql")
    if settings.graphiql:
        typer.echo(f"GraphiQL: {address}/graphiql")
    if settings.desk:
        typer.echo(f"Desk:     {address}/desk")
    typer.echo(f"Manual:   {address}/docs")
    if not people:
        return
    typer.echo("\nThe demo's people:")
    width = max(len(person.display_name) for person in people)
    for person in people:
        typer.echo(f"  {person.display_name:{width}}  {person.token}  {', '.join(person.roles).lower()}")
    query = '{"query": "{ viewer { user { displayName } } }"}'
    typer.echo(
        "\nTry it:\n"
        f"  curl -s {address}/graphql -H 'Authorization: Bearer {people[0].token}'"
        f" -H 'Content-Type: application/json' -d '{query}'\n"
    )
