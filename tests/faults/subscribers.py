"""Subscribers that follow the account's log over WebSocket, and come back with their last cursor whatever ends them."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from tests.faults.workload import Person

ACTIONS = "subscription($after: String) { actions(after: $after) { cursor action { seq case { id } } caughtUp } }"
PROTOCOL = Subprotocol("graphql-transport-ws")
PATIENCE_S = 60

Entry = tuple[str, int]
"""A row of the log: its case, and its place in the case's log."""


@dataclass(slots=True)
class Subscriber:
    """One client that follows the log. `problems` is what it was told and should not have been."""

    person: Person
    address: str
    chance: random.Random
    received: list[Entry] = field(default_factory=list)
    cursor: str | None = None
    connections: int = 0
    problems: list[str] = field(default_factory=list)
    _socket: ClientConnection | None = None

    async def follow(self) -> None:
        """Follow the log until cancelled."""
        while True:
            with suppress(OSError, WebSocketException, TimeoutError):
                await self._connect()
            await asyncio.sleep(self.chance.uniform(0.05, 0.5))

    def cut(self) -> None:
        """Lose the connection, as in a tunnel: nothing is said to the gateway."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def _connect(self) -> None:
        address = self.address.replace("http://", "ws://") + "/graphql"
        async with connect(address, subprotocols=[PROTOCOL], proxy=None, open_timeout=PATIENCE_S) as socket:
            self.connections += 1
            self._socket = socket
            try:
                await self._subscribe(socket)
                async for message in socket:
                    if not self._is_followed(json.loads(message)):
                        return
            finally:
                self._socket = None

    async def _subscribe(self, socket: ClientConnection) -> None:
        init = {"type": "connection_init", "payload": {"Authorization": f"Bearer {self.person.token}"}}
        await socket.send(json.dumps(init))
        async with asyncio.timeout(PATIENCE_S):
            acknowledged = json.loads(await socket.recv())
        if acknowledged["type"] != "connection_ack":
            self.problems.append(f"{self.person.name}: {acknowledged} in place of an acknowledgement")
        variables = {"after": self.cursor}
        await socket.send(
            json.dumps({"type": "subscribe", "id": "log", "payload": {"query": ACTIONS, "variables": variables}})
        )

    def _is_followed(self, message: dict[str, Any]) -> bool:
        """Take what a message brings, and tell whether the stream goes on."""
        if message["type"] in ("ping", "pong"):
            return True
        if message["type"] == "next" and "errors" not in message["payload"]:
            event = message["payload"]["data"]["actions"]
            if event["action"] is not None:
                self.received.append((event["action"]["case"]["id"], event["action"]["seq"]))
            self.cursor = event["cursor"]
            return True
        if message["type"] != "complete" and not _is_retryable(message):
            self.problems.append(f"{self.person.name}: was told {json.dumps(message)[:300]}")
        return False


def _is_retryable(message: dict[str, Any]) -> bool:
    """Tell whether a message says that the client is to come back: the database was away."""
    payload = message.get("payload")
    errors = payload if isinstance(payload, list) else (payload or {}).get("errors", [])
    return bool(errors) and all(error.get("extensions", {}).get("retryable") for error in errors)


@asynccontextmanager
async def following(subscribers: Sequence[Subscriber]) -> AsyncIterator[None]:
    """Have all of them follow the log meanwhile, each from where the log is now, or from its cursor."""
    tasks = [asyncio.create_task(subscriber.follow()) for subscriber in subscribers]
    try:
        async with asyncio.timeout(6 * PATIENCE_S):
            while not all(subscriber.cursor for subscriber in subscribers):  # noqa: ASYNC110  # there are many
                await asyncio.sleep(0.05)
        yield
    finally:
        for task in tasks:
            task.cancel()
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if not isinstance(ended, asyncio.CancelledError):
                raise RuntimeError("a subscriber gave up") from ended
