"""Two PostgreSQL servers of which one follows the other, and takes its place when it dies; each keeps its address.

What a supervisor of PostgreSQL does is done here by hand: it demands a synchronous standby whenever there is one.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from tests.faults.cluster import Cluster, cluster, guarded
from tests.support.ports import free_port
from tests.support.postgresql import PostgresqlFailed, PostgresqlMissing, run_as

SYNCHRONIZED_S = 60
PASSED_ON = "SELECT bool_or(sync_state = 'sync' AND flush_lsn >= $1) FROM pg_stat_replication"


@dataclass(slots=True)
class ReplicatedPair:
    """A primary, and a standby that has each acknowledged commit on its disk."""

    primary: Cluster
    standby: Cluster

    def url(self, database: str, attributes: str = "target_session_attrs=read-write") -> str:
        """Return the URL that has both hosts, always in the same order."""
        ports = sorted((self.primary.port, self.standby.port))
        hosts = ",".join(f"127.0.0.1:{port}" for port in ports)
        return f"postgresql://postgres:{quote(self.primary.password)}@{hosts}/{database}?{attributes}"

    async def synchronize(self) -> None:
        """Have commits wait for the standby from now on, and return when it has all that there is."""
        admin = await asyncpg.connect(self.primary.admin_url)
        try:
            await admin.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            await admin.execute("SELECT pg_reload_conf()")
            written = await admin.fetchval("SELECT pg_current_wal_lsn()")
            async with asyncio.timeout(SYNCHRONIZED_S):
                while not await admin.fetchval(PASSED_ON, written):  # noqa: ASYNC110  # the server tells nobody
                    await asyncio.sleep(0.05)
        finally:
            await admin.close()

    def kill_primary(self) -> None:
        """End the primary as a power cut would, with all of its processes at once."""
        lines = (self.primary.data / "postmaster.pid").read_text().splitlines()
        postmaster = int(lines[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for process in (postmaster, *map(int, children)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        while Path(f"/proc/{postmaster}").exists() and not _is_zombie(postmaster):
            time.sleep(0.01)

    def promote(self) -> None:
        """Have the standby take the place of the primary, which is gone; it has no standby of its own yet."""
        self.standby.control("promote")
        self.primary, self.standby = self.standby, self.primary

    def rebuild_standby(self) -> None:
        """Make the standby anew from the primary, and start it."""
        shutil.rmtree(self.standby.data, ignore_errors=True)
        shutil.rmtree(self.standby.folder / "wal", ignore_errors=True)
        copy_primary(self.primary, self.standby)
        self.standby.start()


def copy_primary(primary: Cluster, standby: Cluster, **settings: str) -> None:
    """Make *standby*'s data from *primary*, which it is to follow. It demands no standby itself."""
    place = f"host=127.0.0.1 port={primary.port} user=postgres password={primary.password}"
    command: list[str | Path] = [primary.binaries / "pg_basebackup", "--pgdata", standby.data, "--dbname", place]
    command += ["--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "--no-sync"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, **run_as(primary.account))
    if done.returncode:
        raise PostgresqlFailed(f"pg_basebackup ended with {done.returncode}: {done.stderr[-2000:]}")
    with (standby.data / "postgresql.auto.conf").open("a") as file:
        for name, value in {"synchronous_standby_names": "", **settings}.items():
            file.write(f"{name} = '{value}'\n")


@contextmanager
def standby_of(primary: Cluster, folder: Path, **settings: str) -> Iterator[Cluster]:
    """Yield a running standby of *primary* whose data are in *folder*, with *settings* of its own."""
    folder.mkdir()
    if primary.account:
        primary.account.own(folder)
    made = Cluster(primary.binaries, folder, primary.account, primary.password, free_port())
    copy_primary(primary, made, **settings)
    made.start()
    with guarded(made):
        yield made


@contextmanager
def replicated_pair() -> Iterator[ReplicatedPair]:
    """Yield a primary with a synchronous standby. Raises: PostgresqlMissing, PostgresqlFailed."""
    with ExitStack() as stack:
        primary = stack.enter_context(cluster(log_inside=True))
        made = ReplicatedPair(primary, stack.enter_context(standby_of(primary, primary.folder / "standby")))
        asyncio.run(made.synchronize())
        yield made


@contextmanager
def skipping_without_postgresql() -> Iterator[None]:
    """Skip the test where there is no PostgreSQL, loudly, or fail where CI demands one."""
    try:
        yield
    except PostgresqlMissing as missing:
        if os.environ.get("CASEGATE_REQUIRE_POSTGRESQL") == "1":
            raise
        sys.stderr.write(f"\nNOT TESTED ON POSTGRESQL: {missing}\n")
        pytest.skip(f"no PostgreSQL: {missing}")


def _is_zombie(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
