"""Compressed answers: for whom, of what, how they say so, and that they are what is sent to others."""

import gzip
import json
from collections.abc import AsyncIterator, Callable
from uuid import UUID

import httpx2
import pytest
from backports import zstd
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Scope, Send

from app import clock
from app.documents.links import Links
from app.web.content_coding import PreferredCoding, wanted
from app.web.middleware.compression import SMALL_BYTES, Compression
from tests.support.api import Api
from tests.support.world import World


@pytest.fixture
async def api(fresh_url: str) -> AsyncIterator[Api]:
    """The gateway's app, which answers introspection: that is long."""
    async with Api.opened(fresh_url, introspection=True) as opened:
        yield opened


BOTH = ("zstd", "gzip")
SMALL = "{ viewer { language } }"
TYPES = "{ __schema { types { name description fields { name description } } } }"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, None),
        ("", PreferredCoding(None)),
        ("gzip", PreferredCoding("gzip")),
        ("x-gzip", PreferredCoding("gzip")),
        ("GZIP", PreferredCoding("gzip")),
        ("gzip, deflate, br, zstd", PreferredCoding("zstd")),
        ("zstd;q=0.5, gzip;q=0.8", PreferredCoding("gzip")),
        ("zstd;q=0, gzip", PreferredCoding("gzip")),
        ("gzip;q=0", PreferredCoding(None)),
        ("gzip;q=0.000", PreferredCoding(None)),
        ("br, deflate", PreferredCoding(None)),
        ("identity", PreferredCoding(None)),
        ("gzip;q=0.5, identity;q=0.8", PreferredCoding(None)),
        ("gzip;q=0.5, identity;q=0.2", PreferredCoding("gzip")),
        ("*", PreferredCoding("gzip")),
        ("*;q=0.1", PreferredCoding("gzip")),
        ("*;q=0", PreferredCoding(None, demanded=True)),
        ("gzip;q=0, *", PreferredCoding("zstd")),
        ("identity;q=0", PreferredCoding(None, demanded=True)),
        ("identity;q=0, gzip", PreferredCoding("gzip", demanded=True)),
        ("*;q=0, zstd;q=0.3", PreferredCoding("zstd", demanded=True)),
        ("gzip ; q=0.5 , zstd ;q=0.4", PreferredCoding("gzip")),
        ("gzip;q=2, zstd;q=x, br;q=nan", PreferredCoding(None)),
        (";;,,=,", PreferredCoding(None)),
        ("gzip;q=-1", PreferredCoding(None)),
        ("a, " * 1000 + "gzip", PreferredCoding(None)),
    ],
)
def test_the_coding_is_the_one_that_is_wanted_most(accept: str | None, expected: PreferredCoding | None) -> None:
    headers = [] if accept is None else [(b"accept-encoding", accept.encode())]

    assert wanted({"headers": headers}, BOTH) == expected


def test_several_fields_are_one_list() -> None:
    headers = [(b"accept-encoding", b"zstd;q=0.1"), (b"accept-encoding", b"gzip")]

    assert wanted({"headers": headers}, BOTH) == PreferredCoding("gzip")


# --- Operations ------------------------------------------------------------------------------------------------------

DECODED: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.decompress, "zstd": zstd.decompress}


