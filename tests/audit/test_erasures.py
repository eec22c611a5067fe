"""Erasures as the verifier finds them: true ones, forged ones and undone ones; and what is left of what was erased."""

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Uuid, bindparam, text, update

from app.audit.anchors.proving import prove
from app.audit.evidence import evidence_of
from app.audit.verification import verify_log
from app.db import tables
from app.db.engines import Database
from app.documents.erasures import finish_erasures
from app.documents.store import BlobMissing, DocumentStore
from app.domain.commands import CloseCase, EraseContent
from tests.support.anchored_cases import Scene
from tests.support.database_contents import contents
from tests.support.erasure import BYTES, CANARY, assert_whole, commented, document, erase, hold, opened
from tests.support.paths import ROOT
from tests.support.postgresql import program
from tests.support.tampering import tamper
from tests.support.world import World


async def erased_case(world: World) -> tuple[UUID, UUID, UUID]:
    """Return a case with an erased comment, and that comment; and another comment of it that is there."""
    case_id = await opened(world)
    gone, stays = await commented(world, case_id), await commented(world, case_id, "Stays.")
    assert gone.comment is not None and stays.comment is not None
    await erase(world, case_id, comment_ids=(gone.comment.id,))
    return case_id, gone.comment.id, stays.comment.id


VERIFIED: dict[str, tuple[str, tuple[int, str]]] = {
    "an erasure undone": (
        "UPDATE comments SET body = 'back', salt = :salt, erased_by_id = NULL WHERE id = :gone",
        (2, "content"),
    ),
    "a text put in its place": ("UPDATE comments SET body = 'other', salt = :salt WHERE id = :gone", (2, "content")),
    "a text without a salt": ("UPDATE comments SET body = 'other' WHERE id = :gone", (2, "content")),
    "an erasure that no row names": (
        """UPDATE comments SET body = NULL, salt = NULL,
        erased_by_id = (SELECT erased_by_id FROM comments WHERE id = :gone) WHERE id = :stays""",
        (3, "content"),
    ),
    "an erasure by no row": ("UPDATE comments SET body = NULL, salt = NULL WHERE id = :stays", (3, "content")),
    "an erasure by another row": ("UPDATE comments SET erased_by_id = :stays WHERE id = :gone", (4, "content")),
    "the reason": (
        "UPDATE case_actions SET details = replace(details, 'asked', 'begged') WHERE case_id = :case AND seq = 4",
        (4, "content"),
    ),
    "what was erased": (
        "UPDATE case_actions SET details = replace(details, 'NAMED', 'EVERYTHING') WHERE case_id = :case AND seq = 4",
        (4, "content"),
    ),
    "a title hidden": (
        """UPDATE cases SET title = NULL, title_salt = NULL,
        erased_by_id = (SELECT erased_by_id FROM comments WHERE id = :gone) WHERE id = :case""",
        (1, "content"),
    ),
    "a hold that is none": (
        "UPDATE cases SET held_by_id = (SELECT erased_by_id FROM comments WHERE id = :gone) WHERE id = :case",
        (4, "state"),
    ),
}


@pytest.mark.parametrize("what", VERIFIED)
async def test_a_forged_or_undone_erasure_is_named(world: World, what: str) -> None:
    statement, fault = VERIFIED[what]
    case_id, gone, stays = await erased_case(world)
    await assert_whole(world.database)
    given = {"case": case_id, "gone": gone, "stays": stays, "salt": "0" * 64}
    names = [name for name in given if f":{name}" in statement]
    parameters = [
        bindparam(name, given[name], type_=Uuid()) if isinstance(given[name], UUID) else bindparam(name, given[name])
        for name in names
    ]

    await tamper(world.database, text(statement).bindparams(*parameters))

    (verdict,) = [verdict async for verdict in verify_log(world.database) if verdict.case_id == case_id]
    assert verdict.fault is not None
    assert (verdict.fault.seq, verdict.fault.kind) == fault


async def test_a_hold_that_was_taken_away_by_hand_is_named(world: World) -> None:
    case_id = await opened(world)
    await hold(world, case_id)

    await tamper(world.database, update(tables.cases).values(held_by_id=None))

    (verdict,) = [verdict async for verdict in verify_log(world.database)]
    assert verdict.fault is not None
    assert (verdict.fault.seq, verdict.fault.kind) == (2, "state")


# --- Evidence, anchors and receipts ----------------------------------------------------------------------------------


async def evidence(scene: Scene, case_id: UUID) -> dict[str, Any]:
    proof = await prove(scene.anchorer.place, scene.key, case_id)
    now = scene.anchored_at
    exported = await evidence_of(scene.database, scene.story.world.account_id, case_id, proof, now)
    read: dict[str, Any] = json.loads(json.dumps(exported))
    return read


async def assert_verified(scene: Scene, exported: dict[str, Any], folder: Path, code: int, words: str) -> None:
    """Run the script on evidence, without anything of ours."""
    file = folder / "evidence.json"
    file.write_text(json.dumps(exported))
    command = [sys.executable, "-I", str(ROOT / "scripts" / "verify_evidence.py"), str(file), "--key", scene.key]
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, words in done.stdout) == (code, True), done.stdout + done.stderr


