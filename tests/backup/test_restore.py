"""Restoring touches nothing that another database names, writes nothing over, and leaves nothing half."""

import asyncio
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.backup.backup import BackupError
from app.backup.restore import restore
from app.documents.store import open_store
from tests.support.documents import files_in
from tests.support.gateway import ROOT, casegate, casegate_json, demo_in, environment


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A data folder with the demo, and a backup of it."""
    folder = tmp_path_factory.mktemp("demo")
    data, file = folder / "data", folder / "casegate.tar"
    demo_in(data)
    casegate_json("backup", str(file), data_dir=str(data))
    return data, file


@pytest.fixture
def here(demo: tuple[Path, Path], tmp_path: Path) -> Path:
    """A data folder of a running system, of this test alone."""
    data = tmp_path / "data"
    shutil.copytree(demo[0], data)
    (data / "anchors.jsonl").write_text("an anchor\n")
    (data / "anchors.key").write_text("a key\n")
    return data


def content(folder: Path) -> Mapping[str, tuple[int, str]]:
    """Return inode and digest of every file."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): (path.stat().st_ino, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in files
    }


def altered(backup: Path, target: Path) -> Path:
    """Write a backup whose documents have other bytes under the same ids, with a manifest that says so."""
    with tarfile.open(backup) as tar, tarfile.open(target, "w") as made:
        manifest: Any = json.load(tar.extractfile("manifest.json") or BytesIO())
        for member in tar:
            file = tar.extractfile(member)
            assert file is not None
            bytes_ = file.read()
            if member.name.startswith("documents/"):
                bytes_ = b"forged " + bytes_
                for said in manifest["documents"]:
                    if member.name.endswith(said["id"]):
                        said["sha256"] = hashlib.sha256(bytes_).hexdigest()
            if member.name == "manifest.json":
                bytes_ = json.dumps(manifest).encode()
            member.size = len(bytes_)
            made.addfile(member, BytesIO(bytes_))
    return target


# --- What is another database's ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["other.sqlite", "casegate.db", "casegate.sqlite.new", "below/other.sqlite"])
@pytest.mark.parametrize("is_forged", [False, True], ids=["same", "forged"])
def test_another_database_in_the_folder_of_a_running_one_is_refused(
    demo: tuple[Path, Path], here: Path, tmp_path: Path, name: str, is_forged: bool
) -> None:
    file = altered(demo[1], tmp_path / "forged.tar") if is_forged else demo[1]
    before = content(here)

    done = casegate("restore", str(file), data_dir=str(here), database_url=f"sqlite:///{here / name}")

    assert (done.returncode, done.stdout) == (1, "")
    assert f"{here / 'casegate.sqlite'} is another database" in done.stderr
    assert content(here) == before


@pytest.mark.parametrize("is_forged", [False, True], ids=["same", "forged"])
def test_documents_that_are_there_already_are_refused_wherever_the_database_is(
    demo: tuple[Path, Path], here: Path, tmp_path: Path, is_forged: bool
) -> None:
    file = altered(demo[1], tmp_path / "forged.tar") if is_forged else demo[1]
    before = content(here)
    places = [
        {"documents_url": f"file://{here}/documents"},
        {"documents_url": f"file://{here}/documents", "anchors_url": f"file://{tmp_path}/anchors.jsonl"},
    ]
    for place in places:
        done = casegate("restore", str(file), data_dir=str(tmp_path / "there"), **place)

        assert (done.returncode, done.stdout) == (1, "")
        assert f"{here / 'documents'} has documents already, which may be another database's" in done.stderr
        assert content(here) == before
        assert files_in(tmp_path / "there", "") == []


def test_a_folder_whose_database_is_lost_is_not_taken_over(demo: tuple[Path, Path], here: Path) -> None:
    (here / "casegate.sqlite").rename(here / "casegate.sqlite.broken")
    moved = casegate("restore", str(demo[1]), data_dir=str(here))
    (here / "casegate.sqlite.broken").unlink()
    gone = casegate("restore", str(demo[1]), data_dir=str(here))

    assert "casegate.sqlite.broken is another database" in moved.stderr
    assert "has documents already" in gone.stderr
    assert not (here / "casegate.sqlite").exists()


