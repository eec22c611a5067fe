"""Each command, whatever its surroundings are: one line at most, a documented exit code, and no traceback."""

import os
import re
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import typer

from app.cli.program import program
from tests.support.gateway import COMMAND_S, FORKS, casegate, casegate_json, environment

DONE, REFUSED, WRONG, UNWRITTEN = 0, 1, 2, 3
ENDINGS = {DONE, REFUSED, WRONG, UNWRITTEN}
ABSENT = str(uuid4())


class Place(NamedTuple):
    """A data folder with a demo in it, and what commands can name there."""

    folder: Path
    account: str
    user: str
    token: str
    backup: Path


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("endings") / "data"
    account = casegate_json("demo", data_dir=str(folder))["account"]["id"]
    user = casegate_json("user", "list", "--account", account, data_dir=str(folder))[0]["id"]
    token = casegate_json("token", "list", "--account", account, data_dir=str(folder))[0]["id"]
    backup = folder.parent / "casegate.tar"
    casegate("log", "anchor", data_dir=str(folder))
    assert casegate("backup", str(backup), data_dir=str(folder)).returncode == DONE
    return Place(folder, account, user, token, backup)


@pytest.fixture
def place(original: Place, tmp_path: Path) -> Place:
    """A place of the test's own."""
    folder = tmp_path / "data"
    shutil.copytree(original.folder, folder)
    return original._replace(folder=folder)


def commands(place: Place) -> dict[str, Sequence[str]]:
    """Return the arguments of each command, as they would succeed."""
    issuer = ("--issuer", "https://login.example")
    return {
        "serve": ("--port", "1" if os.geteuid() else "70000"),
        "migrate": (),
        "demo": (),
        "schema": (),
        "backup": (str(place.folder.parent / f"{uuid4()}.tar"),),
        "restore": (str(place.backup),),
        "account create": ("--name", "Acme"),
        "account list": (),
        "account revoke": (place.account,),
        "user create": ("--account", place.account, "--email", "x@y.example", "--name", "X", "--role", "ADMIN"),
        "user list": ("--account", place.account),
        "user show": (place.user,),
        "user link": (place.user, *issuer, "--subject", "s"),
        "user unlink": (place.user, *issuer),
        "user email": (place.user, "new@y.example"),
        "user revoke": (place.user,),
        "token create": ("--user", place.user, "--scope", "cases_read"),
        "token list": (),
        "token revoke": (place.token,),
        "documents verify": (),
        "documents examine": (),
        "documents sweep": (),
        "documents adopt": (),
        "log verify": (),
        "log export": ("--case", "CASE-000001"),
        "log anchor": (),
        "log key": (),
    }


class Ended(NamedTuple):
    code: int
    output: bytes
    errors: str


def run(arguments: Sequence[str], settings: Mapping[str, str], output: int | None, *, closed: tuple[int, ...]) -> Ended:
    """Run one command with this standard output, or what it writes to a file."""
    with tempfile.TemporaryFile() as written, tempfile.TemporaryFile() as errors:
        ends = [DupFd(written.fileno() if output is None else output), DupFd(errors.fileno())]
        process = FORKS.Process(target=_become, args=(arguments, environment(**settings), ends, closed))
        process.start()
        process.join(COMMAND_S)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"casegate {' '.join(arguments)} does not end")
        for file in (written, errors):
            file.seek(0)
        return Ended(process.exitcode, written.read(), errors.read().decode())


def _become(arguments: Sequence[str], environ: Mapping[str, str], ends: Sequence[Any], closed: Sequence[int]) -> None:
    os.environ.clear()
    os.environ.update(environ)
    for number, end in enumerate(ends, 1):
        os.dup2(end.detach(), number)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115  # as at a start
    for number in closed:
        os.close(number)
        setattr(sys, ("stdin", "stdout", "stderr")[number], None)  # as Python does where it starts so
    from app import cli

    sys.argv[1:] = arguments
    cli.main()


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
BRIEF = {"standard output is full"}


def names() -> list[str]:
    """Return the names of all commands that there are."""

    def below(command: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
        for name, sub in getattr(command, "commands", {}).items():
            yield from below(sub, (*path, name))
        if path and not hasattr(command, "commands"):
            yield " ".join(path)

    return list(below(typer.main.get_command(program)))


def test_the_table_has_every_command(original: Place) -> None:
    assert sorted(commands(original)) == sorted(names())


@pytest.mark.parametrize(
    "condition", [name if name in BRIEF else pytest.param(name, marks=pytest.mark.soak) for name in CONDITIONS]
)
def test_every_command_ends_in_a_line_and_a_documented_code(original: Place, tmp_path: Path, condition: str) -> None:
    surroundings, settings, closed = CONDITIONS[condition]
    wrong = []
    for name, arguments in commands(original).items():
        place = original._replace(folder=tmp_path / name / "data")
        shutil.copytree(original.folder, place.folder)
        with surroundings(place) as output:
            own = {"data_dir": str(place.folder), "demo": "false", **settings}
            ended = run([*name.split(), *arguments], own, output, closed=closed)
        wrong += [f"{name}: {fault}: {ended}" for fault in faults(ended, condition)]
        shutil.rmtree(place.folder.parent)

    assert wrong == []


def faults(ended: Ended, condition: str) -> Iterator[str]:
    if ended.code not in ENDINGS:
        yield "its code is not documented"
    if "Traceback" in ended.errors or re.search(r"\bFile \"", ended.errors):
        yield "a traceback"
    if len(ended.errors) > 1_500 or "Exception" in ended.errors:
        yield "more than a line"
    if ended.code not in (DONE, WRONG) and "error" not in condition and "all" not in condition and not ended.errors:
        yield "it says nothing"
    if "output" in condition and "closed" not in condition and ended.code == DONE and ended.output:
        yield "what was lost is not told"
