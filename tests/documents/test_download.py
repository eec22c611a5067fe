"""Downloading: the same bytes for whom a link was made, in parts too, and one answer for every link that is no good."""

import base64
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from app import clock
from app.admin import accounts
from app.db import tables
from app.db.engines import Database
from app.demo import documents
from app.documents.download import byte_range
from app.documents.links import LIFETIME, Links
from app.domain.model import Scope
from tests.support.api import Api
from tests.support.documents import comment_with, uploaded
from tests.support.world import World, make_world, person_of

CONTENT = documents.pdf("A bank certificate")
URLS = "query($id: ID!) { case(id: $id) { documents { nodes { url } } } }"


async def link(api: Api, world: World, token: str | None = None, filename: str = "été.pdf") -> str:
    """Attach a document, and return its link for Rosa, or for whoever has *token*."""
    case = (await world.open_case()).case
    await comment_with(api, world.ada.token, case.id, [(filename, CONTENT)])
    data = await api.run(token or world.rosa.token, URLS, {"id": str(case.id)})
    url: str = data["case"]["documents"]["nodes"][0]["url"]
    return url


async def test_the_bytes_come_back_with_headers_that_keep_them_harmless(api: Api, world: World) -> None:
    answer = await api.client.get(await link(api, world))

    assert answer.content == CONTENT
    assert {name: answer.headers[name] for name in ("content-type", "content-length", "content-disposition")} == {
        "content-type": "application/pdf",
        "content-length": str(len(CONTENT)),
        "content-disposition": "attachment; filename=\"_t_.pdf\"; filename*=UTF-8''%C3%A9t%C3%A9.pdf",
    }
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["cache-control"].startswith("private")
    assert answer.headers["accept-ranges"] == "bytes"


