"""The cases that graphql-sse 2.6 tests its own server with, in our words, against a real gateway.

They are those of tests/handler.test.ts that speak of distinct connections, and of tests/use.test.ts; `NOT_APPLICABLE`
says why for each of the others.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx2
import pytest

from tests.support.live_gateway import LiveGateway, live_gateway
from tests.support.world import World

PATIENCE_S = 60
NAME = "{ viewer { user { displayName } } }"
LOG = "subscription { actions { action { type } } }"

NOT_APPLICABLE: Mapping[str, str] = {
    "404, PUT for a token, reservations, operation ids": "Single connection mode, which is not offered: streams over"
    " WebSocket share a connection.",
    "errors of hooks, execution arguments of onSubscribe": "Callbacks of its own programming interface; nothing of them"
    " is seen from outside.",
    "a GET with a query": "GET names trusted documents alone (405), so that no page has a browser send queries.",
}


@pytest.fixture
async def gateway(fresh_url: str) -> AsyncIterator[LiveGateway]:
    async with live_gateway(fresh_url) as found:
        yield found


COMPLETE = "event: complete\ndata: "


@asynccontextmanager
async def posted(
    gateway: LiveGateway, token: str, query: str | None, accept: str = "text/event-stream", method: str = "POST"
) -> AsyncIterator[httpx2.Response]:
    """Yield the answer to an operation as its head has come."""
    headers = {"Accept": accept, "Authorization": f"Bearer {token}"}
    payload = {} if query is None else {"query": query}
    sent: dict[str, Any] = {"json": payload} if method == "POST" else {"params": payload}
    async with (
        httpx2.AsyncClient(timeout=PATIENCE_S, trust_env=False) as client,
        client.stream(method, f"{gateway.address}/graphql", headers=headers, **sent) as answer,
    ):
        yield answer


async def events_of(answer: httpx2.Response) -> AsyncGenerator[str]:
    """Yield each event and comment."""
    buffered = ""
    async for text in answer.aiter_text():
        buffered += text
        *whole, buffered = buffered.split("\n\n")
        for found in whole:
            yield found


@pytest.mark.parametrize(
    ("method", "accept", "status"),
    [("GET", "gibberish", 406), ("GET", "application/json", 400), ("GET", "text/event-stream", 400)],
)
async def test_what_is_accepted_is_looked_at_before_the_query(
    gateway: LiveGateway, world: World, method: str, accept: str, status: int
) -> None:
    async with posted(gateway, world.ada.token, None, accept, method) as answer:
        body = json.loads(await answer.aread())

    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("application/")
    assert body["errors"][0]["message"]


async def test_a_query_is_streamed_and_then_the_connection_is_done(gateway: LiveGateway, world: World) -> None:
    async with posted(gateway, world.ada.token, NAME) as answer:
        found = [part async for part in events_of(answer)]

    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
    assert found == [":", 'event: next\ndata: {"data":{"viewer":{"user":{"displayName":"Ada"}}}}', COMPLETE]


async def test_a_subscription_that_ends_is_streamed_to_its_complete(gateway: LiveGateway, world: World) -> None:
    query = 'subscription { caseChanged(id: "00000000-0000-4000-8000-000000000000") { id } }'
    async with posted(gateway, world.ada.token, query) as answer:
        found = [part async for part in events_of(answer)]

    assert found == [":", 'event: next\ndata: {"data":{"caseChanged":null}}', COMPLETE]


async def test_validation_errors_are_streamed(gateway: LiveGateway, world: World) -> None:
    async with posted(gateway, world.ada.token, "{ notExists }") as answer:
        comment, event_, end = [part async for part in events_of(answer)]

    assert (answer.status_code, comment, end) == (200, ":", COMPLETE)
    assert json.loads(event_.removeprefix("event: next\ndata: "))["errors"][0]["locations"] == [
        {"line": 1, "column": 3}
    ]


async def test_a_client_that_goes_ends_its_subscription(gateway: LiveGateway, world: World) -> None:
    async with posted(gateway, world.ada.token, LOG) as answer, aclosing(events_of(answer)) as events:
        found = [await anext(events) for _ in range(2)]
        await world.open_case()
        found.append(await anext(events))
    await gateway.emptied()

    opened = 'data: {"data":{"actions":{"action":{"type":"OPEN"}}}}'
    assert (found[0], found[2].splitlines()[1:]) == (":", ["event: next", opened])
