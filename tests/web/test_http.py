"""Who may knock, and how: media types, origins, forms, headers of every answer, and how much goes on at once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.domain.errors import Overloaded
from app.web.concurrency import AdmittedOperation, ConcurrencyLimiter
from app.web.middleware.cors import WebSocketOrigins
from app.web.negotiation import JSON, RESPONSE_JSON, media_type
from tests.support.api import Api
from tests.support.world import World

NAME = "{ viewer { user { displayName } } }"
APP = "https://app.example"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (RESPONSE_JSON, RESPONSE_JSON),
        (f"{RESPONSE_JSON}, {JSON};q=0.9", RESPONSE_JSON),
        (f"{JSON}, {RESPONSE_JSON}", RESPONSE_JSON),
        (f"{RESPONSE_JSON};q=0.5, {JSON};q=0.6", JSON),
        (f"{RESPONSE_JSON};q=0, */*", JSON),
        (f"{JSON};q=0, */*", RESPONSE_JSON),
        (f"{JSON};q=0.1, */*;q=0.2", RESPONSE_JSON),
        ("APPLICATION/JSON ; Q=0.3", JSON),
        (f"{JSON}; charset=utf-8", JSON),
        (f"{JSON}; charset=utf-16", None),
        ("text/html", None),
        ("text/html, */*;q=0.1", JSON),
        (f"{JSON};q=0", None),
        ("*/*;q=0", None),
        (f"{JSON};q=nonsense", JSON),
        (";;;,,,", JSON),
        (f"{JSON};q=2", JSON),
    ],
)
def test_the_answer_is_of_the_media_type_that_is_wanted_most(accept: str | None, expected: str | None) -> None:
    assert media_type(accept) == expected


async def test_a_type_that_we_do_not_have_is_refused_with_one_that_every_client_reads(api: Api, world: World) -> None:
    answer = await api.send(world.ada.token, NAME, accept="text/html")

    assert answer.status_code == 406
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
async def test_an_unsupported_method_gets_the_allow_header(api: Api, method: str) -> None:
    answer = await api.client.request(method, "/graphql")

    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "br"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "text/plain"},
    ],
    ids=str,
)
async def test_no_other_encoding_and_nothing_that_a_form_can_send_is_read(
    api: Api, world: World, headers: dict[str, str]
) -> None:
    sent = {"Authorization": f"Bearer {world.ada.token}", "Content-Type": "application/json"} | headers

    answer = await api.client.post("/graphql", content=b'{"query": "{ __typename }"}', headers=sent)

    assert answer.status_code == 415


# --- Origins ---------------------------------------------------------------------------------------------------------


async def test_a_page_of_a_listed_origin_may_call_and_another_may_not(fresh_url: str, world: World) -> None:
    async with Api.opened(fresh_url, cors_origins=(APP,)) as api:

        async def preflight(origin: str) -> httpx2.Response:
            headers = {
                "Origin": origin,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "authorization, content-type",
            }
            return await api.client.options("/graphql", headers=headers)

        ours, theirs = await preflight(APP), await preflight("https://evil.example")
        called = await api.send(world.ada.token, NAME, origin=APP)
        other = await api.send(world.ada.token, NAME, origin="https://evil.example")

    assert (ours.status_code, ours.headers["access-control-allow-origin"]) == (200, APP)
    assert "access-control-allow-origin" not in theirs.headers
    assert called.headers["access-control-allow-origin"] == APP
    assert "Retry-After" in called.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in called.headers
    assert "access-control-allow-origin" not in other.headers


USUAL_HEADERS = [
    "apollographql-client-name, apollographql-client-version, authorization, content-type",
    "apollo-require-preflight, x-apollo-operation-name, x-apollo-operation-id",
    "traceparent, tracestate, baggage, sentry-trace, x-datadog-trace-id",
    "content-disposition, repr-digest, content-digest",
    "range, if-range, if-none-match",
    "prefer, x-graphql-cost, x-requested-with, idempotency-key",
]


@pytest.mark.parametrize("names", USUAL_HEADERS)
async def test_a_listed_page_may_send_what_usual_clients_send(fresh_url: str, names: str) -> None:
    requested = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": names}
    async with Api.opened(fresh_url, cors_origins=(APP,)) as api:
        ours = await api.client.options("/documents", headers={"Origin": APP, **requested})
        theirs = await api.client.options("/documents", headers={"Origin": "https://evil.example", **requested})

    assert (ours.status_code, ours.headers["access-control-allow-origin"]) == (200, APP)
    allowed = {name.strip().lower() for name in ours.headers["access-control-allow-headers"].split(",")}
    assert {name.strip() for name in names.split(",")} <= allowed
    assert "access-control-allow-credentials" not in ours.headers
    assert "access-control-allow-origin" not in theirs.headers


async def test_a_refused_preflight_is_a_success_that_lacks_what_the_console_then_names(fresh_url: str) -> None:
    async with Api.opened(fresh_url, cors_origins=(APP,)) as api:
        method = await api.client.options(
            "/graphql", headers={"Origin": APP, "Access-Control-Request-Method": "DELETE"}
        )
        origin = await api.client.options(
            "/graphql", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
        )

    assert (method.status_code, method.headers["access-control-allow-origin"]) == (200, APP)
    assert method.headers["access-control-allow-methods"] == "GET, HEAD, POST"
    assert (origin.status_code, "access-control-allow-origin" in origin.headers) == (200, False)


async def test_unless_one_is_listed_no_other_origin_may_call(api: Api, world: World) -> None:
    answer = await api.send(world.ada.token, NAME, origin=APP)

    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("origin", "is_welcome"),
    [(None, True), (APP, True), ("http://testserver", True), ("https://evil.example", False), ("null", False)],
)
def test_a_web_socket_is_opened_for_pages_of_ours_and_listed_ones_only(origin: str | None, is_welcome: bool) -> None:
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("welcome")
        await socket.close()

    app = Starlette(
        routes=[WebSocketRoute("/graphql", echo)], middleware=[Middleware(WebSocketOrigins, origins=(APP,))]
    )
    headers = {} if origin is None else {"Origin": origin}

    if is_welcome:
        with TestClient(app).websocket_connect("/graphql", headers=headers) as socket:
            assert socket.receive_text() == "welcome"
    else:
        with (
            pytest.raises(WebSocketDisconnect),
            TestClient(app).websocket_connect("/graphql", headers=headers),
        ):
            pass


# --- Every answer ----------------------------------------------------------------------------------------------------


async def test_every_answer_carries_the_headers_that_protect_a_browser(api: Api, world: World) -> None:
    answers = [
        await api.send(world.ada.token, NAME),
        await api.send(None, NAME),
        *[await api.client.get(path) for path in ("/live", "/ready", "/nowhere", "/metrics")],
        await api.client.put("/graphql"),
    ]

    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-request-id"]
        assert "server" not in answer.headers
        assert "strict-transport-security" not in answer.headers


async def test_behind_tls_responses_have_strict_transport_security(api: Api) -> None:
    answer = await api.client.get("https://test/live")

    assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


async def test_the_cost_is_reported_on_request(api: Api, world: World) -> None:
    query = "query($n: Int) { cases(first: $n) { nodes { id subject { label } } pageInfo { hasNextPage } } }"

    reported = await api.send(world.ada.token, query, {"n": 10}, x_graphql_cost="1")
    more = await api.send(world.ada.token, query, {"n": 100}, x_graphql_cost="1")
    unreported = await api.send(world.ada.token, query, {"n": 10})

    # cases, pageInfo, hasNextPage, and for each of the page nodes, id, subject, label
    assert reported.json()["extensions"] == {"cost": {"requested": 3 + 10 * 4, "limit": 75_000}}
    assert more.json()["extensions"]["cost"]["requested"] == 3 + 100 * 4
    assert "extensions" not in unreported.json()


async def test_names_are_guessed_at_in_development_only(fresh_url: str, world: World) -> None:
    reported = {}
    for introspection in (True, False):
        async with Api.opened(fresh_url, introspection=introspection) as api:
            answer = await api.send(world.ada.token, "{ viewr { language } }")
            wrong = await api.send(
                world.ada.token, "query($r: Role) { users(role: $r) { nodes { id } } }", {"r": "REVIEWR"}
            )
        reported[introspection] = answer.json()["errors"][0]["message"], "Did you mean" in wrong.text

    assert reported[True] == ("Cannot query field 'viewr' on type 'Query'. Did you mean 'viewer'?", True)
    assert reported[False] == ("Cannot query field 'viewr' on type 'Query'.", False)


# --- How much goes on at once ----------------------------------------------------------------------------------------


async def test_the_time_counts_during_which_anything_is_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("app.web.concurrency.monotonic", lambda: now[0])
    gate = ConcurrencyLimiter(10)
    one, other = (AdmittedOperation(uuid4(), uuid4(), writes=True) for _ in range(2))

    now[0] += 5
    await gate.enter(one)
    now[0] += 1
    await gate.enter(other)
    now[0] += 2
    assert gate.busy_s() == 3
    gate.leave(one)
    now[0] += 4
    gate.leave(other)
    now[0] += 8
    assert (gate.busy_s(), gate.idle_s()) == (7, 8)
    await gate.enter(one)
    now[0] += 16
    assert (gate.busy_s(), gate.idle_s()) == (23, 0)


async def test_a_request_over_the_queue_s_bound_is_refused_at_once() -> None:
    gate, (one, two, token) = ConcurrencyLimiter(2, patience=60), ids()[:3]
    inside = [AdmittedOperation(one, token, writes=False), AdmittedOperation(two, two, writes=True)]

    for entrant in inside:
        await gate.enter(entrant)
    assert gate.inside == 2
    gate.look()
    strangers = [AdmittedOperation(uuid4(), uuid4(), writes=True) for _ in range(8)]
    waiting = [asyncio.create_task(gate.enter(stranger)) for stranger in strangers]
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await gate.enter(AdmittedOperation(uuid4(), uuid4(), writes=True))
    with pytest.raises(Overloaded):
        gate.look()
    for entrant in (*inside, *strangers):
        gate.leave(entrant)
        await asyncio.sleep(0)
    await asyncio.gather(*waiting)
    assert gate.inside == 0


def ids() -> list[UUID]:
    return [uuid4() for _ in range(60)]


async def test_no_token_no_account_and_no_reading_takes_all_the_room() -> None:
    account, other, *tokens = ids()

    for capacity in (10, 50):
        assert (
            await entered(ConcurrencyLimiter(capacity, 0), [(account, tokens[0])] * capacity, writes=False)
            == capacity * 7 // 10
        )
        assert (
            await entered(ConcurrencyLimiter(capacity, 0), [(account, tokens[0])] * capacity, writes=True)
            == capacity * 8 // 10
        )
        each_another = [(account, token) for token in tokens[:capacity]]
        assert await entered(ConcurrencyLimiter(capacity, 0), each_another, writes=False) == capacity * 8 // 10
        assert await entered(ConcurrencyLimiter(capacity, 0), each_another, writes=True) == capacity * 9 // 10
        strangers = list(zip(ids(), ids(), strict=True))[:capacity]
        assert await entered(ConcurrencyLimiter(capacity, 0), strangers, writes=False) == capacity * 9 // 10
        assert await entered(ConcurrencyLimiter(capacity, 0), strangers, writes=True) == capacity

    gate = ConcurrencyLimiter(10, patience=0)
    inside = [AdmittedOperation(account, token, writes=False) for token in tokens[:8]] + [
        AdmittedOperation(other, other, writes=True)
    ]
    for entrant in inside:
        await gate.enter(entrant)
    for entrant in inside:
        gate.leave(entrant)
    assert await entered(gate, [(account, tokens[0])] * 10, writes=False) == 7  # all of it was given back


async def entered(gate: ConcurrencyLimiter, who: list[tuple[UUID, UUID]], *, writes: bool) -> int:
    """Return how many of these are let in together."""
    inside = []
    for account_id, token_id in who:
        entrant = AdmittedOperation(account_id, token_id, writes)
        try:
            await gate.enter(entrant)
        except Overloaded:
            break
        inside.append(entrant)
    for entrant in inside:
        gate.leave(entrant)
    return len(inside)


async def test_a_token_at_its_share_waits_and_does_not_block_others() -> None:
    gate, (account, token, stranger) = ConcurrencyLimiter(10, patience=60), ids()[:3]
    served: list[str] = []

    async def hold(name: str, account_id: UUID, token_id: UUID, *, writes: bool) -> None:
        entrant = AdmittedOperation(account_id, token_id, writes)
        await gate.enter(entrant)
        served.append(name)
        await asyncio.sleep(0.01)
        gate.leave(entrant)

    reads = [hold(f"read {number}", account, token, writes=False) for number in range(15)]
    others = [hold("stranger", stranger, stranger, writes=False), hold("write", account, token, writes=True)]
    await asyncio.gather(*reads, *others)

    assert served == [
        *(f"read {number}" for number in range(7)),
        "stranger",
        "write",
        *(f"read {number}" for number in range(7, 15)),
    ]
    assert gate.inside == 0


async def test_a_request_that_waits_too_long_or_in_too_long_a_queue_gets_retry_after() -> None:
    gate, (account, token) = ConcurrencyLimiter(5, patience=0.05), ids()[:2]
    entrant = AdmittedOperation(account, token, writes=True)
    for _ in range(4):
        await gate.enter(entrant)

    waiting = await asyncio.gather(*(gate.enter(entrant) for _ in range(20)), return_exceptions=True)
    gate.leave(entrant)
    await asyncio.wait_for(gate.enter(entrant), 5)

    assert [type(outcome) for outcome in waiting] == [Overloaded] * 20
    assert gate.inside == 4


async def test_who_goes_away_while_they_wait_takes_no_place_along() -> None:
    gate, (account, token) = ConcurrencyLimiter(1, patience=60), ids()[:2]
    entrant = AdmittedOperation(account, token, writes=True)
    await gate.enter(entrant)
    waiting = [asyncio.create_task(gate.enter(entrant))]
    await asyncio.sleep(0)

    gate.leave(entrant)  # it comes to who waits, in the same turn in which they go away
    waiting[0].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert gate.inside == 0


async def test_one_client_may_send_many_requests_at_once_to_a_server_that_has_nothing_else_to_do(
    api: Api, world: World
) -> None:
    case_id = str((await world.open_case()).case.id)
    add = "mutation($input: AddCommentInput!) { addComment(input: $input) { action { hash } errors { code } } }"
    input = {"caseId": case_id, "body": "Once.", "idempotencyKey": "once"}

    answers = await asyncio.gather(
        *(api.send(world.ada.token, add, {"input": input}) for _ in range(60)),
        *(api.send(world.carl.token, "{ cases { nodes { id } } }") for _ in range(8)),
    )
    reads = await asyncio.gather(*(api.send(world.ada.token, "{ cases { nodes { id } } }") for _ in range(60)))

    assert {answer.status_code for answer in (*answers, *reads)} == {200}
    assert len({answer.text for answer in answers[:60]}) == 1


async def test_more_operations_than_there_is_room_for_are_answered_with_503(fresh_url: str, world: World) -> None:
    async with Api.opened(fresh_url, max_concurrency=2) as api:
        listed = "{ cases { nodes { id } } }"
        answers = await asyncio.gather(*(api.send(world.ada.token, listed) for _ in range(20)))

    refused = [answer for answer in answers if answer.status_code != 200]
    assert 0 < len(refused) < 20
    assert {answer.status_code for answer in refused} == {503}
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert {answer.json()["errors"][0]["extensions"]["code"] for answer in refused} == {"OVERLOADED"}


async def test_a_body_that_does_not_come_is_not_waited_for_and_takes_no_place(fresh_url: str, world: World) -> None:
    async def dribble() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" "
            await asyncio.sleep(0.05)

    async with Api.opened(fresh_url, receive_timeout=0.5, max_concurrency=1) as api:
        headers = {"Authorization": f"Bearer {world.ada.token}", "Content-Type": "application/json"}
        slow = asyncio.create_task(stream(api, dribble(), headers))
        await asyncio.sleep(0.2)
        other = await api.send(world.ada.token, NAME)
        status = await slow

    assert (other.status_code, status) == (200, 408)


async def test_a_body_that_comes_in_pieces_is_read_as_a_whole(api: Api, world: World) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b'{"query": "', b"{ viewer ", b"{ language } }", b'"}'):
            yield piece
            await asyncio.sleep(0.01)

    headers = {"Authorization": f"Bearer {world.ada.token}", "Content-Type": "application/json"}

    assert await stream(api, pieces(), headers) == 200


async def test_an_aborted_body_leaves_no_task_waiting(api: Api, world: World) -> None:
    ends = []

    async def never() -> AsyncIterator[bytes]:
        try:
            await asyncio.Event().wait()
            yield b""
        finally:
            ends.append("left")

    headers = {"Authorization": f"Bearer {world.ada.token}", "Content-Type": "application/json"}
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(stream(api, never(), headers), 0.3)

    assert ends == ["left"]


async def stream(api: Api, body: AsyncIterator[bytes], headers: dict[str, str]) -> int:
    """Send a body piece by piece, straight to the app: the client's own transport would collect it first."""
    app: Any = api.client._transport.app  # type: ignore[attr-defined]  # as the transport keeps it
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        piece = await anext(body, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("test", 80),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
    }
    await app(scope, receive, send)
    status: int = sent[0]["status"]
    return status
