"""Backups: taken while others write, they hold one moment of the log and every document that it names."""

import asyncio
import hashlib
import json
import shutil
import subprocess
import tarfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.atomic_file import written_whole
from app.audit.verification import verify_log
from app.backup import backup
from app.backup.backup import back_up
from app.backup.restore import restore
from app.db.engines import Database, open_database
from app.documents.store import DocumentStore, open_store
from app.documents.upkeep import verify
from tests.support.api import Api
from tests.support.databases import Server, create_database, drop_database
from tests.support.documents import TEXT, comment_with, files_in
from tests.support.gateway import casegate, casegate_json, demo_in
from tests.support.ports import wait_until
from tests.support.postgresql import program
from tests.support.world import World

WRITERS = 4


@pytest.fixture
def sqlite_file(fresh_url: str) -> Path:
    if not fresh_url.startswith("sqlite"):
        pytest.skip("PostgreSQL is backed up by its own tools, as the last test here does")
    return Path(fresh_url.removeprefix("sqlite:///"))


@asynccontextmanager
async def writing(api: Api, world: World, made: list[str]) -> AsyncIterator[None]:
    """Have several people write comments with documents, whose ids are noted in *made* once they are acknowledged."""
    ended = asyncio.Event()

    async def write(number: int) -> None:
        case_id = (await world.open_case()).case.id
        while not ended.is_set():
            content = TEXT + f"{number} {len(made)}".encode()
            payload = await comment_with(api, world.ada.token, case_id, [(f"{number}.txt", content)])
            made.append(payload["comment"]["documents"][0]["id"])

    tasks = [asyncio.create_task(write(number)) for number in range(WRITERS)]
    try:
        await asyncio.to_thread(wait_until, lambda: len(made) >= WRITERS, 30)
        yield
    finally:
        ended.set()
        await asyncio.gather(*tasks)


async def whole(database: Database, store: DocumentStore) -> int:
    """Return how many documents there are, once all logs and all of these have been found whole."""
    assert [verdict async for verdict in verify_log(database) if verdict.fault is not None] == []
    checked = [document async for document in verify(database, store)]
    assert [document for document in checked if document.fault is not None] == []
    return sum(document.stored.document.comment_id is not None for document in checked)


async def test_a_backup_under_load_is_of_one_moment_and_whole(
    world: World, sqlite_file: Path, store: DocumentStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "PAGES", 20)
    copied: list[int] = []
    made: list[str] = []

    def slowly(what: str, done: int, _total: int) -> None:
        """Let somebody write between any two steps of the copy; this is called in a thread of its own."""
        if what == "pages":
            assert not copied or done > copied[-1], "the copy began anew"
            copied.append(done)
            written = len(made)
            wait_until(lambda: len(made) > written, 30)

    target = tmp_path / "casegate.tar"
    async with Api.opened(f"sqlite:///{sqlite_file}", data_dir=tmp_path) as api, writing(api, world, made):
        before = len(made)
        with written_whole(target) as output:
            done = await back_up(sqlite_file, store, output, slowly)
        after = len(made)

    restored_file, elsewhere = tmp_path / "other" / "casegate.sqlite", open_store("", tmp_path / "other")
    documents = await restore(target, restored_file, elsewhere)
    restored = open_database(f"sqlite:///{restored_file}")
    attached = await whole(restored, elsewhere)
    await restored.close()
    assert len(copied) > 3
    assert after >= before + len(copied) - 1, "nobody wrote meanwhile"
    assert before <= attached <= after + WRITERS
    assert (done.documents, done.faults) == (documents, ())
    assert documents >= attached


def backed_up(place: dict[str, str], folder: Path) -> Path:
    """Back the demo up, documents and all."""
    demo_in(Path(place["data_dir"]))
    file = folder / "casegate.tar"
    reported = casegate_json("backup", str(file), **place)
    assert reported == {"file": str(file), "bytes": file.stat().st_size, "documents": 15, "faults": []}
    return file


def test_what_was_backed_up_is_restored_elsewhere_and_verifies(tmp_path: Path) -> None:
    here, there = {"data_dir": str(tmp_path / "here")}, {"data_dir": str(tmp_path / "there")}
    file = backed_up(here, tmp_path)

    restored = casegate("restore", str(file), **there)

    assert restored.returncode == 0, restored.stderr
    assert "restored, with 15 documents" in restored.stdout
    assert casegate_json("log", "verify", **there)["cases"] == 40
    assert casegate_json("documents", "verify", **there) == {"documents": 15, "faults": [], "orphans": []}
    assert len(casegate_json("account", "list", **there)) == 1
    assert file.stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["casegate.sqlite", "documents"]


def test_a_backup_says_what_it_holds_and_the_digest_of_each(tmp_path: Path) -> None:
    with tarfile.open(backed_up({"data_dir": str(tmp_path)}, tmp_path)) as tar:
        contents = {member.name: tar.extractfile(member) for member in tar}
        digests = {name: hashlib.sha256(file.read()).hexdigest() for name, file in contents.items() if file}
        manifest: Any = json.load(tar.extractfile("manifest.json") or BytesIO())

    assert manifest["database"]["sha256"] == digests["casegate.sqlite"]
    assert {f"documents/{it['accountId']}/{it['id']}": it["sha256"] for it in manifest["documents"]} == {
        name: digest for name, digest in digests.items() if name.startswith("documents/")
    }


