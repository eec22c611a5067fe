"""Subscriptions over WebSocket and server-sent events: rights by the event, cursors, bounds, and how streams end."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine, event, update
from websockets.asyncio.client import ClientConnection

from app import clock
from app.admin import accounts
from app.api.shared_results import SharedResult, SharedResults
from app.db import tables
from app.domain.commands import AddComment
from app.domain.model import PERSON_SCOPES, Scope
from app.observability import metrics
from app.observability.deferred import clear_all
from app.server.connection_bounds import Bounds
from tests.support.live_gateway import LiveGateway, closed, live_gateway
from tests.support.world import World, make_world

ACTIONS = "subscription($after: String) { actions(after: $after) { cursor caughtUp action { type seq } } }"
NOW = "subscription { actions { cursor caughtUp action { type } } }"


class Events:
    """A stream of one subscription, over either transport: its events, and how it has ended."""

    def __init__(self, transport: str, gateway: LiveGateway, token: str) -> None:
        self.transport = transport
        self.gateway = gateway
        self.token = token
        self.headers: dict[str, str] = {}
        self.last_id: str | None = None
        self._socket: ClientConnection | None = None
        self._lines: AsyncIterator[str] | None = None

    @asynccontextmanager
    async def opened(self, query: str, variables: dict[str, Any] | None = None) -> AsyncIterator["Events"]:
        """Yield it while it is open."""
        payload = {"query": query, "variables": variables}
        if self.transport == "websocket":
            async with self.gateway.connect() as socket:
                self._socket = socket
                authorization = {"Authorization": f"Bearer {self.token}"}
                await socket.send(json.dumps({"type": "connection_init", "payload": authorization}))
                assert json.loads(await socket.recv()) == {"type": "connection_ack"}
                await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": payload}))
                yield self
            return
        headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {self.token}"} | self.headers
        address = f"{self.gateway.address}/graphql"
        async with (
            httpx2.AsyncClient(timeout=60, trust_env=False) as client,
            client.stream("POST", address, json=payload, headers=headers) as answer,
        ):
            assert answer.status_code == 200, await answer.aread()
            self._lines = answer.aiter_lines()
            yield self

    async def next(self) -> tuple[str, Any]:
        """Return the next event's type and payload; `end` with the closing message, or how the stream has ended."""
        async with asyncio.timeout(60):
            return await (self._next_message() if self._socket is not None else self._next_event())

    async def data(self) -> Any:
        """Return the data of the next event, which must be a result."""
        type_, payload = await self.next()
        assert type_ == "next", (type_, payload)
        assert "errors" not in payload, payload
        return payload["data"]

    async def _next_message(self) -> tuple[str, Any]:
        assert self._socket is not None
        try:
            message = json.loads(await self._socket.recv())
        except Exception:
            return "end", f"{self._socket.close_code} {self._socket.close_reason}"
        return message["type"], message.get("payload")

    async def _next_event(self) -> tuple[str, Any]:
        assert self._lines is not None
        fields: dict[str, str] = {}
        async for line in self._lines:
            if line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                self.last_id = fields.get("id", self.last_id)
                if "event" in fields:
                    return fields["event"], json.loads(fields["data"]) if fields.get("data") else None
                return "end", fields
        return "end", fields


