"""A PostgreSQL that keeps what it acknowledges, and can be ended and started again, at the same address.

The server of the other tests is made to be fast, and forgets.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tests.faults.small_disk import small_disk
from tests.support.ports import free_port
from tests.support.postgresql import Account, PostgresqlFailed, create_cluster, find_binaries, run_as

WAIT_S = 60

OPTIONS = "-c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=100"

# Ends the server and removes its folder when the pipe on its input closes: by us, or by our death, however sudden.
WATCHDOG = """
cat
"$1" stop --pgdata "$2/data" --mode immediate --silent
rm -rf -- "$2"
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A server with its data; all else is PostgreSQL's default, as for durability."""

    binaries: Path
    folder: Path
    account: Account | None
    password: str
    port: int

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def admin_url(self) -> str:
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres"

    def move_log(self) -> None:
        """Have the write-ahead log outside the data's folder: on another disk, where that is one of its own."""
        log = self.data / "pg_wal"
        shutil.move(log, self.folder / "wal")
        log.symlink_to(self.folder / "wal")
        if self.account:
            self.account.own(self.folder / "wal")

    def start(self) -> None:
        """Start it, and return when it takes connections. Raises: PostgresqlFailed."""
        log = str(self.folder / "log")
        self.control("start", "--log", log, "--options", f"-p {self.port} {OPTIONS}")

    def start_again(self) -> None:
        """Start it where it has ended itself; where it still tries to recover, that will do."""
        command: list[str | Path] = [self.binaries / "pg_ctl", "status", "--pgdata", self.data]
        if subprocess.run(command, check=False, capture_output=True, **run_as(self.account)).returncode:
            self.start()

    def stop(self, mode: str = "immediate") -> None:
        """End it; *immediate* is without a checkpoint and without a word to anybody, so that it has to recover."""
        self.control("stop", "--mode", mode)

    def control(self, *arguments: str) -> None:
        """Have `pg_ctl` do something, and wait until it is done. Raises: PostgresqlFailed."""
        command: list[str | Path] = [self.binaries / "pg_ctl", *arguments, "--pgdata", self.data]
        command += ["--wait", "--timeout", str(WAIT_S)]
        # The server inherits these streams and keeps them: a pipe would never come to its end.
        null = subprocess.DEVNULL
        done = subprocess.run(
            command, check=False, stdout=null, stderr=null, timeout=2 * WAIT_S, **run_as(self.account)
        )
        if done.returncode:
            log = (self.folder / "log").read_text(errors="replace")
            raise PostgresqlFailed(
                f"pg_ctl {arguments[0]} ended with {done.returncode}; the log ends with\n{log[-4000:]}"
            )


@contextmanager
def cluster(disk_mib: int | None = None, *, log_inside: bool = False) -> Iterator[Cluster]:
    """Yield a running server that is gone afterwards; its data are on a disk of *disk_mib*, if given.

    Its write-ahead log is on another disk, unless it is *log_inside*.

    Raises: PostgresqlMissing, PostgresqlFailed, CannotMount.
    """
    account = Account.needed()
    folder = Path(tempfile.mkdtemp(prefix="casegate-faults-"))
    try:
        with small_disk(folder / "data", disk_mib) if disk_mib else nullcontext():
            if account:
                account.own(folder)
            with _running(folder, account, log_inside) as made:
                yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(folder: Path, account: Account | None, log_inside: bool) -> Iterator[Cluster]:
    binaries = find_binaries(folder, account)
    made = Cluster(binaries, folder, account, create_cluster(binaries, folder, account), free_port())
    if not log_inside:
        made.move_log()
    made.start()
    with guarded(made):
        yield made


@contextmanager
def guarded(made: Cluster) -> Iterator[None]:
    """End a running server and remove its folder afterwards, also where we end meanwhile."""
    watchdog = subprocess.Popen(
        ["sh", "-c", WATCHDOG, "watchdog", str(made.binaries / "pg_ctl"), str(made.folder)],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **run_as(made.account) | {"stdin": subprocess.PIPE},
    )
    try:
        yield
    finally:
        watchdog.communicate()
