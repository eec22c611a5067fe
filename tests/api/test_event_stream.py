"""graphql-sse, a connection for each operation: what is answered as events, and what is answered as ever."""

import hashlib
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.support.api import Api
from tests.support.world import World

NAME = "{ viewer { user { displayName } } }"
EVENTS = "text/event-stream"
JSON = "application/json"


@pytest.fixture
async def api(fresh_url: str, world: World) -> Any:
    async with Api.opened(fresh_url) as opened:
        yield opened


async def ask(api: Api, token: str | None, query: str | None, accept: str = EVENTS, **payload: Any) -> httpx2.Response:
    headers = {"Accept": accept} | ({} if token is None else {"Authorization": f"Bearer {token}"})
    return await api.client.post("/graphql", json={"query": query, **payload}, headers=headers)


def events(answer: httpx2.Response) -> list[tuple[str, Any]]:
    """Return the events' names and data; comments are passed over."""
    found = []
    for block in answer.text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"]) if fields["data"] else None))
    return found


async def test_a_query_is_answered_by_next_and_complete(api: Api, world: World) -> None:
    answer = await ask(api, world.ada.token, NAME)

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
    assert answer.text.startswith(":\n\n")
    assert answer.text.endswith("event: complete\ndata: \n\n")
    data = {"viewer": {"user": {"displayName": "Ada"}}}
    assert events(answer) == [("next", {"data": data}), ("complete", None)]


@pytest.mark.parametrize("accept", [EVENTS, "TEXT/Event-Stream", f"{EVENTS}, {JSON};q=0", f"{EVENTS};q=0.5"])
async def test_who_takes_events_alone_gets_events(api: Api, world: World, accept: str) -> None:
    answer = await ask(api, world.ada.token, NAME, accept)

    assert answer.headers["content-type"].startswith(EVENTS)


@pytest.mark.parametrize("accept", ["*/*", JSON, f"{JSON}, {EVENTS}", f"{EVENTS}, */*;q=0.1", f"{EVENTS};q=0, */*"])
async def test_who_takes_json_too_gets_a_query_s_answer_as_json(api: Api, world: World, accept: str) -> None:
    answer = await ask(api, world.ada.token, NAME, accept)

    assert answer.headers["content-type"].startswith(JSON)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("is_trusted", [True, False])
async def test_who_takes_json_too_gets_json_for_a_query_that_is_named(
    fresh_url: str, world: World, tmp_path: Path, method: str, is_trusted: bool
) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"name": NAME}))
    headers = {"Accept": f"{JSON}, {EVENTS}, multipart/mixed", "Authorization": f"Bearer {world.ada.token}"}
    hashed = {"persistedQuery": {"version": 1, "sha256Hash": hashlib.sha256(NAME.encode()).hexdigest()}}
    settings: dict[str, Any] = {"trusted_documents": manifest} if is_trusted else {"persisted_queries": 5}
    async with Api.opened(fresh_url, **settings) as api:
        if not is_trusted:
            await ask(api, world.ada.token, NAME, f"{JSON}, {EVENTS}", extensions=hashed)
        named: dict[str, Any] = {"documentId": "name"} if is_trusted else {"extensions": hashed}
        if method == "GET":
            params = {name: value if isinstance(value, str) else json.dumps(value) for name, value in named.items()}
            answer = await api.client.get("/graphql", params=params, headers=headers)
        else:
            answer = await api.client.post("/graphql", json=named, headers=headers)

    assert answer.headers["content-type"].startswith(JSON)
    assert answer.json() == {"data": {"viewer": {"user": {"displayName": "Ada"}}}}


@pytest.mark.parametrize("accept", [f"{JSON}, {EVENTS}", f"{EVENTS}, {JSON};q=0.9, multipart/mixed"])
async def test_who_takes_both_gets_events_for_a_subscription(api: Api, world: World, accept: str) -> None:
    answer = await ask(api, world.ada.token, "subscription { nothing }", accept)

    assert answer.headers["content-type"].startswith(EVENTS)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ nothing }", "GRAPHQL_INVALID"),
        ("{ viewer", "GRAPHQL_INVALID"),
        ("fragment F on Query { __typename }", "BAD_USER_INPUT"),
        ("subscription { nothing }", "GRAPHQL_INVALID"),
    ],
)
async def test_what_is_no_valid_operation_is_reported_in_an_event(
    api: Api, world: World, query: str, code: str
) -> None:
    answer = await ask(api, world.ada.token, query)

    (name, data), last = events(answer)
    assert (answer.status_code, name, last) == (200, "next", ("complete", None))
    assert [error["extensions"]["code"] for error in data["errors"]] == [code]
    assert "data" not in data


async def test_a_persisted_query_that_is_not_known_is_reported_in_an_event(api: Api, world: World) -> None:
    extensions = {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}
    answer = await ask(api, world.ada.token, None, extensions=extensions)

    assert events(answer)[0][1]["errors"][0]["extensions"]["code"] == "PERSISTED_QUERY_NOT_SUPPORTED"


@pytest.mark.parametrize("token", [None, "cgt_no"])
async def test_a_refused_token_is_a_status(api: Api, token: str | None) -> None:
    answer = await ask(api, token, NAME)

    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/json; charset=utf-8")


async def test_a_request_without_a_query_is_a_status(api: Api, world: World) -> None:
    assert (await ask(api, world.ada.token, None)).status_code == 400


async def test_a_mutation_is_done_and_answered_by_events(api: Api, world: World) -> None:
    case_id = str((await world.open_case()).case.id)
    document = "mutation($i: AddCommentInput!) { addComment(input: $i) { action { seq } errors { code } } }"
    answer = await ask(api, world.ada.token, document, variables={"i": {"caseId": case_id, "body": "Called."}})

    data = {"addComment": {"action": {"seq": 2}, "errors": []}}
    assert events(answer) == [("next", {"data": data}), ("complete", None)]


async def test_a_get_takes_trusted_documents_alone(api: Api, world: World) -> None:
    headers = {"Accept": EVENTS, "Authorization": f"Bearer {world.ada.token}"}
    answer = await api.client.get("/graphql", params={"query": NAME}, headers=headers)

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


async def test_a_page_can_not_have_events_without_a_json_request(api: Api, world: World) -> None:
    headers = {"Accept": EVENTS, "Authorization": f"Bearer {world.ada.token}", "Content-Type": "text/plain"}
    answer = await api.client.post("/graphql", content=b'{"query": "{ __typename }"}', headers=headers)

    assert answer.status_code == 415


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_trusted_document_is_named_by_its_id(fresh_url: str, world: World, tmp_path: Any, method: str) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"name": NAME}))
    headers = {"Accept": EVENTS, "Authorization": f"Bearer {world.ada.token}"}
    async with Api.opened(fresh_url, trusted_documents=manifest, trusted_documents_mode="only") as api:
        if method == "GET":
            answer = await api.client.get("/graphql", params={"documentId": "name"}, headers=headers)
        else:
            answer = await api.client.post("/graphql", json={"documentId": "name"}, headers=headers)

    assert events(answer)[0] == ("next", {"data": {"viewer": {"user": {"displayName": "Ada"}}}})