async def test_evidence_and_anchors_from_before_an_erasure_stand_and_those_from_after_it_say_so(
    scene: Scene, tmp_path: Path
) -> None:
    world, case_id = scene.story.world, scene.case_id
    before = await evidence(scene, case_id)

    await world.do(world.aldo, EraseContent(case_id=case_id, everything=True, reason="Asked for."))
    assert await scene.found(anchors=True) == {}
    unanchored = await evidence(scene, case_id)
    await scene.anchorer.anchor()
    after = await evidence(scene, case_id)

    assert await scene.found(anchors=True) == {}
    await assert_verified(scene, before, tmp_path, 0, "OK: CASE-000002, 10 rows")
    await assert_verified(scene, unanchored, tmp_path, 3, "the anchor lacks 1 row:")
    await assert_verified(scene, after, tmp_path, 0, "erased, as rows of the log say: 8 texts")
    assert [row["hash"] for row in after["rows"][:10]] == [row["hash"] for row in before["rows"]]
    assert "called" not in json.dumps(after) and "A changed IBAN" not in json.dumps(after)
    hidden = json.loads(json.dumps(before))
    hidden["rows"][1]["contents"]["comment"] = None
    await assert_verified(
        scene, hidden, tmp_path, 1, "BAD: row 2 (content): what is missing of it was erased by no row"
    )
    undone = json.loads(json.dumps(after))
    undone["rows"][1]["contents"] = before["rows"][1]["contents"]
    await assert_verified(scene, undone, tmp_path, 1, "BAD: row 2 (content): what row 11 says that it erased is there")


# --- Nothing is left --------------------------------------------------------------------------------------------------


def files_with(folder: Path, *needles: bytes) -> list[str]:
    """Return the files below *folder* in which any of *needles* stands, whatever its case."""
    found = []
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes().lower() if path.is_file() else b""
        if any(needle.lower() in content for needle in needles):
            found.append(path.name)
    return found


async def test_nothing_of_what_was_erased_is_left_in_the_database_the_store_or_a_dump(
    world: World, store: DocumentStore, fresh_url: str, tmp_path: Path
) -> None:
    case_id = await opened(world, f"About {CANARY}", f"{CANARY} " * 900)
    path = tmp_path / "upload"
    for number in range(30):
        file = document(f"{CANARY}-{number}.txt", BYTES + str(number).encode())
        path.write_bytes(BYTES + str(number).encode())
        await store.put(world.account_id, file.id, path)
        await commented(world, case_id, f"{CANARY} {number} " * (1 + number * 20), new_documents=(file,))
        await commented(world, await opened(world), f"Other words {number} " * 30)
    await world.do(world.ada, CloseCase(case_id=case_id))
    digests = [row["sha256"].encode() for row in (await contents(world.database))["documents"].values()]
    assert await dumped_with(world.database, fresh_url, tmp_path, CANARY.encode(), *digests)

    await erase(world, case_id, everything=True)
    assert await finish_erasures(world.database, store) == 31

    assert await dumped_with(world.database, fresh_url, tmp_path, CANARY.encode(), *digests) == []
    assert (await contents(world.database))["unfinished_erasures"] == {}
    await assert_whole(world.database)


async def dumped_with(database: Database, url: str, folder: Path, *needles: bytes) -> list[str]:
    """Return where *needles* stand in the data folder, and on PostgreSQL in a dump of the database."""
    if not database.is_sqlite:
        command = [program("pg_dump"), f"--file={folder / 'dump.sql'}", url]
        await asyncio.to_thread(subprocess.run, command, capture_output=True, check=True, timeout=60)
    return files_with(folder, *needles)


async def test_bytes_that_are_still_to_be_deleted_are_deleted_later(
    world: World, store: DocumentStore, tmp_path: Path
) -> None:
    file, case_id = document(), await opened(world)
    path = tmp_path / "upload"
    path.write_bytes(BYTES)
    await store.put(world.account_id, file.id, path)
    await commented(world, case_id, new_documents=(file,))
    await erase(world, case_id, document_ids=(file.id,))
    assert [piece async for piece in await store.read(world.account_id, file.id)] == [BYTES]

    await finish_erasures(world.database, store)

    with pytest.raises(BlobMissing):
        await store.read(world.account_id, file.id)
    assert await finish_erasures(world.database, store) == 0


def in_the_way(folder: Path, name: str) -> Path:
    """Put a folder, which no store deletes as a file, in the place of the file with this name; return where it is."""
    (file,) = folder.rglob(name)
    file.unlink()
    (file / "within").mkdir(parents=True)
    return file


async def test_bytes_that_cannot_be_deleted_hold_up_no_others(
    world: World, store: DocumentStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.documents.erasures.BATCH", 2)  # so that there are several
    files, case_id = [document() for _ in range(4)], await opened(world)
    path = tmp_path / "upload"
    for file in files:
        path.write_bytes(BYTES)
        await store.put(world.account_id, file.id, path)
    await commented(world, case_id, new_documents=tuple(files))
    stuck = min(files, key=lambda file: file.id)
    blob = in_the_way(tmp_path, str(stuck.id))
    await erase(world, case_id, document_ids=tuple(file.id for file in files))

    assert await finish_erasures(world.database, store) == 4
    assert list((await contents(world.database))["unfinished_erasures"]) == [(stuck.id,)]
    shutil.rmtree(blob)
    assert await finish_erasures(world.database, store) == 1
