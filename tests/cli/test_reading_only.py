"""Commands that only read: nothing is made, migrated or changed, and what can't be read is told with exit code 2."""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from app.db.engines import Database
from app.db.migrate import migrate
from app.db.upgrades import OLDEST_PROGRAM
from app.domain.commands import AddComment
from app.domain.model import CaseStatus
from tests.support.anchored_cases import Scene
from tests.support.gateway import ROOT, casegate, casegate_json, demo_in, environment
from tests.support.ports import free_port
from tests.support.world import World

READING = {
    "log verify": ("log", "verify"),
    "log export": ("log", "export", "--case", "CASE-000002"),
    "log follow": ("log", "follow", "--until-caught-up"),
    "documents verify": ("documents", "verify"),
    "account list": ("account", "list"),
    "user list": ("user", "list", "--account", str(uuid4())),
    "token list": ("token", "list"),
    "doctor": ("doctor",),
}


def content(folder: Path) -> dict[str, bytes | None]:
    """Return what stands in a folder, to the byte."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def is_one_sentence(said: str) -> bool:
    return said.startswith("casegate: ") and said.count("\n") == 1 and "Traceback" not in said


@pytest.mark.parametrize("command", READING)
def test_a_mistyped_path_is_reported_and_not_created(tmp_path: Path, command: str) -> None:
    (tmp_path / "empty").mkdir()
    before = content(tmp_path)
    places = [
        {"data_dir": str(tmp_path / "typo")},
        {"data_dir": str(tmp_path / "empty")},
        {"data_dir": str(tmp_path / "typo"), "database_url": f"sqlite:///{tmp_path}/typo/casegate.sqlite"},
        {"data_dir": str(tmp_path / "typo"), "database_url": f"sqlite:///{tmp_path}/empty"},
        {"data_dir": str(tmp_path / "typo"), "database_url": f"postgresql://nobody@127.0.0.1:{free_port()}/none"},
    ]

    done = [casegate(*READING[command], **place) for place in places]

    assert [one.returncode for one in done] == [2] * len(places)
    assert all(is_one_sentence(one.stderr) and not one.stdout for one in done), [one.stderr for one in done]
    assert content(tmp_path) == before


@pytest.mark.parametrize("command", READING)
async def test_reading_leaves_every_byte_of_the_folder_as_it_is(
    scene: Scene, fresh_url: str, tmp_path: Path, command: str
) -> None:
    await scene.database.close()
    place = {"database_url": fresh_url, "data_dir": str(tmp_path)}
    before = content(tmp_path)

    done = await asyncio.to_thread(casegate, *READING[command], **place)

    # The tests' PostgreSQL is made to be fast, and the doctor rightly says so.
    code = 1 if command == "doctor" and not fresh_url.startswith("sqlite") else 0
    assert (done.returncode, done.stderr) == (code, "none\n" if command == "user list" else "")
    assert content(tmp_path) == before


async def revised(fresh_url: str, database: Database, how: str) -> None:
    if how == "older":
        await migrate(database, "0004")
    else:
        async with database.write() as connection:
            change = "UPDATE alembic_version SET version_num = '9999'"
            await connection.execute(text("DROP TABLE alembic_version" if how == "none" else change))
            await connection.execute(text(f"DELETE FROM server_keys WHERE name = '{OLDEST_PROGRAM}'"))
    await database.close()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("older", "it is at revision 0004, and this program reads"),
        ("newer", "it is at revision 9999, which this program does not know"),
        ("none", "it holds no data of Casegate's"),
    ],
)
async def test_a_database_of_another_version_is_reported_and_not_migrated(
    fresh_url: str, database: Database, tmp_path: Path, how: str, words: str
) -> None:
    await revised(fresh_url, database, how)
    place = {"database_url": fresh_url, "data_dir": str(tmp_path)}
    before = content(tmp_path)

    verify = await asyncio.to_thread(casegate, "log", "verify", **place)
    again = await asyncio.to_thread(casegate, "account", "list", **place)

    assert (verify.returncode, again.returncode) == (2, 2)
    assert is_one_sentence(verify.stderr)
    assert words in verify.stderr
    assert verify.stderr == again.stderr
    assert content(tmp_path) == before


def test_a_file_that_is_no_database_is_reported_and_left_unchanged(tmp_path: Path) -> None:
    for name, bytes_ in {"empty": b"", "garbage": b"not a database at all" * 500}.items():
        (tmp_path / name).write_bytes(bytes_)
    with closing(sqlite3.connect(tmp_path / "other")) as other:
        other.execute("CREATE TABLE t (x)")
    before = content(tmp_path)

    done = [
        casegate("log", "verify", database_url=f"sqlite:///{tmp_path / name}") for name in ("empty", "garbage", "other")
    ]

    assert [one.returncode for one in done] == [2, 2, 2]
    assert all(is_one_sentence(one.stderr) for one in done)
    assert content(tmp_path) == before


async def test_a_database_that_is_not_on_the_server_is_reported(fresh_url: str, tmp_path: Path) -> None:
    if fresh_url.startswith("sqlite"):
        pytest.skip("there is no server")

    done = await asyncio.to_thread(casegate, "log", "verify", database_url=f"{fresh_url}_typo", data_dir=str(tmp_path))

    assert done.returncode == 2
    assert is_one_sentence(done.stderr)


async def test_what_is_written_meanwhile_is_read(world: World, fresh_url: str, tmp_path: Path) -> None:
    """The database is in use: its last rows stand in the write-ahead log."""
    place = {"database_url": fresh_url, "data_dir": str(tmp_path)}
    case = (await world.case_in(CaseStatus.IN_PROGRESS)).case

    async def write() -> None:
        for number in range(40):
            await world.do(world.ada, AddComment(case_id=case.id, comment=str(number)))
            await asyncio.sleep(0.02)

    writing = asyncio.create_task(write())
    during = await asyncio.to_thread(casegate, "log", "verify", **place)
    await writing
    after = await asyncio.to_thread(casegate, "log", "verify", **place)

    assert (during.returncode, after.returncode) == (0, 0)
    assert after.stdout.endswith("1 case, 42 rows: no bad\n")


async def test_a_read_only_folder_is_read(scene: Scene, fresh_url: str, tmp_path: Path) -> None:
    setpriv = shutil.which("setpriv")
    if not fresh_url.startswith("sqlite") or setpriv is None:
        pytest.skip("it takes a file, and somebody who may not write to it")
    await scene.database.close()
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(fresh_url.removeprefix("sqlite:///"), folder / "casegate.sqlite")
    shutil.copy(scene.path, folder)
    before = content(folder)
    for path in (*folder.iterdir(), folder):
        path.chmod(0o555 if path == folder else 0o444)
    command = [sys.executable, "-m", "app", "log", "verify", "--key", scene.key]
    if os.getuid() == 0:  # to whom modes say nothing
        command = [setpriv, "--bounding-set=-dac_override,-dac_read_search", *command]

    done = await asyncio.to_thread(
        subprocess.run,
        command,
        cwd=ROOT,
        env=environment(data_dir=str(folder)),
        capture_output=True,
        text=True,
        check=False,
    )

    folder.chmod(0o755)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("2 cases, 14 rows: no bad\n")
    assert content(folder) == before


# --- What is beside the database --------------------------------------------------------------------------------------


def test_documents_that_are_looked_for_in_the_wrong_place_are_not_called_bad(tmp_path: Path) -> None:
    demo_in(tmp_path)
    before = content(tmp_path)

    typo = casegate("documents", "verify", data_dir=str(tmp_path), documents_url=(tmp_path / "typo").as_uri())
    right = casegate("documents", "verify", data_dir=str(tmp_path))

    assert (typo.returncode, right.returncode) == (2, 0)
    assert is_one_sentence(typo.stderr)
    assert content(tmp_path) == before


def test_a_bucket_that_is_not_there_says_nothing_of_the_documents(s3: str, tmp_path: Path) -> None:
    demo_in(tmp_path)

    done = casegate("documents", "verify", data_dir=str(tmp_path), documents_url="s3://nowhere/x")

    assert done.returncode == 2
    assert is_one_sentence(done.stderr)


async def test_anchors_that_are_looked_for_in_the_wrong_place_are_not_passed_over(
    scene: Scene, fresh_url: str, tmp_path: Path
) -> None:
    await scene.database.close()
    place = {"database_url": fresh_url, "data_dir": str(tmp_path)}
    before = content(tmp_path)

    for typo in (tmp_path / "typo.jsonl", tmp_path / "no folder" / "anchors.jsonl", tmp_path):
        done = await asyncio.to_thread(casegate, "log", "verify", **place, anchors_url=typo.as_uri())
        assert done.returncode == 2
        assert "anchors" in done.stderr and "Traceback" not in done.stderr

    assert content(tmp_path) == before


def test_no_key_is_made_in_a_mistyped_folder(tmp_path: Path) -> None:
    done = casegate("log", "key", data_dir=str(tmp_path / "typo"))

    assert (done.returncode, done.stdout) == (2, "")
    assert is_one_sentence(done.stderr)
    assert content(tmp_path) == {}


def test_a_database_that_was_left_by_a_crash_is_read_to_its_last_row(tmp_path: Path) -> None:
    demo_in(tmp_path)
    path = tmp_path / "casegate.sqlite"
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("UPDATE users SET display_name = 'Zoë of the log' WHERE display_name LIKE 'A%'")
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", crashed / f"casegate.sqlite{suffix}")
    before = content(crashed)
    account = casegate_json("account", "list", data_dir=str(tmp_path))[0]["id"]

    done = casegate("user", "list", "--account", account, data_dir=str(crashed))

    assert done.returncode == 0
    assert "Zoë of the log" in done.stdout
    assert {name: content(crashed)[name] for name in before} == before
