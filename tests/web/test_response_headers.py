"""What every answer comes in: its request's id, headers, what it depends on, and what becomes of a fault."""

import json
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from app.observability import logging
from app.web.middleware.fast_path import FastPath
from app.web.middleware.security_headers import SecurityHeaders
from tests.support.api import Api
from tests.support.world import World

APP = "https://app.example"
QUERY = "{ viewer { language } }"


@pytest.mark.parametrize("page", [None, APP, "https://evil.example"])
async def test_every_response_has_vary_origin_once(fresh_url: str, world: World, page: str | None) -> None:
    headers = {} if page is None else {"origin": page}
    async with Api.opened(fresh_url, cors_origins=(APP,)) as api:
        answers = [await api.client.get(path, headers=headers) for path in ("/live", "/nowhere", "/", "/graphql")]
        answers.append(await api.send(world.ada.token, QUERY, None, **headers))

    for answer in answers:
        said = [item.strip() for item in answer.headers["vary"].split(",")]
        assert said.count("Origin") == 1
        assert len(answer.headers.get_list("vary")) == 1
        assert ("access-control-allow-origin" in answer.headers) == (page == APP)


async def raising(_request: Request) -> Response:
    raise RuntimeError("secret")


async def raising_late(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    raise RuntimeError("secret")


def test_an_uncaught_exception_is_answered_by_its_request_id_alone(capsys: pytest.CaptureFixture[str]) -> None:
    logging.configure("info")
    client = TestClient(Starlette(routes=[Route("/", raising)], middleware=[Middleware(SecurityHeaders)]))

    answer = client.get("/", headers={"X-Request-ID": "odd"})

    assert answer.status_code == 500
    assert answer.json()["errors"][0]["extensions"] == {"code": "INTERNAL_ERROR", "requestId": "odd"}
    assert "secret" not in answer.text
    assert answer.headers["x-request-id"] == "odd"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert json.loads(capsys.readouterr().err)["request_id"] == "odd"


async def test_after_an_answer_has_begun_a_fault_is_logged_and_nothing_is_answered_to_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logging.configure("info")
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "headers": [(b"x-request-id", b"odd")], "scheme": "http", "path": "/"}
    await SecurityHeaders(raising_late)(scope, receive, send)

    assert [message["type"] for message in sent] == ["http.response.start"]
    assert json.loads(capsys.readouterr().err)["event"] == "fault"


async def test_a_policy_that_an_answer_has_of_its_own_is_kept(fresh_url: str) -> None:
    async with Api.opened(fresh_url, graphiql=True) as api:
        page = await api.client.get("/graphiql")

    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert len(page.headers.get_list("content-security-policy")) == 1


@pytest.mark.parametrize("root_path", ["", "/below", "/graphql"])
def test_an_address_that_is_led_past_the_router_is_found_where_the_app_is_mounted_too(root_path: str) -> None:
    async def respond(_request: Request) -> Response:
        return PlainTextResponse("found")

    route = Route("/graphql", respond)
    app = Starlette(routes=[route], middleware=[Middleware(FastPath, path="/graphql", to=route.app)])
    client = TestClient(app, root_path=root_path)

    assert [client.get(f"{root_path}{path}").status_code for path in ("/graphql", "/graphql/x")] == [200, 404]
    assert client.get(f"{root_path}/graphql/", follow_redirects=False).status_code == 307
    assert client.get(root_path or "/").status_code == 404
