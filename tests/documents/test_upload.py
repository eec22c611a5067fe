"""Uploading over HTTP: what comes back, what is refused and how, and that nothing of a refused file stays."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text, update

from app import clock
from app.db import tables
from app.db.engines import Database
from app.demo import documents
from app.documents.receive import SIZE_MAX
from app.documents.upload import UNATTACHED_MAX
from app.domain.model import Scope
from tests.support.api import Api
from tests.support.documents import TEXT, document_rows, files_in, refusal, upload, uploaded
from tests.support.triggers import triggers_aside
from tests.support.world import World, person_of


async def test_a_raw_body_becomes_a_document(api: Api, world: World, database: Database, tmp_path: Path) -> None:
    content = documents.pdf("Hello")

    answer = await upload(api, world.ada.token, content, "été.pdf")

    assert answer.status_code == 201
    shown = answer.json()
    assert shown == {
        "id": shown["id"],
        "filename": "été.pdf",
        "contentType": "application/pdf",
        "sizeBytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "warnings": [],
    }
    (blob,) = files_in(tmp_path)
    assert (blob.name, blob.read_bytes()) == (shown["id"], content)
    assert await document_rows(database) == 1


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('attachment; filename="a b.txt"', "a b.txt"),
        ("attachment; filename*=UTF-8''%C3%A9t%C3%A9.txt", "été.txt"),
        ("inline", "document.txt"),
        (None, "document.txt"),
    ],
)
async def test_the_name_comes_from_content_disposition(
    api: Api, world: World, header: str | None, expected: str
) -> None:
    headers = {"Authorization": f"Bearer {world.ada.token}"} | ({"Content-Disposition": header} if header else {})

    answer = await api.client.post("/documents", content=TEXT, headers=headers)

    assert answer.json()["filename"] == expected


async def test_a_form_brings_one_file(api: Api, world: World) -> None:
    headers = {"Authorization": f"Bearer {world.ada.token}"}

    answer = await api.client.post(
        "/documents", data={"note": "hello"}, files={"anything": ("reçu.txt", TEXT)}, headers=headers
    )

    assert (answer.status_code, answer.json()["filename"], answer.json()["sizeBytes"]) == (201, "reçu.txt", len(TEXT))


@pytest.mark.parametrize(
    ("disposition", "expected"),
    [
        ("filename=\"=?utf-8?B?UmVsZXbDqQ==?=\"; filename*=utf-8''Relev%C3%A9.txt", "Relevé.txt"),
        ("filename*=utf-8''Relev%C3%A9.txt", "Relevé.txt"),
        ('filename="a %22b%22.txt"', 'a "b".txt'),
        ('filename="\u200eWhatsApp\u200f 👩\u200d💻.txt"', "WhatsApp 👩\u200d💻.txt"),
        ('filename=""', "document.txt"),
    ],
)
async def test_a_part_of_a_form_names_its_file(api: Api, world: World, disposition: str, expected: str) -> None:
    head = f"--x\r\nContent-Disposition: form-data; name=f; {disposition}\r\n\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Authorization": f"Bearer {world.ada.token}"}

    answer = await api.client.post("/documents", content=head.encode() + TEXT + b"\r\n--x--\r\n", headers=headers)

    assert (answer.status_code, answer.json().get("filename")) == (201, expected), answer.text


async def test_a_name_that_is_not_utf_8_is_refused_wherever_it_stands(api: Api, world: World, tmp_path: Path) -> None:
    token = {"Authorization": f"Bearer {world.ada.token}"}
    form = token | {"Content-Type": "multipart/form-data; boundary=x"}
    part = b'--x\r\nContent-Disposition: form-data; name=f; filename="\xe9.txt"\r\n\r\nHello\r\n--x--\r\n'

    answers = [
        await api.client.post("/documents?filename=%E9t%E9.txt", content=TEXT, headers=token),
        await api.client.post("/documents", content=TEXT, headers=token | {"Content-Disposition": "a;filename*=x''y"}),
        await api.client.post("/documents", content=part, headers=form),
    ]

    for answer in answers:
        assert refusal(answer) == (400, "INVALID_INPUT", ["file"])
        assert "the file name is not UTF-8" in answer.json()["errors"][0]["message"]
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("files", [[], [("a", ("a.txt", TEXT)), ("b", ("b.txt", TEXT))]], ids=["none", "two"])
async def test_a_form_of_no_or_two_files_is_refused(
    api: Api, world: World, tmp_path: Path, files: list[tuple[str, tuple[str, bytes]]]
) -> None:
    boundary = {"Content-Type": "multipart/form-data; boundary=x"}
    parts = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n{content.decode()}\r\n'
        for name, (filename, content) in files
    )
    field = '--x\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'

    answer = await api.client.post(
        "/documents",
        content=f"{parts}{field}--x--\r\n".encode(),
        headers=boundary | {"Authorization": f"Bearer {world.ada.token}"},
    )

    assert refusal(answer) == (400, "INVALID_INPUT" if files else "REQUIRED", ["file"])
    assert files_in(tmp_path) == []


async def test_a_broken_form_is_refused(api: Api, world: World, tmp_path: Path) -> None:
    headers = {"Authorization": f"Bearer {world.ada.token}", "Content-Type": "multipart/form-data; boundary=x"}

    for body in (b"", b"--x", b"--x\r\nnonsense", b"--y\r\n\r\n--y--", b"\xff" * 100):
        answer = await api.client.post("/documents", content=body, headers=headers)

        assert refusal(answer) == (400, "INVALID_INPUT", ["file"]), body
        assert files_in(tmp_path) == [], body


BAD_FILES = {
    "empty": (b"", "a.txt", (400, "DOCUMENT_EMPTY", ["file"])),
    "type": (b"<html></html>", "a.png", (415, "DOCUMENT_TYPE_UNSUPPORTED", ["file"])),
    "path": (TEXT, "../a.txt", (400, "INVALID_INPUT", ["file"])),
    "line": (TEXT, "a\r\nb.txt", (400, "INVALID_INPUT", ["file"])),
    "nul": (TEXT, "a\0b.txt", (400, "INVALID_INPUT", ["file"])),
    "long": (TEXT, "a" * 10_000 + ".txt", (400, "TOO_LONG", ["file"])),
    "large": (b"a" * (SIZE_MAX + 1), "a.txt", (413, "DOCUMENT_TOO_LARGE", ["file"])),
}


async def test_a_bad_file_is_refused_and_nothing_of_it_stays(
    api: Api, world: World, database: Database, tmp_path: Path
) -> None:
    for what, (content, name, expected) in BAD_FILES.items():
        answer = await upload(api, world.ada.token, content, name)

        assert refusal(answer) == expected, what
        assert await document_rows(database) == 0, what
        assert files_in(tmp_path) == [], what


async def test_the_largest_file_is_accepted(api: Api, world: World) -> None:
    answer = await upload(api, world.ada.token, b"a" * SIZE_MAX, "a.txt")

    assert (answer.status_code, answer.json()["sizeBytes"]) == (201, SIZE_MAX)


async def test_a_compressed_body_is_refused(api: Api, world: World) -> None:
    answer = await upload(api, world.ada.token, TEXT, Content_Encoding="gzip")

    assert refusal(answer) == (415, "INVALID_INPUT", ["content-encoding"])
    assert answer.headers["accept-encoding"] == "identity"


async def test_uploading_needs_a_token_its_scope_the_feature_and_an_active_person(
    api: Api, world: World, database: Database, tmp_path: Path
) -> None:
    reader = await person_of(database, world.ada.id, *(set(Scope) - {Scope.DOCUMENTS_WRITE}))

    assert refusal(await upload(api, "cgt_nobody"))[:2] == (401, "UNAUTHENTICATED")
    assert (await api.client.post("/documents", content=TEXT)).headers["www-authenticate"].startswith("Bearer")
    assert refusal(await upload(api, reader.token))[:2] == (403, "INSUFFICIENT_SCOPE")
    async with database.write() as connection:
        await connection.execute(update(tables.accounts).values(cases_enabled=False))
    assert refusal(await upload(api, world.ada.token))[:2] == (403, "FEATURE_DISABLED")
    async with database.write() as connection:
        await connection.execute(update(tables.accounts).values(cases_enabled=True))
        await connection.execute(update(tables.users).values(active=False))
    assert refusal(await upload(api, world.ada.token))[:2] == (403, "USER_INACTIVE")
    assert files_in(tmp_path) == []


async def test_an_expired_token_uploads_nothing(api: Api, world: World, database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(update(tables.api_tokens).values(expires_at=clock.now() - timedelta(seconds=1)))

    assert refusal(await upload(api, world.ada.token))[:2] == (401, "TOKEN_EXPIRED")


async def test_refusals_are_in_french_too(api: Api, world: World) -> None:
    answer = await upload(api, world.ada.token, b"", Accept_Language="fr-CA")

    assert answer.headers["content-language"] == "fr"
    assert answer.json()["errors"][0]["message"] == "Le document est vide."


async def test_one_person_can_only_have_so_many_that_are_not_attached(
    api: Api, world: World, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert UNATTACHED_MAX == 100
    monkeypatch.setattr("app.documents.upload.UNATTACHED_MAX", 2)
    for _ in range(2):
        await uploaded(api, world.ada.token)
    await unattached_for(database, timedelta(hours=23))

    refused = await upload(api, world.ada.token)

    assert refusal(refused) == (429, "TOO_MANY_DOCUMENTS", ["file"])
    (error,) = refused.json()["errors"]
    seconds = int(refused.headers["retry-after"])
    assert 3500 < seconds <= 3600
    assert error["retryAfterMs"] == seconds * 1000
    assert error["message"] == (
        "There can be at most 2 documents that are attached to nothing; attach some, or wait"
        f" {seconds} s until the oldest expires."
    )
    assert (await document_rows(database), len(files_in(tmp_path))) == (2, 2)
    await uploaded(api, world.carl.token)
    # What can't be attached any more is not counted, swept or not.
    await unattached_for(database, timedelta(hours=25))
    await uploaded(api, world.ada.token)


async def unattached_for(database: Database, age: timedelta) -> None:
    """Make all documents this old, as time would: the trigger lets nobody else."""
    async with database.write() as connection, triggers_aside(connection, tables.documents):
        await connection.execute(update(tables.documents).values(created_at=clock.now() - age))


async def test_no_two_processes_let_one_person_have_more(
    fresh_url: str, world: World, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.documents.upload.UNATTACHED_MAX", 5)
    async with Api.opened(fresh_url, data_dir=tmp_path) as one, Api.opened(fresh_url, data_dir=tmp_path) as other:
        answers = await asyncio.gather(*(upload(api, world.ada.token) for api in (one, other) * 8))

    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [429] * 11
    assert (await document_rows(database), len(files_in(tmp_path))) == (5, 5)


@pytest.mark.parametrize("what", ["token", "person"])
async def test_who_may_no_more_when_the_bytes_are_there_uploads_nothing(
    api: Api, world: World, database: Database, tmp_path: Path, what: str
) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield TEXT
        changes = {
            "token": update(tables.api_tokens).values(revoked_at=clock.now()),
            "person": update(tables.users).values(active=False),
        }
        async with database.write() as connection:
            await connection.execute(changes[what])
        yield TEXT

    headers = {"Authorization": f"Bearer {world.ada.token}"}
    answer = await api.client.post("/documents?filename=a.txt", content=slowly(), headers=headers)

    expected = {"token": (401, "UNAUTHENTICATED"), "person": (403, "USER_INACTIVE")}[what]
    assert refusal(answer)[:2] == expected
    assert (await document_rows(database), files_in(tmp_path)) == (0, [])


async def test_nothing_is_on_the_disk_before_the_scope_is_known(
    api: Api, world: World, database: Database, tmp_path: Path
) -> None:
    reader = await person_of(database, world.ada.id, Scope.CASES_READ)
    seen: list[Path] = []

    async def dribble() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"a" * 70_000
            await asyncio.sleep(0)
            seen.extend(files_in(tmp_path))

    headers = {"Authorization": f"Bearer {reader.token}"}
    answer = await api.client.post("/documents?filename=a.txt", content=dribble(), headers=headers)

    assert refusal(answer)[:2] == (403, "INSUFFICIENT_SCOPE")
    assert seen == []


async def test_a_fault_shows_its_request_id_and_nothing_else(api: Api, world: World, database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(text("ALTER TABLE documents RENAME TO hidden"))

    answer = await upload(api, world.ada.token)

    assert answer.status_code == 500
    (error,) = answer.json()["errors"]
    assert error == {
        "code": "INTERNAL_ERROR",
        "message": error["message"],
        "path": [],
        "requestId": answer.headers["x-request-id"],
    }
    assert "hidden" not in answer.text
