"""The cases that graphql-ws 6.4 tests its own server with, in our words, against a real gateway.

They are those of its tests/server.test.ts and tests/use.test.ts; `NOT_APPLICABLE` says why for each of the others.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

import asyncpg
import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.live_gateway import LiveGateway, live_gateway
from tests.support.websocket_scripts import (
    ANY,
    Act,
    Closed,
    Dispose,
    Initialise,
    Leave,
    Lock,
    Pause,
    Receive,
    Send,
    Silence,
    Spoil,
    Stage,
    Step,
    Subscribe,
    Unlock,
    Waiting,
    play,
)
from tests.support.world import World

INIT_S = 0.3
NAME = "{ viewer { user { displayName } } }"
NAMED = {"data": {"viewer": {"user": {"displayName": "Ada"}}}}
SUBPROTOCOL = "graphql-transport-ws"
OFFERED = [
    ("notme", "notmeither"),
    ("notme",),
    ("graphql", "json"),
    ("graphql-transport-wsgibberish",),
    ("graphql-transport-ws",),
    ("this", "graphql-transport-ws", "one"),
]
LOG = "subscription { actions { action { type } } }"


@pytest.fixture
async def gateway(fresh_url: str) -> AsyncIterator[LiveGateway]:
    async with live_gateway(fresh_url, streams_init_timeout=INIT_S) as found:
        yield found


def event(type_: str | None) -> dict[str, Any]:
    return {"data": {"actions": {"action": None if type_ is None else {"type": type_}}}}


ACKNOWLEDGED: list[Step] = [Initialise(), Receive("connection_ack")]
FOLLOWING: list[Step] = [*ACKNOWLEDGED, Subscribe(LOG), Receive("next", id="1", payload=event(None))]
ANSWERED: list[Step] = [Receive("next", id="1", payload=NAMED), Receive("complete", id="1")]

SCRIPTS: Mapping[str, list[Step]] = {
    "connect: who is refused is closed with Forbidden": [Send("connection_init"), Closed(4403, "UNAUTHENTICATED")],
    "connect: who is admitted is acknowledged": ACKNOWLEDGED,
    "connect: parameters that say nothing here are passed over": [
        Send("connection_init", payload={"some": "string", "number": 10}),
        Closed(4403, "UNAUTHENTICATED"),
    ],
    "connect: no connection_init in time": [Closed(4408, "Connection initialisation timeout")],
    "connect: pings do not put off the end of that time": [
        Send("ping"),
        Receive("pong"),
        Closed(4408, "Connection initialisation timeout"),
    ],
    "connect: a second connection_init while the first is pending": [
        Initialise(),
        Initialise(),
        Receive("connection_ack"),
        Closed(4429, "Too many initialisation requests"),
    ],
    "connect: a second connection_init after the acknowledgement": [
        *ACKNOWLEDGED,
        Initialise(),
        Closed(4429, "Too many initialisation requests"),
    ],
    "connect: who has the acknowledgement may subscribe at once": [*ACKNOWLEDGED, Subscribe(NAME), *ANSWERED],
    "ping: answered by a pong": [Send("ping"), Receive("pong")],
    "ping: its payload comes back": [
        Send("ping", payload={"iCome": ["back"]}),
        Receive("pong", payload={"iCome": ["back"]}),
    ],
    "pong: nothing comes of it": [Send("pong"), Send("pong", payload={"x": 1}), Silence()],
    "subscribe: before the acknowledgement": [Subscribe(LOG), Closed(4401, "Unauthorized")],
    "subscribe: a document that is none, before the acknowledgement": [
        Subscribe("subscription NoAck {}", operationName="NoAck", variables={}),
        Closed(4401, "Unauthorized"),
    ],
    "subscribe: a query gives next and complete": [
        *ACKNOWLEDGED,
        Subscribe(f"query Name {NAME}", operationName="Name", variables={}),
        *ANSWERED,
        Silence(),
    ],
    "subscribe: validation errors are an error, and end nothing else": [
        *ACKNOWLEDGED,
        Subscribe("query None { testNumber testBoolean }", operationName="None", variables={}),
        Receive("error", id="1", payload=ANY),
        Silence(),
        Subscribe(NAME),
        *ANSWERED,
    ],
    "subscribe: results come until the server completes": [
        *ACKNOWLEDGED,
        Subscribe('subscription { caseChanged(id: "00000000-0000-4000-8000-000000000000") { id } }'),
        Receive("next", id="1", payload={"data": {"caseChanged": None}}),
        Receive("complete", id="1"),
        Silence(),
    ],
    "subscribe: what is published comes as next": [*FOLLOWING, Act(), Receive("next", id="1", payload=event("OPEN"))],
    "subscribe: nothing comes after the client's complete, not even complete": [
        *FOLLOWING,
        Send("complete", id="1"),
        Act(),
        Act(),
        Silence(),
        Subscribe(NAME),
        *ANSWERED,
    ],
    "subscribe: an id that streams": [
        *ACKNOWLEDGED,
        Subscribe(LOG, id="not-unique"),
        Receive("next", id="not-unique", payload=event(None)),
        Subscribe(NAME, id="not-unique"),
        Closed(4409, "Subscriber for not-unique already exists"),
    ],
    "subscribe: an id that is being prepared": [
        *ACKNOWLEDGED,
        Subscribe(NAME, id="not-unique"),
        Subscribe(NAME, id="not-unique"),
        Closed(4409, "Subscriber for not-unique already exists"),
    ],
    "subscribe: nothing stays of a stream whose client completes and goes": [
        *FOLLOWING,
        Send("complete", id="1"),
        Leave(1000),
    ],
    "subscribe: nothing stays of a stream that is cut": [*FOLLOWING, Leave(None)],
    "subscribe: an operation that fails at once frees its id": [
        *ACKNOWLEDGED,
        Subscribe("{"),
        Receive("error", id="1", payload=ANY),
        Subscribe(NAME),
        *ANSWERED,
    ],
    "subscribe: a client that goes while an operation begins leaves nothing": [
        *ACKNOWLEDGED,
        Subscribe(LOG),
        Subscribe(NAME, id="2"),
        Leave(4321),
    ],
    "close: a client's code is taken, after the acknowledgement": [*ACKNOWLEDGED, Leave(4321)],
    "close: a client's code is taken, before it": [Leave(4321)],
    "close: all streams end, however many": [
        *FOLLOWING,
        Subscribe(LOG, id="2"),
        Receive("next", id="2", payload=event(None)),
        Leave(4321),
    ],
    "subscribe: a source that fails is an error without complete, and ends nothing else": [
        *FOLLOWING,
        Spoil(event("OPEN")),
        Receive("error", id="1", payload=ANY),
        Silence(),
        Subscribe(NAME),
        *ANSWERED,
    ],
    "dispose: clients are told to come back": [
        *ACKNOWLEDGED,
        Dispose(),
        Closed(1012, "The gateway restarts: come back."),
    ],
}

HELD_UP: Mapping[str, list[Step]] = {
    "connect: an answer to connection_init may take longer than it may take to come": [
        Lock("api_tokens"),
        Initialise(),
        Waiting(),
        Pause(2 * INIT_S),
        Unlock(),
        Receive("connection_ack"),
        Silence(),
    ],
    "subscribe: a query that is completed before its result": [
        *ACKNOWLEDGED,
        Lock("cases"),
        Subscribe("{ cases(first: 1) { nodes { id } } }"),
        Waiting(),
        Send("complete", id="1"),
        Silence(),
        Unlock(),
        Subscribe(NAME),
        *ANSWERED,
    ],
    "subscribe: a subscription that is completed while it begins": [
        *ACKNOWLEDGED,
        Lock("case_actions"),
        Subscribe(LOG),
        Waiting(),
        Send("complete", id="1"),
        Unlock(),
        Act(),
        Silence(),
    ],
    "subscribe: a client that goes before the errors of its operation are known": [
        *ACKNOWLEDGED,
        Lock("cases"),
        Subscribe('{ case(id: "00000000-0000-4000-8000-000000000000") { id } nodes(ids: ["no"]) { id } }'),
        Waiting(),
        Leave(4321),
        Unlock(),
    ],
}

_NO_CALLBACKS = "A callback of graphql-ws's own programming interface; nothing of it is seen from outside."

NOT_APPLICABLE: Mapping[str, str] = {
    "server: a schema from a promise, own parse and validate, roots, context, onSubscribe, onNext": _NO_CALLBACKS,
    "server: own replacer and reviver of JSON": _NO_CALLBACKS,
    "connect: a payload with connection_ack": "Optional in the protocol; the gateway has nothing to say there.",
    "ping, pong: callbacks instead of answers": _NO_CALLBACKS,
    "subscribe: a live query gives several results": "There are no live queries: subscriptions are for that.",
    "subscribe: an own store of persisted queries": _NO_CALLBACKS + " tests/api/test_websocket.py names documents.",
    "subscribe, close: onOperation, onComplete, onDisconnect, onClose are called": _NO_CALLBACKS
    + " What they stand for, that nothing stays of a stream, is in the scripts.",
    "use: the request and the socket in the context": _NO_CALLBACKS,
    "use: errors of callbacks close with 4500": _NO_CALLBACKS + " A fault is an error of its operation, or 1013.",
    "use: a schema that is missing": _NO_CALLBACKS,
    "use: keep-alive switched off": "WebSocket's pings are always sent; tests/server has them and what comes of none.",
    "handleProtocols: types of its argument": _NO_CALLBACKS,
}


def stage_of(gateway: LiveGateway, world: World, url: str) -> Stage:
    return Stage(gateway, world, url, authorization={"Authorization": f"Bearer {world.ada.token}"})


async def test_what_graphql_ws_tests_of_a_server_holds(gateway: LiveGateway, world: World, fresh_url: str) -> None:
    assert await play(stage_of(gateway, world, fresh_url), SCRIPTS) == {}


async def test_what_graphql_ws_tests_of_a_server_holds_while_the_database_is_slow(
    gateway: LiveGateway, world: World, fresh_url: str
) -> None:
    if fresh_url.startswith("sqlite"):
        pytest.skip("SQLite's readers wait for nobody")
    stage = stage_of(gateway, world, fresh_url)
    stage.driver = await asyncpg.connect(fresh_url)
    try:
        assert await play(stage, HELD_UP) == {}
    finally:
        await stage.driver.close()


async def test_our_subprotocol_is_chosen_from_what_is_offered(gateway: LiveGateway, world: World) -> None:
    found = {}
    for offered in OFFERED:
        async with gateway.connect(*offered) as socket:
            with suppress(ConnectionClosed):
                await socket.send('{"type":"ping"}')
                assert await socket.recv() == '{"type":"pong"}'
                await socket.close()
        found[offered] = (socket.subprotocol, socket.close_code, socket.close_reason)

    assert found == {
        offered: (SUBPROTOCOL, 1000, "") if SUBPROTOCOL in offered else (offered[0], 4406, "Subprotocol not acceptable")
        for offered in OFFERED
    }
