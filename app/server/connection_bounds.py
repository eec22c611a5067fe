"""Bounds of a process's connections in bytes, seconds and file handles; which one is closed for a new one."""

import asyncio
import sys
from collections import OrderedDict
from collections.abc import Sized
from dataclasses import dataclass
from time import monotonic
from typing import Protocol
from weakref import WeakKeyDictionary

import orjson
import structlog
from uvicorn.protocols.http.httptools_impl import STATUS_LINE
from uvicorn.server import ServerState

from app.domain.errors import ErrorCode
from app.web.middleware.cors import AllowedOrigins, Pairs
from app.web.request_ids import REQUEST_ID, request_id_of

if sys.platform != "win32":
    import resource

KIB, MIB = 1024, 1024 * 1024
FILES_BESIDE = 512
"""File handles for what is no connection of a client: databases, documents, the log; the most are for webhooks."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one connection may take, and all of a process together."""

    connections: int = 1_000
    head_bytes: int = 64 * KIB
    headers: int = 128
    head_s: float = 10
    # Beside the bytes of the body itself: chunk sizes and extensions, trailers.
    framing_bytes: int = 64 * KIB
    # More than any operation takes with all its documents.
    body_bytes: int = 128 * MIB
    body_window_s: float = 30
    body_rate: int = 512
    request_s: float = 900
    # What still comes after the answer: an upload of 10 MiB by a line of 1.5 Mbit/s takes a minute.
    discard_bytes: int = 256 * MIB
    discard_s: float = 60
    discard_window_s: float = 4
    discard_rate: int = 1 * KIB
    discarding: int = 200
    # An answer must be taken at this rate, over each window; all that is not yet taken must fit into the memory.
    write_window_s: float = 20
    write_rate: int = 1 * KIB
    unsent_bytes: int = 48 * MIB


class ClientConnection(Protocol):
    """What is known of a connection where it competes with others."""

    @property
    def is_busy(self) -> bool:
        """Whether a whole request of it is being answered."""

    def unsent(self) -> int:
        """Return how many bytes wait for its client."""

    def read_ahead(self) -> None:
        """Read the next request of those that were sent ahead."""

    def drop(self) -> None:
        """End it at once."""


class ConnectionRegistry:
    """The connections of one process, each kind of them in the order of their last step, the oldest first.

    *connections* are all that there are, WebSockets too.
    """

    def __init__(self, connections: Sized) -> None:
        self._connections = connections
        self._open: OrderedDict[ClientConnection, None] = OrderedDict()
        self._discarding: OrderedDict[ClientConnection, None] = OrderedDict()
        self._unread: OrderedDict[ClientConnection, None] = OrderedDict()
        self._ahead: OrderedDict[ClientConnection, None] = OrderedDict()
        self._warned_at = float("-inf")

    def read_in_turn(self, connection: ClientConnection) -> None:
        """Have the next request of *connection* read that was sent ahead.

        A turn of the event loop begins one of these, however many connections have sent such: others have their turns.
        """
        self._ahead[connection] = None
        if len(self._ahead) == 1:
            asyncio.get_running_loop().call_soon(self._read_next)

    def _read_next(self) -> None:
        if self._ahead:
            connection, _ = self._ahead.popitem(last=False)
            if self._ahead:
                asyncio.get_running_loop().call_soon(self._read_next)
            connection.read_ahead()

    def note_step(self, connection: ClientConnection) -> None:
        """Count *connection*, which has begun or ended something, as the newest."""
        self._open[connection] = None
        self._open.move_to_end(connection)

    def note_read(self, connection: ClientConnection) -> None:
        """Count *connection* as one whose client has taken its answers."""
        self._unread.pop(connection, None)

    def note_end_of_discarding(self, connection: ClientConnection) -> None:
        """Count *connection* no longer as one that sends what the server does not read."""
        self._discarding.pop(connection, None)

    def forget(self, connection: ClientConnection) -> None:
        """Count *connection* no longer."""
        for known in (self._open, self._discarding, self._unread, self._ahead):
            known.pop(connection, None)

    def make_room(self, newest: ClientConnection, bounds: Bounds) -> bool:
        """Return whether there is room for the newest connection.

        Where there are too many, the one that waits longest for its client goes; none that is being answered.
        """
        self.note_step(newest)
        if len(self._connections) <= bounds.connections:
            return True
        if monotonic() - self._warned_at >= 1:
            self._warned_at = monotonic()
            log.warning("connections_full", open=len(self._connections))
        oldest = next((other for other in self._open if not other.is_busy), newest)
        if oldest is newest:
            return False
        self._end(oldest)
        return True

    def bound_discarding(self, newest: ClientConnection, bounds: Bounds) -> None:
        """Count *newest* as one that sends what the server does not read, and end the oldest of too many."""
        self._discarding[newest] = None
        if len(self._discarding) > bounds.discarding:
            self._end(next(iter(self._discarding)))

    def bound_unsent(self, newest: ClientConnection, bounds: Bounds) -> None:
        """Count *newest* as one whose client has more to read than the system keeps for it.

        Where all of that does not fit into the memory, the oldest such connections end.
        """
        self._unread[newest] = None
        total = sum(connection.unsent() for connection in self._unread)
        while total > bounds.unsent_bytes:
            oldest = next(iter(self._unread))
            total -= oldest.unsent()
            self._end(oldest)

    def _end(self, connection: ClientConnection) -> None:
        self.forget(connection)
        connection.drop()


_registries: "WeakKeyDictionary[ServerState, ConnectionRegistry]" = WeakKeyDictionary()


def registry_of(state: ServerState) -> ConnectionRegistry:
    """Return the registry of the server with this *state*."""
    found = _registries.get(state)
    if found is None:
        found = _registries[state] = ConnectionRegistry(state.connections)
    return found


def bounded_by_files(connections: int) -> Bounds:
    """Return the bounds for so many *connections*, or for as many as the process may have file handles for.

    The soft limit of file handles is raised as far as that takes and the hard limit lets it.
    """
    if sys.platform != "win32":
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = connections + FILES_BESIDE
        if soft != resource.RLIM_INFINITY and soft < wanted:
            soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            connections = min(connections, max(16, soft - FILES_BESIDE))
    return Bounds(connections=connections, discarding=max(4, min(200, connections // 5)))


def raw_answer(
    status: int, code: ErrorCode, words: str, given: Pairs, listed: AllowedOrigins, *, retry_s: int | None = None
) -> bytes:
    """Return an answer that no application has made, byte for byte; the connection ends with it.

    *given* are the request's header fields, as far as they were read. *retry_s*: when another try may do.
    """
    extensions: dict[str, object] = {"code": code}
    if retry_s is not None:
        extensions |= {"seconds": retry_s, "retryable": True, "retryAfterMs": retry_s * 1000}
    body = orjson.dumps({"errors": [{"message": words, "extensions": extensions}]})
    headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"content-language", b"en"),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"vary", b"Origin"),
        (REQUEST_ID, request_id_of(given).encode()),
        *listed.readable(dict(given).get(b"origin", b"")),
        (b"connection", b"close"),
    ]
    if retry_s is not None:
        headers.append((b"retry-after", b"%d" % retry_s))
    lines = [name + b": " + value for name, value in headers]
    return STATUS_LINE[status] + b"\r\n".join(lines) + b"\r\n\r\n" + body
