"""One place of documents is one database's: no other serves with it, sweeps it, verifies by it or is restored to it."""

from pathlib import Path

import pytest

from app.db.engines import Database
from app.documents.ownership import OwnedByAnother, adopt, check, claim
from app.documents.store import DocumentStore, open_store
from app.documents.upkeep import sweep, sweep_regularly
from app.observability import logging
from tests.support.gateway import casegate, casegate_json, demo_in
from tests.support.ports import free_port

ANOTHER = "7f3f7d7e-0000-4000-8000-000000000000"


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_the_first_database_marks_the_place_and_stays_its_owner(database: Database, store: DocumentStore) -> None:
    await check(database, store)
    assert await store.owner() is None

    await claim(database, store)
    owner = await store.owner()
    await claim(database, store)
    await check(database, store)

    assert owner is not None and await store.owner() == owner
    assert [blob async for batch in store.blobs() for blob in batch] == []


async def test_another_databases_documents_are_neither_swept_nor_verified_until_they_are_adopted(
    database: Database, store: DocumentStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await store.own(ANOTHER)
    blob = tmp_path / "documents" / "blobs" / ANOTHER / ANOTHER
    blob.parent.mkdir()
    blob.write_text("theirs")

    for work in (claim, check, sweep):
        with pytest.raises(OwnedByAnother, match=f"another database .{ANOTHER}.*documents adopt"):
            await work(database, store)

    logging.configure("info")

    async def stop(_seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await sweep_regularly(database, store, pause=stop)

    assert blob.read_text() == "theirs"
    assert "sweep_refused" in capsys.readouterr().err
    await adopt(database, store)
    await check(database, store)


async def test_of_two_that_come_at_once_one_is_the_owner(store: DocumentStore, tmp_path: Path) -> None:
    assert await store.own("one") == "one"
    assert await open_store("", tmp_path).own("two") == "one"


def test_a_second_database_in_the_same_folder_is_refused_by_every_command(tmp_path: Path) -> None:
    first = {"data_dir": str(tmp_path)}
    second = first | {"database_url": f"sqlite:///{tmp_path}/other.sqlite"}
    demo_in(tmp_path)
    casegate_json("documents", "sweep", **first)
    casegate("migrate", **second)
    before = files_in(tmp_path / "documents")

    refused = {
        command: casegate(*command.split(), **second)
        for command in (f"serve --port {free_port()}", "documents sweep --grace 0", "documents verify")
    }
    backup = casegate("backup", str(tmp_path / "casegate.tar"), **first)
    restored = casegate(
        "restore",
        str(tmp_path / "casegate.tar"),
        data_dir=str(tmp_path / "new"),
        documents_url=f"file://{tmp_path}/documents",
    )

    assert [done.returncode for done in refused.values()] == [1, 1, 2]
    for done in (*refused.values(), restored):
        assert done.stderr.count("\n") == 1 and "another database" in done.stderr, done.stderr
        assert done.stdout == ""
    assert (backup.returncode, restored.returncode) == (0, 1)
    assert files_in(tmp_path / "documents") == before
    assert casegate_json("documents", "verify", **first)["faults"] == []
    assert casegate("documents", "adopt", **second).returncode == 0
    assert casegate("documents", "verify", **first).returncode == 2


def test_a_restored_database_is_another_one(tmp_path: Path) -> None:
    here, there = {"data_dir": str(tmp_path / "here")}, {"data_dir": str(tmp_path / "there")}
    demo_in(tmp_path / "here")
    casegate_json("documents", "sweep", **here)
    casegate("backup", str(tmp_path / "casegate.tar"), **here)

    restored = casegate("restore", str(tmp_path / "casegate.tar"), **there)
    astray = casegate("documents", "sweep", **there | {"documents_url": f"file://{tmp_path}/here/documents"})

    assert restored.returncode == 0, restored.stderr
    assert astray.returncode == 1 and "another database" in astray.stderr
    for place in (here, there):
        assert casegate_json("documents", "verify", **place)["faults"] == []
        assert casegate("documents", "sweep", **place).returncode == 0


@pytest.mark.parametrize("url", ["file:blobs", "file:.", "file:./a", "file:~/a", "file:///a%00b"])
def test_a_place_is_named_from_the_root(tmp_path: Path, url: str) -> None:
    done = casegate("documents", "verify", data_dir=str(tmp_path), documents_url=url)

    assert (done.returncode, done.stdout) == (2, "")
    assert "CASEGATE_DOCUMENTS_URL: " in done.stderr
    assert list(tmp_path.iterdir()) == []
