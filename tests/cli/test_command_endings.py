"""Each command, whatever its streams and its database are: one line at most, a documented exit code, no traceback."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import (
    DONE,
    WRONG,
    Ended,
    Place,
    command_names,
    commands,
    faults,
    kept,
    lost,
    make_place,
    run,
)
from tests.support.gateway import ROOT, environment
from tests.support.ports import taken_port


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with taken_port() as port:
        yield make_place(tmp_path_factory.mktemp("endings"), port)


@contextmanager
def full(_place: Place) -> Iterator[int]:
    with Path("/dev/full").open("wb") as device:
        yield device.fileno()


@contextmanager
def reader_gone(_place: Place) -> Iterator[int]:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        yield writer
    finally:
        os.close(writer)


@contextmanager
def locked(place: Place) -> Iterator[None]:
    with closing(sqlite3.connect(place.folder / "casegate.sqlite", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def garbage(place: Place) -> Iterator[None]:
    for path in place.folder.glob("casegate.sqlite*"):
        path.unlink()
    (place.folder / "casegate.sqlite").write_bytes(b"no database at all" * 1_000)
    yield


@contextmanager
def folder(place: Place) -> Iterator[None]:
    for path in place.folder.glob("casegate.sqlite*"):
        path.unlink()
    (place.folder / "casegate.sqlite").mkdir()
    yield


@contextmanager
def missing(place: Place) -> Iterator[None]:
    shutil.rmtree(place.folder)
    yield


@contextmanager
def a_file(place: Place) -> Iterator[None]:
    shutil.rmtree(place.folder)
    place.folder.write_text("not a folder")
    yield


@contextmanager
def usual(_place: Place) -> Iterator[None]:
    yield


AWAY = {"database_url": "postgresql://nobody@127.0.0.1:1/nothing"}
CONDITIONS: dict[str, tuple[Callable[[Place], Any], dict[str, str], tuple[int, ...]]] = {
    "standard output is full": (full, {}, ()),
    "the reader of standard output is gone": (reader_gone, {}, ()),
    "standard output is closed": (usual, {}, (1,)),
    "standard input is closed": (usual, {}, (0,)),
    "standard error is closed": (usual, {}, (2,)),
    "all are closed": (usual, {}, (0, 1, 2)),
    "somebody writes": (locked, {"database_lock_timeout": "0.1"}, ()),
    "the database is garbage": (garbage, {}, ()),
    "the database is a folder": (folder, {}, ()),
    "there is no data folder": (missing, {}, ()),
    "the data folder is a file": (a_file, {}, ()),
    "the database is away": (usual, AWAY, ()),
}
DESTROYING = (garbage, folder, missing, a_file)
BRIEF = {"standard output is full"}


def test_the_table_has_every_command(original: Place) -> None:
    assert sorted(commands(original)) == sorted(command_names())


@pytest.mark.parametrize(
    "condition", [name if name in BRIEF else pytest.param(name, marks=pytest.mark.soak) for name in CONDITIONS]
)
def test_every_command_ends_in_a_line_and_a_documented_code(original: Place, tmp_path: Path, condition: str) -> None:
    surroundings, settings, closed = CONDITIONS[condition]
    before, wrong = kept(original), []
    for name in commands(original):
        place = original.copied(tmp_path / name)
        arguments = commands(place)[name]
        with surroundings(place) as output:
            own = {"data_dir": str(place.folder), "demo": "false", **settings}
            ended = run([*name.split(), *arguments], own, output, closed=closed)
        wrong += [f"{name}: {fault}: {ended}" for fault in (*faults(ended), *unreported(ended, condition))]
        if surroundings not in DESTROYING:
            wrong += [f"{name}: lost: {what}" for what in lost(before, kept(place))]
        shutil.rmtree(tmp_path / name)

    assert wrong == []


def unreported(ended: Ended, condition: str) -> Iterator[str]:
    if ended.code not in (DONE, WRONG) and "error" not in condition and "all" not in condition and not ended.errors:
        yield "it says nothing"
    if "output" in condition and "closed" not in condition and ended.code == DONE and ended.output:
        yield "what was lost is not told"


# What outlives a command would be called by the interpreter that takes itself apart, and never otherwise.
OUTLIVING = """
import atexit, sys
from app import cli

class Outliving:
    def __del__(self):
        print("taken apart")

outliving = Outliving()

def program():
    atexit.register(lambda: print("called at the exit"))
    sys.stdout.write("printed, ")
    raise SystemExit(3)

cli._program = program
cli.main()
"""


def test_a_command_ends_its_process_without_the_interpreter_being_taken_apart() -> None:
    process = [sys.executable, "-c", OUTLIVING, "log", "verify"]

    done = subprocess.run(process, cwd=ROOT, env=environment(), capture_output=True, timeout=60, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (3, b"printed, called at the exit\n", b"")
