"""The store and its upkeep: blobs in a local folder and in S3, what is swept, what is found to be wrong."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import obstore
import pytest
from obstore.store import S3Store
from sqlalchemy import text

from app import clock
from app.config.settings import SettingsError, load_settings
from app.db import tables
from app.db.engines import Database
from app.demo import documents
from app.documents.store import BlobMissing, DocumentStore, check_url, open_store
from app.documents.upkeep import examine, orphaned, sweep, sweep_regularly, verify
from app.domain.model import DocumentWarning
from tests.support.api import Api
from tests.support.documents import TEXT, comment_with, document_rows, files_in, uploaded
from tests.support.gateway import casegate, casegate_json
from tests.support.triggers import triggers_aside
from tests.support.world import World

DAY = timedelta(hours=25)


@pytest.fixture(params=["local", "s3"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> DocumentStore:
    if request.param == "local":
        return open_store((tmp_path / "place é").as_uri(), tmp_path)
    request.getfixturevalue("s3")
    return open_store(f"s3://evidence/{uuid4()}", tmp_path, allow_http=True)


async def put(store: DocumentStore, content: bytes) -> tuple[UUID, UUID]:
    account_id, document_id = uuid4(), uuid4()
    path = store.incoming / str(document_id)
    path.write_bytes(content)
    await store.put(account_id, document_id, path)
    return account_id, document_id


async def whole(store: DocumentStore, ids: tuple[UUID, UUID], part: tuple[int, int] | None = None) -> bytes:
    return b"".join([piece async for piece in await store.read(*ids, part)])


async def test_a_blob_comes_back_whole_and_in_part(any_store: DocumentStore) -> None:
    content = bytes(range(256)) * 5000
    ids = await put(any_store, content)

    assert await whole(any_store, ids) == content
    assert await whole(any_store, ids, (1000, 1010)) == content[1000:1010]


async def test_blobs_are_listed_and_deleted(any_store: DocumentStore) -> None:
    one, other = await put(any_store, b"one"), await put(any_store, b"other")

    await any_store.delete(one[0], [one[1]])
    await any_store.delete(one[0], [one[1]])

    found = [blob async for batch in any_store.blobs() for blob in batch]
    assert [(blob.key, blob.id) for blob in found] == [(f"{other[0]}/{other[1]}", other[1])]
    assert abs((found[0].modified_at - datetime.now(UTC)).total_seconds()) < 60
    with pytest.raises(BlobMissing):
        await any_store.read(*one)


async def test_documents_live_in_s3(s3: str, fresh_url: str, world: World, tmp_path: Path) -> None:
    place = f"s3://evidence/{uuid4()}"
    async with Api.opened(fresh_url, data_dir=tmp_path, documents_url=place) as api:
        case = (await world.open_case()).case
        payload = await comment_with(api, world.ada.token, case.id, [("a.txt", TEXT)])
        url = payload["comment"]["documents"][0]["url"]
        answer = await api.client.get(url)
        part = await api.client.get(url, headers={"Range": "bytes=4-7"})

    assert (answer.content, part.status_code, part.content) == (TEXT, 206, TEXT[4:8])
    bucket = S3Store("evidence", prefix=place.rpartition("/")[2], client_options={"allow_http": True})
    assert len([found for found in obstore.list(bucket).collect() if found["path"] != "owner"]) == 1
    assert files_in(tmp_path, "incoming") == files_in(tmp_path) == []


@pytest.mark.parametrize("url", ["http://host/x", "s3://", "file://host/x", "/folder/x", "ftp://x", "file:"])
def test_an_unusable_store_is_reported_at_startup(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CASEGATE_DOCUMENTS_URL", url)

    with pytest.raises(SettingsError) as refused:
        load_settings()

    assert refused.value.faults[0].startswith("CASEGATE_DOCUMENTS_URL: not a place for them")
    assert check_url("s3://bucket/a") == "s3://bucket/a"


async def test_a_sweep_removes_documents_that_were_not_attached_in_time(
    api: Api, world: World, database: Database, store: DocumentStore, tmp_path: Path
) -> None:
    case = (await world.open_case()).case
    await comment_with(api, world.ada.token, case.id, [("a.txt", TEXT)])
    forgotten = await uploaded(api, world.ada.token)

    young = await sweep(database, store)
    old = await sweep(database, store, now=lambda: clock.now() + DAY)

    assert (young.documents, young.blobs, young.arrivals) == (0, 0, 0)
    assert (old.documents, old.blobs, old.arrivals) == (1, 0, 0)
    assert await document_rows(database) == 1
    assert forgotten not in {path.name for path in files_in(tmp_path)}
    assert len(files_in(tmp_path)) == 1


async def test_what_has_expired_is_swept_while_the_gateway_runs(
    api: Api, world: World, database: Database, store: DocumentStore, tmp_path: Path
) -> None:
    await uploaded(api, world.ada.token)
    rows, pauses = [], []

    async def pause(seconds: float) -> None:
        rows.append(await document_rows(database))
        pauses.append(seconds)
        if len(pauses) == 3:
            raise StoreGone

    with pytest.raises(StoreGone):
        await sweep_regularly(database, store, now=lambda: clock.now() + len(pauses) * DAY, pause=pause)

    assert (rows, pauses) == ([1, 0, 0], [600, 600, 600])
    assert files_in(tmp_path) == []


async def test_a_store_that_is_away_ends_no_sweeping(
    api: Api, world: World, database: Database, store: DocumentStore, tmp_path: Path
) -> None:
    await uploaded(api, world.ada.token)
    store.incoming.rmdir()
    pauses = 0

    async def pause(_seconds: float) -> None:
        nonlocal pauses
        pauses += 1
        if pauses == 2:
            raise StoreGone

    with pytest.raises(StoreGone):
        await sweep_regularly(database, store, now=lambda: clock.now() + DAY, pause=pause)

    assert (pauses, await document_rows(database)) == (2, 0)


class StoreGone(Exception):
    """What ends a loop that would go on for ever."""


async def test_a_sweep_removes_bytes_without_a_row_once_they_are_old(
    database: Database, store: DocumentStore, tmp_path: Path
) -> None:
    await put(store, b"orphan")
    (store.incoming / str(uuid4())).write_bytes(b"cut off")
    (tmp_path / "documents" / "blobs" / "stray.txt").write_bytes(b"not ours")

    young = await sweep(database, store)
    old = await sweep(database, store, now=lambda: clock.now() + DAY)

    assert (young.blobs, young.arrivals) == (0, 0)
    assert (old.blobs, old.arrivals) == (2, 1)
    assert files_in(tmp_path) == []


async def test_a_blob_that_is_not_as_its_row_says_is_found(
    api: Api, world: World, database: Database, store: DocumentStore, tmp_path: Path
) -> None:
    names = [await uploaded(api, world.ada.token) for _ in range(4)]
    blobs = {path.name: path for path in files_in(tmp_path)}
    blobs[names[0]].unlink()
    blobs[names[1]].write_bytes(TEXT[:-1])
    blobs[names[2]].write_bytes(TEXT[:-1] + b"!")

    found = {str(checked.stored.document.id): checked.fault async for checked in verify(database, store)}

    assert found == {
        names[0]: "its blob is missing",
        names[1]: f"its blob has {len(TEXT) - 1} bytes instead of {len(TEXT)}",
        names[2]: "its blob has another SHA-256",
        names[3]: None,
    }


async def test_blobs_without_a_row_are_found(api: Api, world: World, database: Database, store: DocumentStore) -> None:
    await uploaded(api, world.ada.token)
    _, orphan = await put(store, b"orphan")

    assert [blob.id async for batch in orphaned(database, store) for blob in batch] == [orphan]


def test_the_commands_report_what_they_found_and_did(fresh_url: str, tmp_path: Path) -> None:
    place = {"database_url": fresh_url, "data_dir": str(tmp_path)}
    casegate_json("demo", **place)
    blobs = tmp_path / "documents" / "blobs"
    whole_store = casegate_json("documents", "verify", **place)
    (account,) = blobs.iterdir()
    (account / str(uuid4())).write_bytes(b"orphan")
    damaged = next(path for path in account.iterdir() if path.stat().st_size > 100)
    damaged.write_bytes(b"")

    reported = casegate("documents", "verify", **place)
    listed = casegate("documents", "verify", "--json", **place)
    swept = casegate_json("documents", "sweep", "--grace", "0", **place)

    assert whole_store["documents"] == 15
    assert (whole_store["faults"], whole_store["orphans"]) == ([], [])
    assert (reported.returncode, listed.returncode) == (1, 1)
    assert f"{damaged.name}: its blob has 0 bytes" in reported.stdout
    assert "15 documents: 1 bad; blobs without one: 1" in reported.stdout
    assert swept == {"documents": 0, "blobs": 1, "arrivals": 0}


async def test_what_came_before_can_be_examined_without_a_change(
    api: Api, world: World, database: Database, store: DocumentStore, fresh_url: str, tmp_path: Path
) -> None:
    script = documents.pdf("Hello").replace(b"xref", b"9 0 obj << /S /JavaScript >> endobj\nxref", 1)
    before = await uploaded(api, world.ada.token, script, "a.pdf")
    harmless = await uploaded(api, world.ada.token)
    async with database.write() as connection, triggers_aside(connection, tables.documents):
        await connection.execute(text("UPDATE documents SET warnings = NULL"))
    later = await uploaded(api, world.ada.token, script, "b.pdf")

    found = {str(it.stored.document.id): it.warnings async for it in examine(database, store)}
    every = {str(it.stored.document.id): it.warnings async for it in examine(database, store, every=True)}
    place = {"database_url": fresh_url, "data_dir": str(tmp_path)}
    reported = await asyncio.to_thread(casegate_json, "documents", "examine", **place)

    scripts = (DocumentWarning.PDF_JAVASCRIPT,)
    assert found == {before: scripts, harmless: ()}
    assert every == {before: scripts, harmless: (), later: scripts}
    assert reported["documents"] == 2
    assert [(it["documentId"], it["warnings"]) for it in reported["warnings"]] == [(before, ["PDF_JAVASCRIPT"])]
    assert files_in(tmp_path, "documents/incoming") == []


@pytest.mark.parametrize("command", ["verify", "sweep", "examine"])
def test_the_commands_explain_themselves(command: str) -> None:
    done = casegate("documents", command, "--help")

    assert (done.returncode, "Usage:" in done.stdout) == (0, True)
