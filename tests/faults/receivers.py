"""The endpoints of webhooks: each takes, or spoils, what it is sent in a way of its own, and keeps what came.

It deliberately judges nothing but the signature, which has a time: `deliveries` does.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from tests.faults.deliveries import Receipt
from tests.support.webhook_endpoints import OK, ReceivedRequest, WebhookEndpoint
from tests.support.webhooks import NO, kind

BUSY = b"HTTP/1.1 429 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
CUT = b"Connection: close"
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nok"

SOMETIMES = 0.15
SLOW_S = 0.05
HANGS, SHORT_HANGS = 2, 1  # requests that are never answered: each is waited for 15 s

Behaviour = Callable[[ReceivedRequest, bool], bytes | None]
"""What is answered to a request, of which is said whether it is the first of its id; None for nothing at all."""

ALL = """subscription { actions { cursor action {
    id seq type createdAt hash case { id reference title } comment { body } override { id requestedStatus } } } }"""
DECISIONS = "subscription { actions(types: [ACCEPT, REFUSE, CANCEL]) { action { id type case { id } user { id } } } }"
DECISION_TYPES = frozenset({"ACCEPT", "REFUSE", "CANCEL"})


@dataclass(slots=True)
class Receiver:
    """One endpoint. `id` and `secret` are what it was registered with; of one that is not living nothing is taken."""

    name: str
    behaviour: Behaviour
    document: str = ALL
    types: frozenset[str] | None = None
    is_living: bool = True
    seconds: float = 0
    id: str = ""
    secret: str = ""
    receipts: list[Receipt] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    endpoint: WebhookEndpoint = field(default_factory=WebhookEndpoint)
    connections: set[asyncio.StreamWriter] = field(default_factory=set)
    is_dead: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.endpoint.port}/{self.name.replace(' ', '-')}"

    def answer(self, request: ReceivedRequest) -> bytes | None:
        """Return what is answered, and keep what came."""
        if self.is_dead:
            return CUT
        if kind(request) == "ping":
            return OK
        id = request.headers["webhook-id"]
        answered = self.behaviour(request, id not in self.seen)
        self.seen.add(id)
        digest = hashlib.sha256(request.body).hexdigest()
        self.receipts.append(Receipt(id, digest, answered is OK, _flaw(self.secret, request)))
        if answered is OK:
            self.taken.add(id)
        return answered

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve at a free port."""
        self.endpoint.answer, self.endpoint.seconds = self.answer, self.seconds
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.endpoint.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            for connection in self.connections:
                connection.transport.abort()
            while self.connections:  # noqa: ASYNC110  # each ends by itself
                await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_dead:
            writer.transport.abort()
            return
        self.connections.add(writer)
        try:
            await self.endpoint.serve(reader, writer)
        finally:
            self.connections.discard(writer)

    async def die(self, seconds: float) -> None:
        """Be away for so long, from the first delivery on: connections are cut, old and new ones."""
        while not self.receipts:  # noqa: ASYNC110  # it is not worth an event
            await asyncio.sleep(0.05)
        self.is_dead = True
        await asyncio.sleep(seconds)
        self.is_dead = False


def _flaw(secret: str, request: ReceivedRequest) -> str | None:
    """Return why the public library does not verify a request, None where it does."""
    try:
        Webhook(secret).verify(request.body, request.headers)
    except WebhookVerificationError as error:
        return str(error)
    return None


def _now_and_then(chance: Random, answer: bytes) -> Behaviour:
    return lambda _, is_new: answer if is_new and chance.random() < SOMETIMES else OK


def _hanging(requests: int) -> Behaviour:
    left = [requests]

    def behaviour(_: ReceivedRequest, is_new: bool) -> bytes | None:
        left[0] -= 1
        return None if left[0] >= 0 else OK

    return behaviour


def receivers(seed: str, hangs: int = HANGS) -> list[Receiver]:
    """Return ten endpoints, one of which never answers *hangs* requests; what is left to chance follows from *seed*."""

    def chance(name: str) -> Random:
        return Random(f"{seed} {name}")

    return [
        Receiver("quick", lambda *_: OK),
        Receiver("decisions", lambda *_: OK, DECISIONS, DECISION_TYPES),
        Receiver("slow", lambda *_: OK, seconds=SLOW_S),
        Receiver("500 at random", _now_and_then(chance("500"), NO)),
        Receiver("busy at random", _now_and_then(chance("busy"), BUSY)),
        Receiver("cutting", _now_and_then(chance("cutting"), CUT)),
        Receiver("half an answer", _now_and_then(chance("half"), HALF)),
        Receiver("hanging", _hanging(hangs)),
        Receiver("dead for a while", lambda *_: OK),
        Receiver("refusing", lambda *_: NO, is_living=False),
    ]
