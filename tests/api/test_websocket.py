"""graphql-transport-ws: every close code, and queries and mutations over a real WebSocket."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from app import clock
from app.admin import accounts
from app.domain.model import PERSON_SCOPES
from app.observability import metrics
from app.observability.deferred import clear_all
from tests.support.live_gateway import LiveGateway, closed, live_gateway
from tests.support.world import World

NAME = "{ viewer { user { displayName } } }"


@pytest.fixture
async def gateway(fresh_url: str) -> AsyncIterator[LiveGateway]:
    async with live_gateway(fresh_url, streams_init_timeout=0.5) as found:
        yield found


async def send(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def received(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(60):
        message: dict[str, Any] = json.loads(await socket.recv())
    return message


async def initialise(socket: ClientConnection, token: str, **parameters: Any) -> None:
    await send(socket, type="connection_init", payload={"Authorization": f"Bearer {token}", **parameters})
    assert await received(socket) == {"type": "connection_ack"}


async def subscribe(socket: ClientConnection, query: str, id: str = "1", **payload: Any) -> None:
    await send(socket, id=id, type="subscribe", payload={"query": query, **payload})


# --- The handshake ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offered", [["notme"], ["graphql-transport-wss", "other"]])
async def test_another_subprotocol_is_closed_with_4406(gateway: LiveGateway, offered: list[str]) -> None:
    async with gateway.connect(*offered) as socket:
        assert await closed(socket) == (4406, "Subprotocol not acceptable")
    await gateway.emptied()


async def test_no_subprotocol_is_closed_with_4406(gateway: LiveGateway) -> None:
    async with connect(gateway.socket_address, proxy=None) as socket:
        assert (await closed(socket))[0] == 4406


async def test_the_legacy_subprotocol_is_refused_at_the_handshake(gateway: LiveGateway) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await gateway.connect("graphql-ws")

    assert refused.value.response.status_code == 400
    assert b"graphql-transport-ws" in (refused.value.response.body or b"")


async def test_ours_is_chosen_beside_the_legacy_one(gateway: LiveGateway) -> None:
    async with gateway.connect("graphql-ws", "graphql-transport-ws") as socket:
        assert socket.subprotocol == "graphql-transport-ws"
        assert "Sec-WebSocket-Extensions" not in (socket.response.headers if socket.response else {})


@pytest.mark.parametrize("page", ["https://evil.example", "null"])
async def test_a_page_of_another_origin_is_refused_at_the_handshake(gateway: LiveGateway, page: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await gateway.connect(origin=page)

    assert refused.value.response.status_code == 403


# --- connection_init -------------------------------------------------------------------------------------------------


async def test_without_connection_init_it_is_closed_with_4408(gateway: LiveGateway) -> None:
    async with gateway.connect() as socket:
        await send(socket, type="ping")
        assert await received(socket) == {"type": "pong"}

        assert await closed(socket) == (4408, "Connection initialisation timeout")
    await gateway.emptied()


async def test_a_second_connection_init_is_closed_with_4429(gateway: LiveGateway, world: World) -> None:
    async with gateway.connect() as socket:
        await initialise(socket, world.ada.token)
        await send(socket, type="connection_init")

        assert await closed(socket) == (4429, "Too many initialisation requests")


@pytest.mark.parametrize("payload", [{}, {"payload": None}, {"payload": {}}, {"payload": {"other": 1}}])
async def test_the_token_may_come_with_the_handshake(
    gateway: LiveGateway, world: World, payload: dict[str, Any]
) -> None:
    headers = {"Authorization": f"Bearer {world.ada.token}"}
    async with gateway.connect(additional_headers=headers) as socket:
        await send(socket, type="connection_init", **payload)

        assert await received(socket) == {"type": "connection_ack"}


@pytest.mark.parametrize("name", ["Authorization", "authorization", "AUTHORIZATION"])
async def test_the_parameter_s_name_is_written_in_any_case(gateway: LiveGateway, world: World, name: str) -> None:
    async with gateway.connect() as socket:
        await send(socket, type="connection_init", payload={name: f"bearer {world.ada.token}"})

        assert await received(socket) == {"type": "connection_ack"}


@pytest.mark.parametrize(
    "payload",
    [None, {}, {"Authorization": "Bearer cgt_no"}, {"Authorization": ["a"]}, {"Authorization": None}, {"token": "x"}],
)
async def test_a_refused_token_is_closed_with_4403(gateway: LiveGateway, world: World, payload: Any) -> None:
    async with gateway.connect() as socket:
        await send(socket, type="connection_init", payload=payload)

        assert await closed(socket) == (4403, "UNAUTHENTICATED")


async def test_a_token_in_the_address_is_none(gateway: LiveGateway, world: World) -> None:
    address = f"{gateway.socket_address}?access_token={world.ada.token}&Authorization=Bearer%20{world.ada.token}"
    async with connect(address, subprotocols=[Subprotocol("graphql-transport-ws")], proxy=None) as socket:
        await send(socket, type="connection_init")

        assert (await closed(socket))[0] == 4403


async def test_an_expired_token_is_closed_with_4403(gateway: LiveGateway, world: World) -> None:
    token = await accounts.create_token(
        world.database, world.ada.id, PERSON_SCOPES, expires_at=clock.now() + timedelta(milliseconds=20)
    )
    await asyncio.sleep(0.05)
    async with gateway.connect() as socket:
        await send(socket, type="connection_init", payload={"Authorization": f"Bearer {token.secret}"})

        assert await closed(socket) == (4403, "TOKEN_EXPIRED")


async def test_a_token_that_is_revoked_later_closes_with_4403_at_the_next_operation(
    gateway: LiveGateway, world: World
) -> None:
    token = await accounts.create_token(world.database, world.ada.id, PERSON_SCOPES)
    async with gateway.connect() as socket:
        await initialise(socket, token.secret)
        await accounts.revoke_token(world.database, token.row.id)
        await subscribe(socket, NAME)

        assert await closed(socket) == (4403, "UNAUTHENTICATED")


# --- Messages --------------------------------------------------------------------------------------------------------

BAD = {
    "no JSON": "hello",
    "nothing": "",
    "a string": '"connection_init"',
    "an array": '[{"type":"ping"}]',
    "null": "null",
    "a number": "1",
    "not a number": '{"type":"ping","payload":{"a":NaN}}',
    "no type": "{}",
    "a type that is none": '{"type":"start","id":"1"}',
    "a type of the server": '{"type":"connection_ack"}',
    "next": '{"type":"next","id":"1","payload":{}}',
    "a type that is no string": '{"type":1}',
    "a type in capitals": '{"type":"PING"}',
    "a name twice": '{"type":"ping","type":"pong"}',
    "a name twice, deep": '{"type":"ping","payload":{"a":[{"b":1,"b":2}]}}',
    "a payload that is no object": '{"type":"ping","payload":"hi"}',
    "init's payload that is no object": '{"type":"connection_init","payload":[]}',
    "no id": '{"type":"subscribe","payload":{"query":"{ __typename }"}}',
    "an empty id": '{"type":"subscribe","id":"","payload":{"query":"{ __typename }"}}',
    "an id that is a number": '{"type":"subscribe","id":1,"payload":{"query":"{ __typename }"}}',
    "an endless id": json.dumps({"type": "complete", "id": "x" * 257}),
    "no payload": '{"type":"subscribe","id":"1"}',
    "a payload that is null": '{"type":"subscribe","id":"1","payload":null}',
    "a query that is no string": '{"type":"subscribe","id":"1","payload":{"query":{}}}',
    "variables that are no object": '{"type":"subscribe","id":"1","payload":{"query":"{ a }","variables":[1]}}',
    "extensions that are no object": '{"type":"subscribe","id":"1","payload":{"query":"{ a }","extensions":1}}',
    "an operationName that is no string": '{"type":"subscribe","id":"1","payload":{"query":"{a}","operationName":1}}',
    "complete without an id": '{"type":"complete"}',
    "two authorizations": '{"type":"connection_init","payload":{"Authorization":"a","authorization":"b"}}',
    "a lone surrogate": '{"type":"ping","payload":{"a":"\\ud800"}}',
    "endless nesting": '{"type":"ping","payload":{"a":' + "[" * 5000 + "]" * 5000 + "}}",
}


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_message_is_closed_with_4400(gateway: LiveGateway, what: str) -> None:
    async with gateway.connect() as socket:
        await socket.send(BAD[what])

        code, reason = await closed(socket)

    assert code == 4400
    assert reason


async def test_a_binary_message_is_closed_with_4400(gateway: LiveGateway) -> None:
    async with gateway.connect() as socket:
        await socket.send(b'{"type":"ping"}')

        assert (await closed(socket))[0] == 4400


async def test_a_message_that_is_too_long_is_closed_with_1009(gateway: LiveGateway) -> None:
    async with gateway.connect() as socket:
        await socket.send(json.dumps({"type": "ping", "payload": {"a": "x" * 1024 * 1024}}))

        assert (await closed(socket))[0] == 1009
    await gateway.emptied()


async def test_an_operation_before_the_acknowledgement_is_closed_with_4401(gateway: LiveGateway) -> None:
    async with gateway.connect() as socket:
        await subscribe(socket, NAME)

        assert await closed(socket) == (4401, "Unauthorized")


@pytest.mark.parametrize("payload", [{}, {"payload": None}, {"payload": {"at": [1, {"x": None}]}}])
async def test_a_ping_is_answered_with_its_payload(gateway: LiveGateway, payload: dict[str, Any]) -> None:
    async with gateway.connect() as socket:
        await send(socket, type="ping", **payload)
        answer = await received(socket)

    assert answer == {"type": "pong", **{name: value for name, value in payload.items() if value is not None}}


async def test_pongs_and_completes_of_nothing_are_passed_over(gateway: LiveGateway, world: World) -> None:
    async with gateway.connect() as socket:
        await initialise(socket, world.ada.token)
        await send(socket, type="pong")
        await send(socket, type="pong", payload={"a": 1})
        await send(socket, type="complete", id="unknown")
        await subscribe(socket, NAME)

        assert (await received(socket))["type"] == "next"


# --- Queries and mutations -------------------------------------------------------------------------------------------


async def test_a_query_gives_next_and_complete_and_its_id_is_free_again(gateway: LiveGateway, world: World) -> None:
    async with gateway.connect() as socket:
        await initialise(socket, world.ada.token)
        for _ in range(3):
            await subscribe(socket, NAME, variables=None, operationName=None, extensions=None)
            answers = [await received(socket), await received(socket)]

            data = {"viewer": {"user": {"displayName": "Ada"}}}
            assert answers == [{"id": "1", "type": "next", "payload": {"data": data}}, {"id": "1", "type": "complete"}]


async def test_an_id_that_is_in_use_is_closed_with_4409(gateway: LiveGateway, world: World) -> None:
    async with gateway.connect() as socket:
        await initialise(socket, world.ada.token)
        await subscribe(socket, NAME, id="a")
        await subscribe(socket, NAME, id="a")

        assert await closed(socket) == (4409, "Subscriber for a already exists")
    await gateway.emptied()


async def test_a_mutation_is_done_even_if_the_client_goes(gateway: LiveGateway, world: World) -> None:
    case_id = (await world.open_case()).case.id
    document = "mutation($input: AddCommentInput!) { addComment(input: $input) { action { seq } errors { code } } }"
    async with gateway.connect() as socket:
        await initialise(socket, world.ada.token)
        variables = {"input": {"caseId": str(case_id), "body": "Called."}}
        await subscribe(socket, document, variables=variables)
        answer = await received(socket)
        await subscribe(socket, document, id="2", variables=variables)
    await gateway.emptied()

    assert answer["type"] == "next", answer
    assert answer["payload"]["data"]["addComment"] == {"action": {"seq": 2}, "errors": []}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ nothing }", "GRAPHQL_INVALID"),
        ("{ viewer", "GRAPHQL_INVALID"),
        ("", "BAD_REQUEST"),
        ("query A { __typename } query B { __typename }", "BAD_USER_INPUT"),
        ("fragment F on Query { __typename }", "BAD_USER_INPUT"),
        ("{ viewer { user { id } } } #" + "x" * 300_000, "BAD_REQUEST"),
        ("{ viewer { rateLimit { limit } } }" + " a" * 10, "GRAPHQL_INVALID"),
    ],
)
async def test_a_wrong_operation_gives_an_error_and_the_connection_lives(
    gateway: LiveGateway, world: World, query: str, code: str
) -> None:
    async with gateway.connect() as socket:
        await initialise(socket, world.ada.token)
        await subscribe(socket, query)
        refused = await received(socket)
        await subscribe(socket, NAME)
        answer = await received(socket)

    assert (refused["id"], refused["type"]) == ("1", "error")
    assert refused["payload"][0]["extensions"]["code"] == code
    assert answer["type"] == "next"


async def test_trusted_and_persisted_documents_are_named_as_over_http(
    fresh_url: str, world: World, tmp_path: Path
) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"name": NAME}))
    persisted = {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(NAME.encode()).hexdigest()}}
    trusting = live_gateway(fresh_url, trusted_documents=manifest, trusted_documents_mode="only")
    async with trusting as gateway, gateway.connect() as socket:
        await initialise(socket, world.ada.token)
        await send(socket, id="1", type="subscribe", payload={"documentId": "name"})
        found = [await received(socket), await received(socket)]
        await subscribe(socket, NAME, id="2")
        refused = await received(socket)
    async with live_gateway(fresh_url, persisted_queries=10) as gateway, gateway.connect() as socket:
        await initialise(socket, world.ada.token)
        await send(socket, id="1", type="subscribe", payload={"extensions": persisted})
        unknown = await received(socket)
        await subscribe(socket, NAME, extensions=persisted)
        learnt = [await received(socket), await received(socket)]
        await send(socket, id="1", type="subscribe", payload={"query": None, "extensions": persisted})
        named = await received(socket)

    data = {"data": {"viewer": {"user": {"displayName": "Ada"}}}}
    assert [message.get("payload") for message in (found[0], learnt[0], named)] == [data] * 3
    codes = [message["payload"][0]["extensions"]["code"] for message in (refused, unknown)]
    assert codes == ["DOCUMENT_NOT_TRUSTED", "PERSISTED_QUERY_NOT_FOUND"]


async def test_field_errors_are_in_the_result(gateway: LiveGateway, world: World) -> None:
    async with gateway.connect(additional_headers={"Accept-Language": "fr"}) as socket:
        await initialise(socket, world.ada.token)
        await subscribe(socket, 'query { case(id: "no") { id } }')
        answer = await received(socket)
        end = await received(socket)

    (error,) = answer["payload"]["errors"]
    assert (answer["type"], error["extensions"]["code"], error["path"]) == ("next", "INVALID_ID", ["case"])
    assert answer["payload"]["data"] == {"case": None}
    assert end == {"id": "1", "type": "complete"}


async def test_the_rate_limit_counts_operations(fresh_url: str, world: World) -> None:
    async with live_gateway(fresh_url, rate_limit=2) as gateway, gateway.connect() as socket:
        await initialise(socket, world.ada.token)
        answers = []
        for number in range(3):
            await subscribe(socket, NAME, id=str(number))
            answers.append(await received(socket))
            if answers[-1]["type"] == "next":
                await received(socket)

    assert [answer["type"] for answer in answers] == ["next", "next", "error"]
    assert answers[2]["payload"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_a_client_that_goes_leaves_no_task_and_no_connection(gateway: LiveGateway, world: World) -> None:
    for step in range(4):
        socket = await gateway.connect()
        if step:
            await initialise(socket, world.ada.token)
        if step > 1:
            await subscribe(socket, NAME, id=str(uuid4()))
        if step > 2:
            await socket.close()
        else:
            socket.transport.abort()

    await gateway.emptied()
    assert (len(gateway.state.connections), len(gateway.state.tasks)) == (0, 0)


async def test_a_server_that_ends_has_clients_come_back(gateway: LiveGateway, world: World) -> None:
    async with gateway.connect() as socket:
        await initialise(socket, world.ada.token)
        gateway.shut_down()

        assert await closed(socket) == (1012, "The gateway restarts: come back.")
    await gateway.emptied()


# --- What is counted -------------------------------------------------------------------------------------------------


def errors(code: str) -> float:
    clear_all()  # what is counted a moment later
    value: float = metrics.child(metrics.errors, code)._value.get()
    return value


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"query": "{ nothing }"}, "GRAPHQL_INVALID"),
        ({"query": "{ viewer { user { id } } } #" + "x" * 300_000}, "BAD_REQUEST"),
        ({"query": ""}, "BAD_REQUEST"),
        ({"documentId": "unknown"}, "PERSISTED_QUERY_NOT_FOUND"),
        ({"query": "fragment F on Query { __typename }"}, "BAD_USER_INPUT"),
    ],
)
async def test_an_operation_that_is_refused_before_it_begins_is_counted_once(
    gateway: LiveGateway, world: World, payload: dict[str, Any], code: str
) -> None:
    async with gateway.connect() as socket:
        await initialise(socket, world.ada.token)
        before = errors(code)
        await send(socket, id="1", type="subscribe", payload=payload)
        refused = await received(socket)

    assert [error["extensions"]["code"] for error in refused["payload"]] == [code]
    assert errors(code) == before + 1


async def test_a_rate_that_is_passed_and_a_token_that_is_refused_are_counted(fresh_url: str, world: World) -> None:
    before = errors("RATE_LIMITED"), errors("UNAUTHENTICATED")
    async with live_gateway(fresh_url, rate_limit=1, rate_window=3600) as gateway:
        async with gateway.connect() as socket:
            await initialise(socket, world.ada.token)
            for id_ in "12":
                await subscribe(socket, NAME, id=id_)
            while (await received(socket))["type"] != "error":
                pass
        async with gateway.connect() as socket:
            await send(socket, type="connection_init", payload={"Authorization": "Bearer cgt_no"})
            assert (await closed(socket))[0] == 4403

    assert (errors("RATE_LIMITED"), errors("UNAUTHENTICATED")) == (before[0] + 1, before[1] + 1)
