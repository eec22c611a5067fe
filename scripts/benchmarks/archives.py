"""The archives that sizes are compared by, a small and a large one on one server: made, kept and found again."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil

from scripts.benchmarks.bulk import require_room
from scripts.benchmarks.compare import Say
from scripts.benchmarks.data import Data, Desk, Size, data_at, make_data
from tests.faults.cluster import Cluster
from tests.support.databases import create_database, database_url
from tests.support.ports import free_port
from tests.support.postgresql import Account, create_cluster, find_binaries, run_as

SMALL_ROWS = 10_000
LEAST_RATIO = 3
ACTIONS_A_CASE = 5
STATE = "archives.json"
SETTINGS = "bench.conf"

# What is being made need not outlive a crash: it is made anew then.
WHILE_MAKING = {
    "shared_buffers": "2GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "fsync": "off",
    "autovacuum": "off",
}
WHILE_MEASURING = {"shared_buffers": "2GB"}


class WrongArchive(Exception):
    """What is kept is of another size than is wanted."""


# Ends the server when the pipe on its input closes: by us, or by our death, however sudden.
WATCHDOG = 'cat; "$1" stop --pgdata "$2" --mode fast --wait --timeout 600 --silent'


@dataclass(frozen=True, slots=True)
class SizedArchive:
    """An account with so many rows in its log; `cases` is the number of its last case."""

    rows: int
    cases: int
    data: Data

    def folder(self, among: Path) -> Path:
        """Return the archive's own data folder: no two databases share one."""
        own = among / f"of-{self.rows}-rows"
        own.mkdir(exist_ok=True)
        return own


@dataclass(frozen=True, slots=True)
class SizedArchives:
    """The archives, and their server: None where it is SQLite, or somebody else's."""

    small: SizedArchive
    large: SizedArchive
    cluster: Cluster | None = None

    @property
    def both(self) -> Sequence[SizedArchive]:
        return self.small, self.large


def small_rows(rows: int) -> int:
    """Return how many rows the small archive has beside one of *rows*: it is smaller by far, whatever is wanted."""
    return min(SMALL_ROWS, rows // LEAST_RATIO)


def size_of(rows: int) -> Size:
    return Size(max(1, rows // ACTIONS_A_CASE), rows, 100, 100)


@contextmanager
def sqlite_archives(folder: Path, rows: int, say: Say) -> Iterator[SizedArchives]:
    """Yield archives in two files."""
    found = []
    for name, size in (("small", size_of(small_rows(rows))), ("large", size_of(rows))):
        say(f"making the {name} archive")
        data = asyncio.run(make_data(f"sqlite:///{folder / name}.sqlite", size))
        found.append(SizedArchive(size.actions, data.cases[0][1], data))
    small, large = found
    yield SizedArchives(small, large)


@contextmanager
def postgresql_archives(rows: int, keep: Path | None, say: Say) -> Iterator[SizedArchives]:
    """Yield archives on a server of their own; those that are kept in *keep* are not made again.

    Raises: NoRoom, WrongArchive.
    """
    folder = keep or Path(tempfile.mkdtemp(prefix="casegate-bench-"))
    try:
        if not (folder / STATE).exists():
            _make(folder, rows, say)
        cluster, found = _kept(folder)
        if abs(found["large"]["rows"] - rows) > rows / 100:
            raise WrongArchive(f"{folder} has an archive of {found['large']['rows']} rows, not of {rows}")
        with running(cluster, WHILE_MEASURING):
            small, large = (_archive(cluster, found[name], name) for name in ("small", "large"))
            yield SizedArchives(small, large, cluster)
    finally:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)


def _make(folder: Path, rows: int, say: Say) -> None:
    """Make a server's folder with both archives."""
    folder.mkdir(parents=True, exist_ok=True)
    require_room(folder, rows)
    account = Account.needed()
    if account:
        account.own(folder)
    binaries = find_binaries(folder, account)
    cluster = Cluster(binaries, folder, account, create_cluster(binaries, folder, account), free_port())
    with (cluster.data / "postgresql.conf").open("a") as settings:
        settings.write(f"include_if_exists = '{SETTINGS}'\n")
    made = {}
    with running(cluster, WHILE_MAKING):
        for name, number in (("small", small_rows(rows)), ("large", rows)):
            say(f"making the {name} archive")
            url, size = create_database(cluster.admin_url, name), size_of(number)
            data = asyncio.run(make_data(url, size, lambda words, of=name: say(f"the {of} archive: {words}")))  # type: ignore[misc]
            desks = {part: asdict(getattr(data, part)) for part in ("reading", "commenting", "deciding")}
            made[name] = {"rows": number, "cases": data.cases[0][1], "desks": desks}
    os.sync()
    state = {"password": cluster.password, "archives": made}
    (folder / STATE).write_text(json.dumps(state, default=str))


def _kept(folder: Path) -> tuple[Cluster, Mapping[str, Any]]:
    state = json.loads((folder / STATE).read_text())
    account = Account.needed()
    shutil.rmtree(folder / "wheel", ignore_errors=True)  # where programs are copied to that can't be run where they are
    binaries = find_binaries(folder, account)
    return Cluster(binaries, folder, account, state["password"], free_port()), state["archives"]


def _archive(cluster: Cluster, found: Mapping[str, Any], name: str) -> SizedArchive:
    desks = {
        part: Desk(UUID(desk["account_id"]), UUID(desk["user_id"]), desk["token"])
        for part, desk in found["desks"].items()
    }
    data = asyncio.run(data_at(database_url(cluster.admin_url, name), **desks))
    return SizedArchive(found["rows"], found["cases"], data)


@contextmanager
def running(cluster: Cluster, settings: Mapping[str, str]) -> Iterator[None]:
    """Have the server run with these settings."""
    lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
    (cluster.data / SETTINGS).write_text(lines)
    cluster.start()
    command = ["sh", "-c", WATCHDOG, "watchdog", str(cluster.binaries / "pg_ctl"), str(cluster.data)]
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    watchdog = subprocess.Popen(command, start_new_session=True, **run_as(cluster.account) | streams)
    try:
        yield
    finally:
        watchdog.communicate()


def kill(cluster: Cluster) -> None:
    """End the server by SIGKILL, and return when none of its processes is left."""
    number = int((cluster.data / "postmaster.pid").read_text().split()[0])
    postmaster = psutil.Process(number)
    processes = [postmaster, *postmaster.children(recursive=True)]
    postmaster.send_signal(signal.SIGKILL)
    psutil.wait_procs(processes, timeout=30)