@pytest.fixture(params=["websocket", "sse"])
def transport(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
async def gateway(fresh_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LiveGateway]:
    async with live_gateway(fresh_url, recheck_s=0.05) as found:
        yield found


def ended(transport: str, cause: str) -> float:
    value: float = metrics.child(metrics.streams_ended, transport, cause)._value.get()
    return value


def errors(code: str) -> float:
    clear_all()  # what is counted a moment later
    value: float = metrics.child(metrics.errors, code)._value.get()
    return value


async def test_events_come_as_they_happen_and_nothing_is_left_when_the_client_goes(
    gateway: LiveGateway, world: World, transport: str
) -> None:
    before = ended(transport, "client")
    async with Events(transport, gateway, world.ada.token).opened(NOW) as events:
        first = await events.data()
        await world.open_case()
        second = await events.data()
    await gateway.emptied()

    assert (first["actions"]["action"], first["actions"]["caughtUp"]) == (None, True)
    assert second["actions"]["action"] == {"type": "OPEN"}
    assert ended(transport, "client") == before + 1
    assert metrics.child(metrics.streams, transport)._value.get() == 0


async def test_a_stream_goes_on_after_its_cursor(gateway: LiveGateway, world: World, transport: str) -> None:
    async with Events(transport, gateway, world.ada.token).opened(ACTIONS) as events:
        cursor = (await events.data())["actions"]["cursor"]
    case_id = (await world.open_case()).case.id
    await world.do(world.ada, AddComment(case_id=case_id, comment="Called."))

    async with Events(transport, gateway, world.ada.token).opened(ACTIONS, {"after": cursor}) as events:
        found = [(await events.data())["actions"] for _ in range(2)]

    assert [row["action"] for row in found] == [{"type": "OPEN", "seq": 1}, {"type": "COMMENT", "seq": 2}]
    assert [row["caughtUp"] for row in found] == [False, True]


@pytest.mark.parametrize("query", [ACTIONS, NOW])
async def test_the_last_event_s_id_is_where_a_stream_goes_on(gateway: LiveGateway, world: World, query: str) -> None:
    events = Events("sse", gateway, world.ada.token)
    async with events.opened(query):
        cursor = (await events.data())["actions"]["cursor"]
        assert events.last_id == cursor
    await world.open_case()

    again = Events("sse", gateway, world.ada.token)
    again.headers = {"Last-Event-ID": cursor}
    async with again.opened(query):
        row = (await again.data())["actions"]

    assert row["action"]["type"] == "OPEN"
    assert again.last_id == row["cursor"]


async def test_a_named_cursor_comes_before_the_last_event_s_id(gateway: LiveGateway, world: World) -> None:
    await world.open_case()
    events = Events("sse", gateway, world.ada.token)
    async with events.opened(NOW):
        cursor = (await events.data())["actions"]["cursor"]
    events.headers = {"Last-Event-ID": "no cursor at all"}

    async with events.opened(ACTIONS, {"after": cursor}):
        assert (await events.data())["actions"]["caughtUp"]
    async with events.opened(ACTIONS):
        type_, payload = await events.next()
        end = await events.next()

    assert (type_, payload["errors"][0]["extensions"]["code"]) == ("next", "INVALID_CURSOR")
    assert end == ("complete", None)


async def test_another_account_s_events_do_not_come(gateway: LiveGateway, world: World, transport: str) -> None:
    other = await make_world(world.database)
    async with Events(transport, gateway, world.ada.token).opened(NOW) as events:
        await events.data()
        await other.open_case()
        await world.do(world.ada, AddComment(case_id=(await world.open_case()).case.id, comment="Ours."))
        found = [(await events.data())["actions"]["action"]["type"] for _ in range(2)]

    assert found == ["OPEN", "COMMENT"]


async def test_another_account_s_cursor_is_refused(gateway: LiveGateway, world: World, transport: str) -> None:
    other = await make_world(world.database)
    async with Events(transport, gateway, other.ada.token).opened(NOW) as events:
        cursor = (await events.data())["actions"]["cursor"]

    async with Events(transport, gateway, world.ada.token).opened(ACTIONS, {"after": cursor}) as events:
        type_, payload = await events.next()

    assert (type_, payload["data"]) == ("next", None)
    assert [error["extensions"]["code"] for error in payload["errors"]] == ["INVALID_CURSOR"]


async def test_all_streams_of_a_token_are_shown_an_event_by_one_look_up_and_one_execution(
    fresh_url: str, world: World
) -> None:
    async with live_gateway(fresh_url, recheck_s=3600) as gateway, AsyncExitStack() as stack:
        streams = [Events("websocket", gateway, world.ada.token) for _ in range(10)]
        opened = [await stack.enter_async_context(stream.opened(NOW)) for stream in streams]
        for stream in opened:
            await stream.data()
        planned, declined = plans("followed"), plans("declined") + plans("failed")
        with all_sql() as sent:
            await world.open_case()
            found = [(await stream.data())["actions"]["action"] for stream in opened]

    assert found == [{"type": "OPEN"}] * 10
    assert 1 <= sum("api_tokens" in statement for statement in sent) < 10
    assert (plans("followed") - planned, plans("declined") + plans("failed") - declined) == (1, 0)


async def test_streams_share_an_execution_only_where_they_would_be_shown_the_same(fresh_url: str, world: World) -> None:
    shown = "action { user { email @include(if: $email) } case { availableActions { action message } } }"
    query = f"subscription($email: Boolean!) {{ actions {{ cursor {shown} }} }}"
    other_token = (await accounts.create_token(world.database, world.ada.id, PERSON_SCOPES)).secret
    wanted = [
        (world.ada.token, "en", query, True),
        (world.ada.token, "en", query, True),
        (world.ada.token, "en", query, False),
        (world.ada.token, "fr", query, True),
        (world.ada.token, "en", query.replace("email @", "mail: email @"), True),
        (world.rosa.token, "en", query, True),
        (other_token, "en", query, True),
    ]
    async with live_gateway(fresh_url, recheck_s=3600) as gateway, AsyncExitStack() as stack:
        opened = []
        for token, language, document, email in wanted:
            stream = Events("sse", gateway, token)
            stream.headers = {"Accept-Language": language}
            opened.append(await stack.enter_async_context(stream.opened(document, {"email": email})))
        for stream in opened:
            await stream.data()
        followed = plans("followed")
        await world.open_case()
        found = [(await stream.data())["actions"]["action"] for stream in opened]
        executions = plans("followed") - followed

    users = [action["user"] for action in found]
    messages = [{item["action"]: item["message"] for item in action["case"]["availableActions"]} for action in found]
    email = users[0]["email"]
    assert users == [{"email": email}] * 2 + [{}, {"email": email}, {"mail": email}] + [{"email": email}] * 2
    assert found[0] == found[1] == found[6]
    assert messages[0] == messages[2] == messages[4] != messages[3]
    assert messages[5] != messages[0]
    assert executions == 6


async def test_who_waits_for_an_execution_that_is_given_up_executes_anew() -> None:
    shared = SharedResults()
    begun, never = asyncio.Event(), asyncio.Event()

    async def give_up() -> SharedResult:
        begun.set()
        await never.wait()
        raise AssertionError

    first = asyncio.create_task(shared.share(("key",), give_up))
    await begun.wait()
    second = asyncio.create_task(shared.find(("key",)))
    third = asyncio.create_task(shared.find(("key",)))
    await asyncio.sleep(0)
    third.cancel()
    await asyncio.sleep(0)
    first.cancel()

    assert await second is None
    assert await shared.find(("key",)) is None


@contextmanager
def all_sql() -> Iterator[list[str]]:
    """Yield a list that fills with all statements, those of connections that were open before too."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def plans(outcome: str) -> float:
    value: float = metrics.child(metrics.plans, outcome)._value.get()
    return value


# --- Rights ----------------------------------------------------------------------------------------------------------


async def test_a_revoked_token_ends_its_stream_while_nothing_happens(
    gateway: LiveGateway, world: World, transport: str
) -> None:
    token = await accounts.create_token(world.database, world.ada.id, PERSON_SCOPES)
    async with Events(transport, gateway, token.secret).opened(NOW) as events:
        cursor = (await events.data())["actions"]["cursor"]
        await accounts.revoke_token(world.database, token.row.id)
        type_, payload = await events.next()

    if transport == "websocket":
        assert (type_, payload) == ("end", f"4403 UNAUTHENTICATED cursor={cursor}"[: 123 + 5])
    else:
        assert payload["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert type_ == "next"


async def test_streams_of_a_revoked_token_are_no_failures_of_their_address(
    fresh_url: str, world: World, transport: str
) -> None:
    token = await accounts.create_token(world.database, world.ada.id, PERSON_SCOPES)
    async with live_gateway(fresh_url, recheck_s=0.05, failed_auth_limit=2) as gateway:
        async with AsyncExitStack() as stack:
            streams = [Events(transport, gateway, token.secret) for _ in range(4)]
            opened = [await stack.enter_async_context(stream.opened(NOW)) for stream in streams]
            for stream in opened:
                await stream.data()
            await accounts.revoke_token(world.database, token.row.id)
            ends = [json.dumps(await stream.next()) for stream in opened]
        async with Events(transport, gateway, world.carl.token).opened(NOW) as another:
            await another.data()

    assert all("UNAUTHENTICATED" in end for end in ends), ends


async def test_an_expired_token_ends_its_stream(gateway: LiveGateway, world: World, transport: str) -> None:
    expiry = clock.now() + timedelta(seconds=2)
    token = await accounts.create_token(world.database, world.ada.id, PERSON_SCOPES, expires_at=expiry)
    async with Events(transport, gateway, token.secret).opened(NOW) as events:
        await events.data()
        type_, payload = await events.next()

    assert "TOKEN_EXPIRED" in json.dumps(payload), type_


@pytest.mark.parametrize("is_quiet", [True, False])
async def test_who_is_no_longer_active_is_shown_nothing_more(
    gateway: LiveGateway, world: World, transport: str, is_quiet: bool
) -> None:
    async with Events(transport, gateway, world.ada.token).opened(NOW) as events:
        await events.data()
        async with world.database.write() as connection:
            await connection.execute(update(tables.users).where(tables.users.c.id == world.ada.id).values(active=False))
        if not is_quiet:
            await world.open_case(world.carl)
        _, payload = await events.next()

    errors = payload if transport == "websocket" else payload["errors"]
    assert [error["extensions"]["code"] for error in errors] == ["USER_INACTIVE"]


async def test_a_feature_that_is_switched_off_ends_the_stream(
    gateway: LiveGateway, world: World, transport: str
) -> None:
    async with Events(transport, gateway, world.ada.token).opened(NOW) as events:
        await events.data()
        async with world.database.write() as connection:
            await connection.execute(update(tables.accounts).values(cases_enabled=False))
        _, payload = await events.next()

    errors = payload if transport == "websocket" else payload["errors"]
    assert [error["extensions"]["code"] for error in errors] == ["FEATURE_DISABLED"]


async def test_a_scope_that_is_missing_is_refused_at_the_start(
    gateway: LiveGateway, world: World, transport: str
) -> None:
    token = await accounts.create_token(world.database, world.ada.id, [Scope.USERS_READ])
    async with Events(transport, gateway, token.secret).opened(NOW) as events:
        _, payload = await events.next()

    assert [error["extensions"]["code"] for error in payload["errors"]] == ["INSUFFICIENT_SCOPE"]


# --- Bounds and ends -------------------------------------------------------------------------------------------------


async def test_a_token_has_so_many_streams_and_no_more(fresh_url: str, world: World, transport: str) -> None:
    async with live_gateway(fresh_url, streams_per_token=1) as gateway:
        async with Events(transport, gateway, world.ada.token).opened(NOW) as first:
            await first.data()
            async with Events(transport, gateway, world.carl.token).opened(NOW) as another:
                await another.data()
            if transport == "websocket":
                async with Events(transport, gateway, world.ada.token).opened(NOW) as second:
                    refused = (await second.next())[1][0]
            else:
                headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {world.ada.token}"}
                async with httpx2.AsyncClient(trust_env=False) as client:
                    answer = await client.post(f"{gateway.address}/graphql", json={"query": NOW}, headers=headers)
                assert answer.status_code == 429
                (refused,) = answer.json()["errors"]
        await gateway.emptied()
        async with Events(transport, gateway, world.ada.token).opened(NOW) as again:
            await again.data()

    assert refused["extensions"] == {"code": "STREAM_LIMIT", "max": 1}


async def test_a_token_begins_so_many_streams_in_a_window_and_no_more(
    fresh_url: str, world: World, transport: str
) -> None:
    before = errors("RATE_LIMITED")
    async with live_gateway(fresh_url, rate_streams=2, rate_window=3600) as gateway:
        for _ in range(2):
            async with Events(transport, gateway, world.ada.token).opened(NOW) as events:
                await events.data()
        async with Events(transport, gateway, world.carl.token).opened(NOW) as another:
            await another.data()
        headers = {"Accept": "text/event-stream", "Authorization": f"Bearer {world.ada.token}"}
        async with httpx2.AsyncClient(trust_env=False) as client:
            query = await client.post(f"{gateway.address}/graphql", json={"query": "{ __typename }"}, headers=headers)
            if transport == "websocket":
                async with Events(transport, gateway, world.ada.token).opened(NOW) as third:
                    (refused,) = (await third.next())[1]
            else:
                answer = await client.post(f"{gateway.address}/graphql", json={"query": NOW}, headers=headers)
                assert (answer.status_code, "Retry-After" in answer.headers) == (429, True)
                (refused,) = answer.json()["errors"]

    assert query.status_code == 200
    assert refused["extensions"]["code"] == "RATE_LIMITED"
    assert errors("RATE_LIMITED") == before + 1


async def test_a_process_has_so_many_streams_and_no_more(fresh_url: str, world: World) -> None:
    async with (
        live_gateway(fresh_url, streams_max=1) as gateway,
        Events("sse", gateway, world.ada.token).opened(NOW) as first,
        Events("websocket", gateway, world.carl.token).opened(NOW) as second,
    ):
        await first.data()
        type_, payload = await second.next()

    assert (type_, payload[0]["extensions"]) == ("error", {"code": "STREAM_LIMIT", "max": 1})


async def test_where_connections_are_full_an_idle_socket_goes_and_none_that_streams(
    fresh_url: str, world: World
) -> None:
    async with live_gateway(fresh_url, bounds=Bounds(connections=2)) as gateway, gateway.connect() as idle:
        await idle.send(
            json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {world.ada.token}"}})
        )
        await idle.recv()
        async with Events("websocket", gateway, world.carl.token).opened(NOW) as events:
            await events.data()
            headers = {"Authorization": f"Bearer {world.ada.token}"}
            async with httpx2.AsyncClient(trust_env=False) as client:
                query = {"query": "{ viewer { user { displayName } } }"}
                answer = await client.post(f"{gateway.address}/graphql", json=query, headers=headers)
            code, _ = await closed(idle)
            await world.open_case()
            row = (await events.data())["actions"]

    assert (answer.status_code, code) == (200, 1006)
    assert row["action"] == {"type": "OPEN"}


async def test_complete_ends_a_stream_and_frees_its_id(gateway: LiveGateway, world: World) -> None:
    async with Events("websocket", gateway, world.ada.token).opened(NOW) as events:
        socket = events._socket
        assert socket is not None
        for _ in range(3):
            await events.data()
            await socket.send('{"type":"complete","id":"1"}')
            await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": NOW}}))
        assert (await events.data())["actions"]["caughtUp"]


async def test_a_server_that_ends_has_streams_come_back(gateway: LiveGateway, world: World, transport: str) -> None:
    before = ended(transport, "drain")
    async with Events(transport, gateway, world.ada.token).opened(NOW) as events:
        await events.data()
        gateway.shut_down()
        type_, payload = await events.next()

    assert type_ == "end"
    if transport == "websocket":
        assert payload == "1012 The gateway restarts: come back."
    else:
        assert 1_000 <= int(payload["retry"]) < 3_000
    assert ended(transport, "drain") == before + 1
    await gateway.emptied()


async def test_a_reader_that_stops_is_ended_with_its_cursor_and_others_see_nothing_of_it(
    fresh_url: str, world: World, transport: str
) -> None:
    fields = " ".join(f"c{number}: comment {{ body }}" for number in range(20))
    long = f"subscription {{ actions {{ cursor action {{ {fields} }} }} }}"
    case_id = (await world.open_case()).case.id
    before, counted = ended(transport, "slow"), errors("STREAM_TOO_SLOW")
    async with live_gateway(fresh_url, streams_slow_timeout=0.3) as gateway:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port, limit=1024)
        if transport == "websocket":
            await _handshake(reader, writer, world.ada.token, long)
        else:
            writer.write(_posted(world.ada.token, long))
        async with Events("websocket", gateway, world.ada.token).opened(NOW) as events:
            await events.data()
            async with asyncio.timeout(60):
                while ended(transport, "slow") == before:
                    await world.do(world.carl, AddComment(case_id=case_id, comment="é" * 10_000))
                    assert (await events.data())["actions"]["action"] == {"type": "COMMENT"}
        writer.transport.abort()
        await gateway.emptied()

    assert (ended(transport, "slow"), errors("STREAM_TOO_SLOW")) == (before + 1, counted + 1)


def _posted(token: str, query: str) -> bytes:
    """Return a request for a subscription as server-sent events."""
    body = json.dumps({"query": query}).encode()
    head = (
        "POST /graphql HTTP/1.1\r\nHost: here\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _handshake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str, query: str) -> None:
    """Subscribe over a WebSocket, and read nothing more: the reader's buffer is small, and then it takes nothing."""
    writer.write(
        b"GET /graphql HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    for message in (
        {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}},
        {"id": "1", "type": "subscribe", "payload": {"query": query}},
    ):
        writer.write(_masked(json.dumps(message).encode()))


