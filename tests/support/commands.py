"""The commands of `casegate`, what each is run on, and how it ended."""

import ctypes
import hashlib
import os
import re
import shutil
import sqlite3
import struct
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import typer

from app.cli.program import program
from tests.support.gateway import COMMAND_S, FORKS, casegate, casegate_json, demo_in, environment

DONE, REFUSED, WRONG, UNWRITTEN = 0, 1, 2, 3
ENDINGS = {DONE, REFUSED, WRONG, UNWRITTEN}

LINKED, NEW = "https://login.example", "https://other.example"
PERMANENT = "case_actions", "comments", "documents", "overrides", "cases", "users", "accounts"


class Place(NamedTuple):
    """A data folder with a demo in it, and what commands can name there; *port* is in use."""

    folder: Path
    account: str
    user: str
    token: str
    port: int

    @property
    def backup(self) -> Path:
        """A backup of it, beside the data folder."""
        return self.folder.parent / "casegate.tar"

    def copied(self, parent: Path) -> "Place":
        """Return a copy in *parent*, which is made."""
        shutil.copytree(self.folder.parent, parent)
        return self._replace(folder=parent / self.folder.name)


def make_place(parent: Path, port: int) -> Place:
    """Make a place in an empty folder."""
    folder = parent / "data"
    account = demo_in(folder)["account"]["id"]
    user = casegate_json("user", "list", "--account", account, data_dir=str(folder))[0]["id"]
    token = casegate_json("token", "list", "--account", account, data_dir=str(folder))[0]["id"]
    place = Place(folder, account, user, token, port)
    casegate_json("user", "link", user, "--issuer", LINKED, "--subject", "s", data_dir=str(folder))
    assert casegate("log", "anchor", data_dir=str(folder)).returncode == DONE
    assert casegate("backup", str(place.backup), data_dir=str(folder)).returncode == DONE
    return place


def commands(place: Place) -> dict[str, Sequence[str]]:
    """Return the arguments of each command. All but three succeed: a port is in use, at another nobody listens, and a
    database is restored to where there is one.
    """
    return {
        "serve": ("--port", str(place.port)),
        "migrate": (),
        "demo": (),
        "schema": (),
        "doctor": (),
        "backup": (str(place.folder.parent / f"{uuid4()}.tar"),),
        "restore": (str(place.backup),),
        "account create": ("--name", "Acme"),
        "account list": (),
        "account revoke": (place.account,),
        "user create": ("--account", place.account, "--email", "x@y.example", "--name", "X", "--role", "ADMIN"),
        "user list": ("--account", place.account),
        "user show": (place.user,),
        "user link": (place.user, "--issuer", NEW, "--subject", "s"),
        "user unlink": (place.user, "--issuer", LINKED),
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
        "log follow": ("--account", place.account, "--until-caught-up", "--json"),
        "log sample": ("--account", place.account, "--seed", "2026", "--count", "3"),
        "log account": ("--account", place.account),
        "log anchor": (),
        "log key": (),
        "webhooks check": (),
        "webhooks listen": ("--token", "t", "--url", "http://127.0.0.1:1"),
        "retention run": (),
    }


def command_names() -> list[str]:
    """Return the names of all commands that the program has."""

    def below(command: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
        for name, sub in getattr(command, "commands", {}).items():
            yield from below(sub, (*path, name))
        if path and not hasattr(command, "commands"):
            yield " ".join(path)

    return list(below(typer.main.get_command(program)))


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    output: bytes
    errors: str


def run(
    arguments: Sequence[str],
    settings: Mapping[str, str],
    output: int | None = None,
    *,
    closed: Sequence[int] = (),
    unprivileged: bool = False,
) -> Ended:
    """Run one command with this standard output, or one that is a file; see `give_up_privileges` for *unprivileged*."""
    with tempfile.TemporaryFile() as written, tempfile.TemporaryFile() as errors:
        ends = [DupFd(written.fileno() if output is None else output), DupFd(errors.fileno())]
        handed = (arguments, environment(**settings), ends, closed, unprivileged)
        process = FORKS.Process(target=_become, args=handed)
        process.start()
        process.join(COMMAND_S)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(f"casegate {' '.join(arguments)} does not end")
        for file in (written, errors):
            file.seek(0)
        return Ended(process.exitcode, written.read(), errors.read().decode())


def _become(
    arguments: Sequence[str],
    environ: Mapping[str, str],
    ends: Sequence[Any],
    closed: Sequence[int],
    unprivileged: bool,
) -> None:
    os.environ.clear()
    os.environ.update(environ)
    if unprivileged:
        give_up_privileges()
    for number, end in enumerate(ends, 1):
        os.dup2(end.detach(), number)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115  # as at a start
    for number in closed:
        os.close(number)
        setattr(sys, ("stdin", "stdout", "stderr")[number], None)  # as Python does where it starts so
    from app import cli

    sys.argv[1:] = arguments
    cli.main()


def give_up_privileges() -> None:
    """Let permissions hold for root as they do for everybody: it passes them by its capabilities, on Linux."""
    if os.geteuid() or sys.platform != "linux":
        return
    header = struct.pack("=Ii", 0x20080522, 0)  # version 3 and the calling thread: see capset(2)
    if ctypes.CDLL(None, use_errno=True).capset(header, bytes(24)):
        raise OSError(ctypes.get_errno(), "capset")


def faults(ended: Ended) -> Iterator[str]:
    """Yield what is wrong with how a command ended, whatever it was asked to do."""
    if ended.code not in ENDINGS:
        yield "its code is not documented"
    if "Traceback" in ended.errors or re.search(r"\bFile \"", ended.errors):
        yield "a traceback"
    if len(ended.errors) > 1_500 or "Exception" in ended.errors:
        yield "more than a line"


Kept = tuple[Mapping[str, int], Mapping[str, bytes], bytes, bytes]


def kept(place: Place) -> Kept:
    """Return what no command may lose: rows, documents, anchors, the key."""
    with closing(sqlite3.connect(place.folder / "casegate.sqlite")) as database:
        rows = {name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in PERMANENT}
    blobs = [path for path in (place.folder / "documents" / "blobs").rglob("*") if path.is_file()]
    documents = {path.name: hashlib.sha256(path.read_bytes()).digest() for path in blobs}
    anchors, key = ((place.folder / name).read_bytes() for name in ("anchors.jsonl", "anchors.key"))
    return rows, documents, anchors, key


def lost(before: Kept, after: Kept) -> Iterator[str]:
    """Yield what is there no more, or is another."""
    yield from (name for name, number in before[0].items() if after[0][name] < number)
    yield from (f"document {name}" for name, digest in before[1].items() if after[1].get(name) != digest)
    if not after[2].startswith(before[2]):
        yield "anchors"
    if after[3] != before[3]:
        yield "key"