def test_a_place_of_its_own_in_the_same_folder_does(demo: tuple[Path, Path], here: Path) -> None:
    before = content(here)
    own = {
        "data_dir": str(here),
        "database_url": f"sqlite:///{here}/other.sqlite",
        "documents_url": f"file://{here}/other-documents",
        "anchors_url": f"file://{here}/other-anchors.jsonl",
    }

    done = casegate("restore", str(demo[1]), **own)

    assert done.returncode == 0, done.stderr
    assert casegate_json("documents", "verify", **own) == {"documents": 15, "faults": [], "orphans": []}
    assert {name: found for name, found in content(here).items() if not name.startswith("other")} == before


async def test_a_bucket_that_has_documents_is_refused(demo: tuple[Path, Path], s3: str, tmp_path: Path) -> None:
    place = f"s3://evidence/{uuid4()}"
    store = open_store(place, tmp_path, allow_http=True)

    assert await restore(demo[1], tmp_path / "casegate.sqlite", store) == 15
    with pytest.raises(BackupError, match=f"{place} has documents already"):
        await restore(demo[1], tmp_path / "other.sqlite", store)

    assert not (tmp_path / "other.sqlite").exists()
    assert len([blob async for batch in store.blobs() for blob in batch]) == 15


# --- What is cut off --------------------------------------------------------------------------------------------------


async def test_a_restore_that_fails_on_the_way_takes_back_what_it_has_stored(
    demo: tuple[Path, Path], tmp_path: Path
) -> None:
    content_ = bytearray(demo[1].read_bytes())
    with tarfile.open(demo[1]) as tar:
        last = [member for member in tar if member.name.startswith("documents/")][-1]
    content_[last.offset_data] ^= 1
    (tmp_path / "spoiled.tar").write_bytes(content_)

    with pytest.raises(BackupError, match="is not what the manifest says"):
        await restore(tmp_path / "spoiled.tar", tmp_path / "there" / "c.sqlite", open_store("", tmp_path / "there"))

    assert files_in(tmp_path / "there", "") == []
    assert await restore(demo[1], tmp_path / "there" / "c.sqlite", open_store("", tmp_path / "there")) == 15


async def test_a_restore_that_is_cancelled_takes_back_what_it_has_stored(
    demo: tuple[Path, Path], tmp_path: Path
) -> None:
    store = open_store("", tmp_path)
    task = asyncio.create_task(restore(demo[1], tmp_path / "c.sqlite", store))
    while not [path for path in files_in(tmp_path, "documents/blobs") if path.name != "restoring"]:
        assert not task.done()
        await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert files_in(tmp_path, "") == []


# The process ends itself, as kill -9 would, or is interrupted, before it stores its eighth document.
CUT_OFF = """
import asyncio, os, sys
from app.backup import restore
done, number = 0, int(sys.argv[1])
put_new = restore.DocumentStore.put_new

async def put(self, *rest):
    global done
    done += 1
    if done == 8:
        os.kill(os.getpid(), number)
        await asyncio.sleep(1)  # meanwhile the signal is handled
    return await put_new(self, *rest)

restore.DocumentStore.put_new = put
sys.argv = ["casegate", *sys.argv[2:]]
from app.cli import main
main()
"""


def cut_off(number: int, file: Path, **settings: str) -> "subprocess.CompletedProcess[bytes]":
    process = [sys.executable, "-c", CUT_OFF, str(number), "restore", str(file)]
    return subprocess.run(process, cwd=ROOT, env=environment(**settings), capture_output=True, timeout=60, check=False)