def test_nothing_is_written_over_unless_that_is_meant(tmp_path: Path) -> None:
    place = {"data_dir": str(tmp_path / "here")}
    file = backed_up(place, tmp_path)
    before = file.read_bytes()

    again = casegate("backup", str(file), **place)
    kept = file.read_bytes()
    forced = casegate("backup", str(file), "--force", **place)
    over = casegate("restore", str(file), **place)

    assert (again.returncode, forced.returncode, over.returncode) == (1, 0, 1)
    assert "is there already" in again.stderr
    assert "is there already: move it away first" in over.stderr
    assert kept == before
    assert file.read_bytes() != before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_place_that_there_is_not_is_named_as_it_was_given(tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "casegate.tar"
    demo_in(tmp_path / "here")

    done = casegate("backup", str(file), data_dir=str(tmp_path / "here"))

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"casegate: there is no backup: {file}: No such file or directory\n"


def test_a_missing_or_damaged_document_is_reported_and_the_rest_is_backed_up(tmp_path: Path) -> None:
    here, there = {"data_dir": str(tmp_path / "here")}, {"data_dir": str(tmp_path / "there")}
    demo_in(tmp_path / "here")
    missing, damaged, *_ = sorted(files_in(tmp_path / "here"))
    missing.unlink()
    damaged.write_bytes(b"!")

    done = casegate("backup", str(tmp_path / "casegate.tar"), **here)
    restored = casegate("restore", str(tmp_path / "casegate.tar"), **there)

    assert done.returncode == 1
    assert f"{missing.name}: its bytes are missing\n" in done.stdout
    assert f"{damaged.name}: its bytes are not those that its row says\n" in done.stdout
    assert "14 documents" in done.stdout
    assert restored.returncode == 0


def spoil(file: Path, name: str) -> None:
    """Change a byte of one of the tar's members."""
    with tarfile.open(file) as tar:
        member = next(member for member in tar if member.name.startswith(name))
        place = member.offset_data + member.size // 2
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)


SPOILED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a byte of the database": (lambda file: spoil(file, "casegate.sqlite"), "casegate.sqlite in it is not what"),
    "a byte of a document": (lambda file: spoil(file, "documents/"), "in it is not what the manifest says"),
    "the end": (lambda file: file.write_bytes(file.read_bytes()[: file.stat().st_size // 2]), "is no whole backup"),
    "another file": (lambda file: file.write_text("not a tar"), "is no whole backup"),
    "no file": (lambda file: file.unlink(), "No such file"),
}


def test_what_is_not_a_whole_backup_leaves_no_database_behind(tmp_path: Path) -> None:
    file = backed_up({"data_dir": str(tmp_path / "here")}, tmp_path)
    good = file.read_bytes()
    for number, (what, (change, words)) in enumerate(SPOILED.items()):
        file.write_bytes(good)
        change(file)
        folder = tmp_path / str(number)

        done = casegate("restore", str(file), data_dir=str(folder))

        assert (done.returncode, done.stdout) == (1, ""), what
        assert words in done.stderr, (what, done.stderr)
        assert "Traceback" not in done.stderr
        assert list(folder.glob("*.sqlite*")) == list(folder.glob(".*")) == []


def test_a_backup_without_a_database_fails_with_one_line(tmp_path: Path) -> None:
    done = casegate("backup", str(tmp_path / "casegate.tar"), data_dir=str(tmp_path / "empty"))

    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no database" in done.stderr
    assert not (tmp_path / "casegate.tar").exists()


# --- PostgreSQL, in the documented way --------------------------------------------------------------------------------


def test_on_postgresql_the_command_says_how(postgresql: Server, tmp_path: Path) -> None:
    for command in ("backup", "restore"):
        done = casegate(command, str(tmp_path / "casegate.tar"), database_url=postgresql.admin_url)

        assert (done.returncode, done.stdout) == (1, "")
        assert "pg_dump --format=custom" in done.stderr
    assert not (tmp_path / "casegate.tar").exists()


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def copy_documents(data: Path, target: Path) -> None:
    """Copy what has arrived; what is arriving may be gone again at any moment."""
    shutil.copytree(data / "documents", target / "documents", ignore=shutil.ignore_patterns("incoming"))
    (target / "documents" / "incoming").mkdir()


async def test_a_dump_under_load_is_whole_with_documents_that_are_copied_after_it(
    world: World, fresh_url: str, tmp_path: Path, origin: Server, store: DocumentStore
) -> None:
    if world.database.is_sqlite:
        pytest.skip("SQLite has `casegate backup`")
    made: list[str] = []
    dump, restore_, file = program("pg_dump"), program("pg_restore"), str(tmp_path / "casegate.dump")
    async with Api.opened(fresh_url, data_dir=tmp_path) as api, writing(api, world, made):
        before = len(made)
        await asyncio.to_thread(run, dump, "--format=custom", f"--file={file}", fresh_url)
        await asyncio.to_thread(copy_documents, tmp_path, tmp_path / "other")
        after = len(made)

    name = f"restored_{uuid4().hex}"
    url = await asyncio.to_thread(create_database, origin.admin_url, name)
    await asyncio.to_thread(run, restore_, "--no-owner", f"--dbname={url}", file)
    restored = open_database(url)
    attached = await whole(restored, open_store("", tmp_path / "other"))
    await restored.close()
    await asyncio.to_thread(drop_database, origin.admin_url, name)

    assert before <= attached <= after + WRITERS