def _masked(payload: bytes) -> bytes:
    """Return a text frame whose mask is nought."""
    length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return b"\x81" + length + bytes(4) + payload


async def test_a_comment_keeps_a_quiet_stream_open(fresh_url: str, world: World) -> None:
    async with (
        live_gateway(fresh_url, streams_comment_interval=0.05) as gateway,
        Events("sse", gateway, world.ada.token).opened(NOW) as events,
    ):
        await events.data()
        assert events._lines is not None
        async with asyncio.timeout(60):
            comments = [line async for line in _first(events._lines, 4)]

    assert comments == [":", "", ":", ""]


async def _first(lines: AsyncIterator[str], number: int) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        number -= 1
        if not number:
            return


async def test_a_subscription_without_a_stream_is_refused_with_the_way_to_have_one(
    gateway: LiveGateway, world: World
) -> None:
    headers = {"Authorization": f"Bearer {world.ada.token}"}
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{gateway.address}/graphql", json={"query": NOW}, headers=headers)

    assert answer.status_code == 406
    assert "text/event-stream" in answer.json()["errors"][0]["message"]


async def test_a_wrong_variable_of_a_subscription_is_an_error(
    gateway: LiveGateway, world: World, transport: str
) -> None:
    async with Events(transport, gateway, world.ada.token).opened(ACTIONS, {"after": 5}) as events:
        type_, payload = await events.next()

    errors = payload if transport == "websocket" else payload["errors"]
    assert type_ == ("error" if transport == "websocket" else "next")
    assert errors[0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_every_closing_of_a_revoked_token_names_the_cursor(gateway: LiveGateway, world: World) -> None:
    token = await accounts.create_token(world.database, world.ada.id, PERSON_SCOPES)
    async with Events("websocket", gateway, token.secret).opened(NOW) as events:
        await events.data()
        await world.open_case()
        cursor = (await events.data())["actions"]["cursor"]
        await accounts.revoke_token(world.database, token.row.id)
        assert events._socket is not None
        code, reason = await closed(events._socket)

    assert (code, reason) == (4403, f"UNAUTHENTICATED cursor={cursor}")