async def test_head_answers_as_get_without_the_bytes(api: Api, world: World) -> None:
    url = await link(api, world)

    got, head = await api.client.get(url), await api.client.head(url)

    assert (head.status_code, head.content) == (200, b"")
    ignored = {"x-request-id"}
    assert {n: v for n, v in head.headers.items() if n not in ignored} == {
        n: v for n, v in got.headers.items() if n not in ignored
    }


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=5-", (5, len(CONTENT))),
        ("bytes=-7", (len(CONTENT) - 7, len(CONTENT))),
        ("bytes=3-999999", (3, len(CONTENT))),
        ("bytes=-999999", (0, len(CONTENT))),
    ],
)
async def test_a_range_can_be_requested(api: Api, world: World, part: str, expected: tuple[int, int]) -> None:
    answer = await api.client.get(await link(api, world), headers={"Range": part})

    start, end = expected
    assert (answer.status_code, answer.content) == (206, CONTENT[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(CONTENT)}"


@pytest.mark.parametrize("part", ["bytes=0-1,4-5", "lines=1-2", "bytes=a-b", "bytes=5-2", "bytes=-", "bytes"])
async def test_a_range_that_is_not_understood_is_ignored(api: Api, world: World, part: str) -> None:
    answer = await api.client.get(await link(api, world), headers={"Range": part})

    assert (answer.status_code, answer.content) == (200, CONTENT)


@pytest.mark.parametrize("part", ["bytes=99999-", "bytes=-0"])
async def test_a_range_outside_the_file_is_refused(api: Api, world: World, part: str) -> None:
    answer = await api.client.get(await link(api, world), headers={"Range": part})

    assert (answer.status_code, answer.content) == (416, b"")
    assert answer.headers["content-range"] == f"bytes */{len(CONTENT)}"


@given(st.integers(0, 40), st.integers(0, 40), st.integers(1, 30))
def test_a_range_lies_in_the_file_or_asks_for_nothing(first: int, last: int, size: int) -> None:
    for header in (f"bytes={first}-{last}", f"bytes={first}-", f"bytes=-{last}"):
        found = byte_range(header, size)
        assert found is None or found[0] >= found[1] or 0 <= found[0] < found[1] <= size


async def test_a_file_that_is_known_is_not_sent_again(api: Api, world: World) -> None:
    url = await link(api, world)
    etag = (await api.client.get(url)).headers["etag"]

    for known in (etag, f'"x", W/{etag}', "*"):
        answer = await api.client.get(url, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    part = await api.client.get(url, headers={"Range": "bytes=0-3", "If-Range": etag})
    whole = await api.client.get(url, headers={"Range": "bytes=0-3", "If-Range": '"x"'})
    assert (part.status_code, whole.status_code) == (206, 200)


async def test_the_uploader_may_look_at_a_document_before_it_is_attached(
    api: Api, world: World, database: Database
) -> None:
    document_id = UUID(await uploaded(api, world.ada.token, CONTENT, "a.pdf"))
    links = Links(database)

    own = await links.url("", document_id, world.ada.identity.actor.token_id, clock.now())
    others = await links.url("", document_id, world.carl.identity.actor.token_id, clock.now())

    assert (await api.client.get(own)).content == CONTENT
    assert (await api.client.get(others)).status_code == 404


def altered(url: str) -> str:
    head, grant = url.split("grant=")
    raw = bytearray(base64.urlsafe_b64decode(grant + "=" * (-len(grant) % 4)))
    raw[18] ^= 1  # a bit of the expiry
    return f"{head}grant={base64.urlsafe_b64encode(bytes(raw)).decode().rstrip('=')}"


async def test_every_link_that_is_no_good_answers_alike(api: Api, world: World, database: Database) -> None:
    url, other = await link(api, world), await link(api, world)
    elsewhere = await make_world(database)
    links = Links(database)
    document_id = UUID(url.partition("?")[0].rpartition("/")[2])
    token_id = world.rosa.identity.actor.token_id
    reader = await person_of(database, world.rosa.id, Scope.CASES_READ)
    no_good = {
        "altered": altered(url),
        "cut": url[:-4],
        "no grant": url.partition("?")[0],
        "not base64": url.partition("=")[0] + "=%F0%9F%98%80",
        "another document's": other.partition("?")[0] + "?" + url.partition("?")[2],
        "no id": url.replace(str(document_id), "x"),
        "expired": await links.url("", document_id, token_id, clock.now() - LIFETIME - timedelta(seconds=1)),
        "of nothing": await links.url("", uuid4(), token_id, clock.now()),
        "another account's": await links.url("", document_id, elsewhere.ada.identity.actor.token_id, clock.now()),
        "without the scope": await links.url("", document_id, reader.identity.actor.token_id, clock.now()),
        "of no token": await links.url("", document_id, uuid4(), clock.now()),
    }

    answers = {what: await api.client.get(found) for what, found in no_good.items()}

    def reported(answer: Any) -> tuple[int, bytes, dict[str, str]]:
        headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
        return answer.status_code, answer.content, headers

    assert (await api.client.get(url)).status_code == 200
    assert answers["altered"].status_code == 404
    for what, answer in answers.items():
        assert reported(answer) == reported(answers["altered"]), what


@pytest.mark.parametrize("what", ["token", "person", "scope", "feature"])
async def test_a_link_stops_working_with_the_rights_behind_it(
    api: Api, world: World, database: Database, what: str
) -> None:
    url = await link(api, world)
    assert (await api.client.get(url)).status_code == 200
    actor = world.rosa.identity.actor
    changes = {
        "person": update(tables.users).values(active=False),
        "scope": update(tables.api_tokens).values(scopes="cases_read"),
        "feature": update(tables.accounts).values(cases_enabled=False),
    }

    if what == "token":
        await accounts.revoke_token(database, actor.token_id)
    else:
        async with database.write() as connection:
            await connection.execute(changes[what])

    assert (await api.client.get(url)).status_code == 404


async def test_a_link_needs_the_scope_for_documents_when_it_is_made(api: Api, world: World, database: Database) -> None:
    reader = await person_of(database, world.rosa.id, Scope.CASES_READ)
    case = (await world.open_case()).case
    await comment_with(api, world.ada.token, case.id, [("a.pdf", CONTENT)])

    body = (await api.send(reader.token, URLS.replace("url", "filename url"), {"id": str(case.id)})).json()

    assert body["data"]["case"]["documents"]["nodes"] == [{"filename": "a.pdf", "url": None}]
    assert [error["extensions"]["code"] for error in body["errors"]] == ["INSUFFICIENT_SCOPE"]


async def test_links_lead_where_the_gateway_is_reached(
    fresh_url: str, database: Database, world: World, tmp_path: Any
) -> None:
    async with Api.opened(fresh_url, data_dir=tmp_path, public_url="https://cases.example.com/gate/") as api:
        assert (await link(api, world)).startswith("https://cases.example.com/gate/documents/")
    async with Api.opened(fresh_url, data_dir=tmp_path) as api:
        assert (await link(api, world)).startswith("http://test/documents/")


async def test_a_blob_that_is_gone_is_a_fault_and_says_no_more(api: Api, world: World, tmp_path: Any) -> None:
    url = await link(api, world)
    files = [path for path in (tmp_path / "documents" / "blobs").rglob("*") if path.is_file()]
    (blob,) = (path for path in files if path.name != "owner")
    blob.unlink()

    answer = await api.client.get(url)

    assert answer.status_code == 500
    assert answer.json()["errors"][0]["requestId"] == answer.headers["x-request-id"]
    assert blob.name not in answer.text.replace(url, "")
