"""Files in a form beside their operation: what is wrong with them is told with the rest, and nothing of it stays."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from app.db.engines import Database
from app.domain.model import Scope
from tests.support.api import Api
from tests.support.documents import TEXT, comment_with, document_rows, files_in, form_of, send_form
from tests.support.world import World, person_of


def codes(payload: dict[str, Any]) -> list[tuple[str, str]]:
    return [(error["code"], ".".join(error["path"])) for error in payload["errors"]]


async def test_too_large_files_are_reported_with_the_others(
    api: Api, world: World, database: Database, tmp_path: Path
) -> None:
    case = (await world.open_case()).case
    large = b"a" * (11 * 1024 * 1024)

    payload = await comment_with(
        api, world.ada.token, case.id, [("a.txt", TEXT), ("large.txt", large), ("b.html", TEXT), ("c/d", TEXT)], body=""
    )

    assert sorted(codes(payload)) == [
        ("DOCUMENT_TOO_LARGE", "input.documents.1"),
        ("DOCUMENT_TYPE_UNSUPPORTED", "input.documents.2"),
        ("INVALID_INPUT", "input.documents.3"),
        ("REQUIRED", "input.body"),
    ]
    assert (await document_rows(database), files_in(tmp_path)) == (0, [])


async def test_eleven_files_are_too_many_and_none_is_kept(
    api: Api, world: World, database: Database, tmp_path: Path
) -> None:
    case = (await world.open_case()).case

    payload = await comment_with(api, world.ada.token, case.id, [(f"{number}.txt", TEXT) for number in range(11)])

    assert codes(payload) == [("TOO_MANY_DOCUMENTS", "input.documents")]
    assert (await document_rows(database), files_in(tmp_path)) == (0, [])


async def test_a_form_that_is_far_too_long_is_not_read_to_its_end(
    api: Api, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.multipart.BODY_MAX", 300_000)
    operations = {"query": "mutation($d: [Upload!]) { __typename }", "variables": {"d": [None]}}

    answer = await send_form(
        api, world.ada.token, operations, {"0": ["variables.d.0"]}, [("0", ("a.txt", b"a" * 400_000))]
    )

    assert answer.status_code == 413
    assert answer.json()["errors"][0]["extensions"]["code"] == "DOCUMENT_TOO_LARGE"
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("scopes", [(Scope.CASES_READ,), (Scope.CASES_READ, Scope.CASES_WRITE)])
async def test_of_a_form_nothing_is_on_the_disk_without_the_scope(
    api: Api, world: World, database: Database, tmp_path: Path, scopes: tuple[Scope, ...]
) -> None:
    case = (await world.open_case()).case
    writer = await person_of(database, world.ada.id, *scopes)
    seen: list[Path] = []

    async def watched() -> AsyncIterator[bytes]:
        yield form_of(case.id, b"")[:-8]
        for _ in range(3):
            yield b"a" * 70_000
            await asyncio.sleep(0)
            seen.extend(files_in(tmp_path))
        yield b"\r\n--x--\r\n"

    headers = {"Authorization": f"Bearer {writer.token}", "Content-Type": "multipart/form-data; boundary=x"}
    answer = await api.client.post("/graphql", content=watched(), headers=headers)

    (error,) = answer.json()["data"]["addComment"]["errors"]
    assert error["code"] == "INSUFFICIENT_SCOPE"
    assert seen == []


def sha_256(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


async def test_digests_of_a_form_and_of_its_files_are_compared(api: Api, world: World) -> None:
    case = (await world.open_case()).case
    headers = {"Authorization": f"Bearer {world.ada.token}", "Content-Type": "multipart/form-data; boundary=x"}

    async def send(form: bytes, **more: str) -> Any:
        return (await api.client.post("/graphql", content=form, headers=headers | more)).json()

    right = form_of(case.id, TEXT, headers=f"Repr-Digest: {sha_256(TEXT)}\r\n")
    of_file = form_of(case.id, TEXT, headers=f"Repr-Digest: {sha_256(b'other')}\r\n")
    body = await send(right, **{"Content-Digest": sha_256(right)})
    file = await send(of_file)
    whole = await send(right, **{"Content-Digest": sha_256(TEXT)})

    assert body["data"]["addComment"]["errors"] == []
    (error,) = file["data"]["addComment"]["errors"]
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "documents", "0"])
    assert "another sha-256 digest" in error["message"]
    assert whole["errors"][0]["extensions"]["code"] == "INVALID_INPUT"