def test_a_restore_that_was_killed_is_gone_on_with(demo: tuple[Path, Path], tmp_path: Path) -> None:
    place = {"data_dir": str(tmp_path / "there")}

    killed = cut_off(signal.SIGKILL, demo[1], **place)
    left = files_in(tmp_path / "there", "")
    elsewhere = casegate("restore", str(demo[1]), **place, database_url=f"sqlite:///{tmp_path}/x.sqlite")
    again = casegate("restore", str(demo[1]), **place)

    assert killed.returncode == -signal.SIGKILL
    assert not [path for path in left if path.suffix == ".sqlite"]
    assert "has documents already" in elsewhere.stderr
    assert again.returncode == 0, again.stderr
    assert casegate_json("documents", "verify", **place) == {"documents": 15, "faults": [], "orphans": []}
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["casegate.sqlite", "documents"]


@pytest.mark.parametrize("interrupt", [signal.SIG_DFL, signal.SIG_IGN], ids=["foreground", "background"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_restore_that_is_interrupted_leaves_nothing(
    demo: tuple[Path, Path], tmp_path: Path, number: int, interrupt: signal.Handlers
) -> None:
    before = signal.signal(signal.SIGINT, interrupt)  # as the child's shell would have set it
    try:
        done = cut_off(number, demo[1], data_dir=str(tmp_path / "there"))
    finally:
        signal.signal(signal.SIGINT, before)

    assert done.returncode == 128 + number
    assert b"Traceback" not in done.stderr
    assert files_in(tmp_path / "there", "") == []


def test_of_two_at_once_one_restores_and_the_other_takes_nothing_away(demo: tuple[Path, Path], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "app", "restore", str(demo[1])]
    settings = environment(data_dir=str(tmp_path))
    processes = [
        subprocess.Popen(command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    found = [(*process.communicate(timeout=60), process.returncode) for process in processes]

    assert sorted(code for _, _, code in found) == [0, 1, 1]
    assert all("already" in reported or "under way" in reported for _, reported, code in found if code), found
    assert casegate_json("documents", "verify", data_dir=str(tmp_path))["faults"] == []


# --- What is no file --------------------------------------------------------------------------------------------------

PLACES: dict[str, Callable[[Path], object]] = {
    "a folder": lambda path: path.mkdir(),
    "a pipe": os.mkfifo,
    "a link to a device": lambda path: path.symlink_to("/dev/null"),
    "a link to a folder": lambda path: path.symlink_to(path.parent),
}


@pytest.mark.parametrize("make", PLACES.values(), ids=PLACES.keys())
def test_a_backup_takes_the_place_of_no_folder_pipe_or_device(
    demo: tuple[Path, Path], tmp_path: Path, make: Callable[[Path], object]
) -> None:
    make(tmp_path / "there")
    was = (tmp_path / "there").lstat().st_ino
    for force in ((), ("--force",)):
        done = casegate("backup", str(tmp_path / "there"), *force, data_dir=str(demo[0]))

        assert (done.returncode, done.stdout) == (1, "")
        assert "is a folder, a pipe or a device" in done.stderr
    assert (tmp_path / "there").lstat().st_ino == was
    assert [path.name for path in tmp_path.iterdir()] == ["there"]

    done = casegate("restore", str(tmp_path / "there"), data_dir=str(tmp_path / "data"))
    assert (done.returncode, done.stdout) == (1, "")
    assert "is no file" in done.stderr


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("-", 2, "name one"),
        (".", 1, "is a folder"),
        ("..", 1, "is a folder"),
        ("/", 1, "is a folder"),
        ("missing/casegate.tar", 1, "No such file"),
        ("x" * 300, 1, "File name too long"),
        ("", 1, "is a folder"),
    ],
)
def test_a_backup_that_can_t_be_written_fails_with_one_line(
    demo: tuple[Path, Path], name: str, code: int, words: str
) -> None:
    done = casegate("backup", "--", name, data_dir=str(demo[0]))

    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_file_that_is_no_database_fails_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "casegate.sqlite").write_text("not a database, but longer than its header: " + "x" * 5_000)

    done = casegate("backup", str(tmp_path / "casegate.tar"), data_dir=str(tmp_path))

    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no backup: file is not a database" in done.stderr
    assert not (tmp_path / "casegate.tar").exists()
