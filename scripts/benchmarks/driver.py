"""The load: connections that each send the next request as soon as the last one is answered, and check the answer.

It runs in a process of its own and spends as little as it can there: requests are bytes that were made before, and of
an answer's head only the status and the length are read.
"""

import asyncio
import itertools
import multiprocessing
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import cast

import uvloop

GIVE_UP_S = 60


class WrongAnswer(Exception):
    """A server answered something else than it should."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A request, and what its answer is: that body to the byte, or, if not `exact`, one with that in it."""

    request: bytes
    expected: bytes
    exact: bool


@dataclass(frozen=True, slots=True)
class Load:
    """What to send where: `shots` over and over, or once, for so many seconds at most."""

    port: int
    shots: Sequence[Shot]
    connections: int
    seconds: float
    once: bool = False
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """How long it took, each answer and all of it, and the time of a core that asking took; in seconds."""

    latencies: list[float] = field(repr=False)
    elapsed: float = 0.0
    cpu: float = 0.0


def shoot(load: Load) -> Taken:
    """Put *load* on a server, and return when all is answered. Raises: WrongAnswer."""
    cpu = time.process_time()
    taken = uvloop.run(_shoot(load))
    return replace(taken, cpu=time.process_time() - cpu)


def process() -> ProcessPoolExecutor:
    """Return the process that loads: submit `shoot` to it."""
    return ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))


async def _shoot(load: Load) -> Taken:
    async with connected(load) as clients:
        return await turn(clients, load.seconds)


@asynccontextmanager
async def connected(load: Load) -> "AsyncIterator[Sequence[Client]]":
    """Yield what is connected and has *load* to send."""
    shots = iter(load.shots) if load.once else itertools.cycle(load.shots)
    if load.limit is not None:
        shots = itertools.islice(shots, load.limit)
    loop = asyncio.get_running_loop()
    clients = [Client(shots) for _ in range(load.connections)]
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", load.port)  # type: ignore[misc]
    try:
        yield clients
    finally:
        for client in clients:
            client.close()


async def turn(clients: "Sequence[Client]", seconds: float) -> Taken:
    """Let all send for so many seconds, and return when all is answered. Raises: WrongAnswer."""
    start = time.perf_counter()
    turns = [client.begin(start + seconds) for client in clients]
    async with asyncio.timeout(seconds + GIVE_UP_S):
        ends = await asyncio.gather(*turns)
    latencies = [latency for client in clients for latency in client.latencies]
    return Taken(latencies, max(ends) - start)


class Client(asyncio.Protocol):
    """One connection that is kept alive."""

    def __init__(self, shots: Iterator[Shot]) -> None:
        self._done: asyncio.Future[float] | None = None
        self.latencies: list[float] = []
        self._shots = shots
        self._received = bytearray()
        self._wanted = 0  # the answer's length with its head; 0 until that is there
        self._body = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def connection_lost(self, error: Exception | None) -> None:
        self._end_with(WrongAnswer(f"the connection was closed: {error}"))

    def begin(self, end: float) -> "asyncio.Future[float]":
        """Send one request after the other until *end*; the future has when the last was answered."""
        self._end, self.latencies = end, []
        done = self._done = asyncio.get_running_loop().create_future()
        if self._transport.is_closing():
            self.connection_lost(None)
        else:
            self._next(time.perf_counter())
        return done

    def close(self) -> None:
        self._transport.close()

    def _next(self, now: float) -> None:
        shot = next(self._shots, None) if now < self._end else None
        if shot is None:
            self._end_with(now)
            return
        self._shot, self._sent = shot, now
        self._transport.write(shot.request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._wanted:
            self._read_head()
        if self._wanted and len(self._received) >= self._wanted:
            now = time.perf_counter()
            self.latencies.append(now - self._sent)
            self._check(bytes(self._received[self._body :]))
            self._received.clear()
            self._wanted = 0
            if self._done is not None:
                self._next(now)

    def _read_head(self) -> None:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._received[:end]).lower()
        _, found, length = head.partition(b"\r\ncontent-length:")
        self._body = end + 4
        if not found or not head.startswith((b"http/1.1 200", b"http/1.1 201")):
            self._fail(bytes(self._received[:600]))
            return
        self._wanted = self._body + int(length.partition(b"\r\n")[0])

    def _check(self, body: bytes) -> None:
        shot = self._shot
        is_right = body == shot.expected if shot.exact else shot.expected in body and b'"code"' not in body
        if not is_right:
            self._fail(body[:600])

    def _fail(self, answer: bytes) -> None:
        self._end_with(WrongAnswer(answer.decode(errors="replace")))
        self._transport.abort()

    def _end_with(self, end: float | WrongAnswer) -> None:
        done, self._done = self._done, None
        if done is None:
            return
        if isinstance(end, WrongAnswer):
            done.set_exception(end)
        else:
            done.set_result(end)
