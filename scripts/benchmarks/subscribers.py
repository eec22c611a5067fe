"""Subscribers: connections of graphql-transport-ws that count what they are sent, and when.

They run in a process of their own and spend as little as they can there: of a frame only its length and its beginning
are read.
"""

import asyncio
import base64
import multiprocessing
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, cast

import orjson
import uvloop

OPENING = 25
"""Connections that are opened at once."""
PATIENCE_S = 120

NEXT = b'"type":"next"'


class NotFollowing(Exception):
    """A subscriber was refused, or lost its stream."""


@dataclass(frozen=True, slots=True)
class Following:
    """Who follows what: a connection for each token, all with one document. `parameters` go with `connection_init`."""

    port: int
    path: str
    tokens: Sequence[str]
    document: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """What all of them got, together, since this was asked last: the time of each event, and of a core."""

    times: list[float] = field(repr=False)
    cpu: float


class Subscriber(asyncio.Protocol):
    """One connection, from its handshake on."""

    def __init__(self, following: Following, token: str, times: list[float]) -> None:
        self._following = following
        self._token = token
        self._times = times
        self._received = bytearray()
        self._is_open = False
        self.first: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance
        key = base64.b64encode(os.urandom(16)).decode()
        head = (
            f"GET {self._following.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
        )
        self._transport.write(head.encode())

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._is_open:
            self._read_handshake()
        while self._is_open and (frame := self._frame()) is not None:
            self._take(*frame)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.first.done():
            self.first.set_exception(NotFollowing(f"the connection was closed: {bytes(self._received[:300])!r}"))

    def close(self) -> None:
        self._transport.abort()

    def _read_handshake(self) -> None:
        end = self._received.find(b"\r\n\r\n")
        if end >= 0:
            self._is_open = self._received.startswith(b"HTTP/1.1 101")
            if not self._is_open:
                self._transport.abort()
                return
            del self._received[: end + 4]
            self._send(1, {"type": "connection_init", "payload": {"Authorization": f"Bearer {self._token}"}})

    def _frame(self) -> tuple[int, bytes] | None:
        """Return the kind and the content of the next frame that is here whole; a server's is not masked."""
        received = self._received
        if len(received) < 2:
            return None
        length, start = received[1], 2
        if length >= 126:
            start = 4 if length == 126 else 10
            length = int.from_bytes(received[2:start], "big")
        if len(received) < start + length:
            return None
        content, kind = bytes(received[start : start + length]), received[0] & 15
        del received[: start + length]
        return kind, content

    def _take(self, kind: int, content: bytes) -> None:
        if kind == 9:
            self._write(10, content)
        elif NEXT in content[:60] and b'"errors"' not in content:
            self._times.append(time.perf_counter())
            if not self.first.done():
                self.first.set_result(None)
        elif b"connection_ack" in content:
            payload = {"query": self._following.document}
            self._send(1, {"type": "subscribe", "id": "1", "payload": payload})
        elif kind != 10:
            self._received[:] = content
            self._transport.abort()

    def _send(self, kind: int, message: dict[str, Any]) -> None:
        self._write(kind, orjson.dumps(message))

    def _write(self, kind: int, content: bytes) -> None:
        length = bytes([128 | len(content)]) if len(content) < 126 else b"\xfe" + len(content).to_bytes(2, "big")
        self._transport.write(bytes([128 | kind]) + length + bytes(4) + content)  # masked by nought


class Subscribers:
    """Subscribers in a process of their own, each of which has had its first event."""

    def __init__(self, following: Following) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(following, other), daemon=True)

    def __enter__(self) -> "Subscribers":
        self._process.start()
        found = self._pipe.recv()
        if isinstance(found, Exception):
            self.__exit__()
            raise found
        return self

    def __exit__(self, *_raised: object) -> None:
        self._process.terminate()
        self._process.join()

    def take(self) -> Delivered:
        """Return what was delivered since this was asked last."""
        self._pipe.send(None)
        found = self._pipe.recv()
        assert isinstance(found, Delivered)
        return found


def _serve(following: Following, pipe: "Connection[Any, Any]") -> None:
    uvloop.run(_follow(following, pipe))


async def _follow(following: Following, pipe: "Connection[Any, Any]") -> None:
    loop, times, cpu = asyncio.get_running_loop(), cast(list[float], []), time.process_time()
    subscribers: list[Subscriber] = []
    try:
        for start in range(0, len(following.tokens), OPENING):
            opened = [Subscriber(following, token, times) for token in following.tokens[start : start + OPENING]]
            for one in opened:
                await loop.create_connection(lambda one=one: one, "127.0.0.1", following.port)  # type: ignore[misc]
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*(one.first for one in opened))
            subscribers += opened
    except (NotFollowing, OSError, TimeoutError) as failed:
        pipe.send(NotFollowing(f"after {len(subscribers)} subscribers: {failed!r}"))
        return
    pipe.send(None)
    while True:
        await loop.run_in_executor(None, pipe.recv)
        taken, times[:] = times.copy(), []
        now = time.process_time()
        pipe.send(Delivered(taken, now - cpu))
        cpu = now