async def raw(
    api: Api, token: str, query: str, accept: str | None, method: str = "POST"
) -> tuple[httpx2.Headers, bytes]:
    """Return an answer's head, and its body as it is sent."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Accept-Encoding": accept or ""}
    request = api.client.build_request(method, "/graphql", headers=headers, content=json.dumps({"query": query}))
    if method != "POST":
        request = api.client.build_request(method, "/graphql", headers=headers, params={"query": query})
    if accept is None:
        del request.headers["accept-encoding"]
    answer = await api.client.send(request, stream=True)
    body = b"".join([piece async for piece in answer.aiter_raw()])
    await answer.aclose()
    return answer.headers, body


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_a_large_answer_is_compressed_for_who_takes_it_and_is_the_same(
    api: Api, world: World, coding: str
) -> None:
    plain_headers, plain = await raw(api, world.ada.token, TYPES, None)
    headers, body = await raw(api, world.ada.token, TYPES, coding)

    assert "content-encoding" not in plain_headers
    assert (headers["content-encoding"], headers["content-length"]) == (coding, str(len(body)))
    assert DECODED[coding](body) == plain
    assert len(body) < len(plain) / 3
    for each in (plain_headers, headers):
        assert each["vary"] == "Accept, Accept-Encoding, Accept-Language, Authorization, Origin"
        assert each["x-request-id"]


async def test_a_small_answer_stays_as_it_is_unless_the_client_takes_no_other(api: Api, world: World) -> None:
    usual, _ = await raw(api, world.ada.token, SMALL, "gzip")
    demanded, body = await raw(api, world.ada.token, SMALL, "gzip, identity;q=0")
    impossible, plain = await raw(api, world.ada.token, SMALL, "br, identity;q=0")

    assert "content-encoding" not in usual
    assert json.loads(gzip.decompress(body)) == json.loads(plain) == {"data": {"viewer": {"language": "EN"}}}
    assert demanded["content-encoding"] == "gzip"
    assert "content-encoding" not in impossible


async def test_how_large_is_a_setting_and_nought_is_never(fresh_url: str, world: World) -> None:
    found = {}
    for least in (0, 1, 10_000_000):
        async with Api.opened(fresh_url, compress_min_bytes=least) as api:
            headers, _ = await raw(api, world.ada.token, SMALL, "gzip")
            found[least] = headers.get("content-encoding")

    assert found == {0: None, 1: "gzip", 10_000_000: None}


async def test_a_head_says_what_a_get_says(api: Api, world: World) -> None:
    get, head = [(await raw(api, world.ada.token, TYPES, "gzip", method))[0] for method in ("GET", "HEAD")]

    varying = {"date", "x-request-id"}
    assert {name: value for name, value in get.items() if name not in varying} == {
        name: value for name, value in head.items() if name not in varying
    }
    assert get["content-encoding"] == "gzip"


async def test_a_refusal_can_be_compressed_too(api: Api) -> None:
    headers, body = await raw(api, "wrong", SMALL, "gzip, identity;q=0")

    assert headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(body))["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_document_is_sent_as_it_is_stored(api: Api, world: World) -> None:
    headers = {"Authorization": f"Bearer {world.ada.token}", "Accept-Encoding": "gzip"}
    content = b"word " * 2_000
    uploaded = await api.client.post("/documents?filename=a.txt", content=content, headers=headers)
    id = UUID(uploaded.json()["id"])

    url = await Links(world.database).url("http://test", id, world.ada.actor.token_id, clock.now())
    answer = await api.client.get(url, headers={"Accept-Encoding": "gzip"})

    assert (answer.status_code, answer.content) == (200, content)
    assert "content-encoding" not in answer.headers and answer.headers["etag"].startswith('"')


# --- What is not for it ----------------------------------------------------------------------------------------------


def app_of(answer: Response) -> ASGIApp:
    compression = Compression(answer, min_bytes=100)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await compression(scope, receive, send)

    return app


TEXT = "word " * 1_000


@pytest.mark.parametrize(
    "answer",
    [
        Response(TEXT, media_type="application/pdf"),
        Response(TEXT, media_type="text/html"),
        Response(TEXT),
        PlainTextResponse(TEXT, headers={"Content-Encoding": "br"}),
        PlainTextResponse(TEXT, headers={"Cache-Control": "no-store, no-transform"}),
        PlainTextResponse(TEXT[:99]),
        StreamingResponse(iter([TEXT, TEXT]), media_type="text/plain"),
        Response(status_code=304, media_type="text/plain"),
        Response(status_code=204),
    ],
    ids=["a file", "a page", "of no type", "encoded", "not to be changed", "small", "in pieces", "304", "204"],
)
def test_what_may_not_be_compressed_stays_as_it_is(answer: Response) -> None:
    sent = TestClient(app_of(answer)).get("/", headers={"Accept-Encoding": "gzip"})

    assert ("content-encoding" in sent.headers) == ("content-encoding" in answer.headers)


@pytest.mark.parametrize("size", [100, SMALL_BYTES, SMALL_BYTES + 1, 5_000_000])
def test_answers_of_any_size_come_whole(size: int) -> None:
    answer = PlainTextResponse("x" * size, headers={"Vary": "Accept"})

    sent = TestClient(app_of(answer)).get("/", headers={"Accept-Encoding": "gzip"})

    assert (len(sent.text), sent.headers["content-encoding"]) == (size, "gzip")
    assert sent.headers["vary"] == "Accept-Encoding, Accept"
