"""Scripts of a WebSocket's client, step by step: what it sends, what it is to be sent, and what happens meanwhile."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import asyncpg
import pytest
from sqlalchemy import and_, literal_column, update
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from app.actions.perform import perform
from app.db import tables
from app.db.engines import open_database
from app.domain.commands import AddComment
from tests.support.live_gateway import LiveGateway
from tests.support.tampering import tamper
from tests.support.world import World

PATIENCE_S = 60
ANY = object()
"""Stands for a payload that is not compared."""


@dataclass
class Stage:
    """What a script works with: the gateway, the client's socket, and what the database is made to do."""

    gateway: LiveGateway
    world: World
    url: str
    socket: ClientConnection = field(init=False)
    driver: "asyncpg.Connection | None" = None
    lock: Any = None
    authorization: dict[str, str] = field(default_factory=dict)


class Step(Protocol):
    async def play(self, stage: Stage) -> None: ...


class Send:
    """The client sends a message."""

    def __init__(self, type: str, **message: Any) -> None:
        self.message = {"type": type, **message}

    async def play(self, stage: Stage) -> None:
        await stage.socket.send(json.dumps(self.message))


class Initialise:
    """The client sends `connection_init` with its token."""

    async def play(self, stage: Stage) -> None:
        await stage.socket.send(json.dumps({"type": "connection_init", "payload": stage.authorization}))


class Subscribe(Send):
    """The client sends an operation."""

    def __init__(self, query: str, id: str = "1", **payload: Any) -> None:
        super().__init__("subscribe", id=id, payload={"query": query, **payload})


class Receive:
    """The next message is this one."""

    def __init__(self, type: str, **message: Any) -> None:
        self.message = {"type": type, **message}

    async def play(self, stage: Stage) -> None:
        async with asyncio.timeout(PATIENCE_S):
            found = json.loads(await stage.socket.recv())
        if self.message.get("payload") is ANY:
            assert found.pop("payload")
            assert found == {name: value for name, value in self.message.items() if name != "payload"}
        else:
            assert found == self.message


class Closed:
    """The gateway closes, cleanly, with this code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        self.expected = (code, reason)

    async def play(self, stage: Stage) -> None:
        with pytest.raises(ConnectionClosed):
            async with asyncio.timeout(PATIENCE_S):
                await stage.socket.recv()
        assert (stage.socket.close_code, stage.socket.close_reason) == self.expected


class Silence:
    """Nothing was sent, and the connection lives: the next message answers a ping that is sent now."""

    async def play(self, stage: Stage) -> None:
        await Send("ping", payload={"is": "anybody there"}).play(stage)
        await Receive("pong", payload={"is": "anybody there"}).play(stage)


class Act:
    """Something happens in the account."""

    async def play(self, stage: Stage) -> None:
        await stage.world.open_case()


class Spoil:
    """A case is opened, which is told as *opened*, and a row of the log comes that cannot be read."""

    def __init__(self, opened: object) -> None:
        self.opened = opened

    async def play(self, stage: Stage) -> None:
        case_id = (await stage.world.open_case()).case.id
        await Receive("next", id="1", payload=self.opened).play(stage)
        row = and_(tables.case_actions.c.case_id == case_id, tables.case_actions.c.seq == 2)
        elsewhere = open_database(stage.url)  # the gateway hears nothing of its commits before its next look
        try:
            command = AddComment(case_id=case_id, comment="x")
            await perform(elsewhere, stage.world.carl.actor, command, request_id="test")
            await tamper(elsewhere, update(tables.case_actions).where(row).values(type=literal_column("'NONE'")))
        finally:
            await elsewhere.close()


class Leave:
    """The client closes, with this code, or without a word; the gateway keeps nothing of it."""

    def __init__(self, code: int | None) -> None:
        self.code = code

    async def play(self, stage: Stage) -> None:
        if self.code is None:
            stage.socket.transport.abort()
        else:
            await stage.socket.close(self.code, "Byebye")
            assert stage.socket.close_code == self.code
        await stage.gateway.emptied()


class Dispose:
    """The server ends."""

    async def play(self, stage: Stage) -> None:
        stage.gateway.shut_down()


class Lock:
    """Whoever reads this table waits, until `Unlock`. PostgreSQL alone can do that to readers."""

    def __init__(self, table: str) -> None:
        self.table = table

    async def play(self, stage: Stage) -> None:
        assert stage.driver is not None
        stage.lock = stage.driver.transaction()
        await stage.lock.start()
        await stage.driver.execute(f"LOCK TABLE {self.table} IN ACCESS EXCLUSIVE MODE")


class Waiting:
    """The gateway waits for the lock."""

    async def play(self, stage: Stage) -> None:
        assert stage.driver is not None
        async with asyncio.timeout(PATIENCE_S):
            while not await stage.driver.fetchval(  # noqa: ASYNC110  # PostgreSQL tells nobody
                "SELECT count(*) FROM pg_locks WHERE NOT granted AND database ="
                " (SELECT oid FROM pg_database WHERE datname = current_database())"
            ):
                await asyncio.sleep(0.01)


class Unlock:
    async def play(self, stage: Stage) -> None:
        await stage.lock.rollback()


class Pause:
    """So many seconds pass."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def play(self, stage: Stage) -> None:
        await asyncio.sleep(self.seconds)


async def play(stage: Stage, scripts: Mapping[str, Sequence[Step]]) -> dict[str, str]:
    """Play each script on a connection of its own, and return what went wrong, by the script's name."""
    failures = {}
    for name, script in scripts.items():
        async with stage.gateway.connect() as stage.socket:
            for step in script:
                try:
                    await step.play(stage)
                except (AssertionError, TimeoutError, ConnectionClosed) as failed:
                    failures[name] = f"{type(step).__name__}: {failed!r}"
                    break
    return failures
