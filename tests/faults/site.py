"""Where a fault run takes place: a database, a gateway on it, an account with writers, and the history that they make.

It deliberately breaks nothing: each kind of fault is a module of its own.
"""

import asyncio
import os
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from sqlalchemy import select

from app.db import tables
from app.db.engines import open_database
from tests.faults.checker import check
from tests.faults.cluster import Cluster, cluster
from tests.faults.gateway import Gateway, gateway
from tests.faults.history import History, Row, now, write_rows
from tests.faults.people import make_people
from tests.faults.replication import ReplicatedPair, replicated_pair
from tests.faults.small_disk import small_disk
from tests.faults.versions import earlier_version, people_of
from tests.faults.workload import Load
from tests.support.databases import create_database
from tests.support.gateway import ROOT, casegate

UNHURRIED = {"database_pool_timeout": "30", "database_lock_timeout": "30", "deadline": "30"}
"""How long, in seconds, a gateway waits that shares the machine with other tests, which is not what a fault is."""


@dataclass(slots=True)
class Site:
    """One engine's run. `problems` is what was found wrong, `folder` is where it can be looked into."""

    engine: str
    folder: Path
    url: str
    gateway: Gateway
    cluster: Cluster | None
    pair: ReplicatedPair | None
    load: Load
    chance: Random
    disk: Path | None
    patience_s: float
    problems: list[str] = field(default_factory=list)
    rows: int = 0  # of the log, when it was looked at last

    @property
    def history(self) -> History:
        return self.load.history

    def demand(self, holds: bool, problem: str) -> None:
        """Take *problem* down unless it *holds* that there is none."""
        if not holds:
            self.problems.append(problem)

    def demand_no_faults(self, name: str) -> None:
        """Take down every answer that is a fault; what was looked at is forgotten."""
        for fault in self.load.take_faults():
            reason = self.gateway.logged_about(fault.op)
            self.demand(False, f"{name}: {fault.op}: answered with {fault.status} {fault.code}: {reason}")

    def demand_retryable(self, name: str) -> int:
        """Take down every fault that is not a retryable 503 with a request id; return how many there were."""
        faults = self.load.take_faults()
        for fault in faults:
            for flaw in fault.flaws():
                reason = self.gateway.logged_about(fault.op)
                self.demand(False, f"{name}: {fault.op}: {flaw}: {fault.status} {fault.body[:300]}: {reason}")
        return len(faults)

    async def demand_writes(self, name: str, since: float | None = None) -> float:
        """Return in how many seconds an action is acknowledged that is asked for *since* then, or from now on."""
        since = now() if since is None else since
        while now() < since + self.patience_s:
            found = self.history.acknowledged_since(since)
            if found is not None:
                return found - since
            await asyncio.sleep(0.05)
        self.demand(False, f"{name}: nothing was acknowledged in {self.patience_s} s{busy()}")
        return now() - since

    def reported(self, since: int) -> str:
        """Return what clients were told after the first *since* events."""
        counts = self.counts(since)
        return f"{counts['ok']} acknowledged, {counts['fail']} refused, {counts['unknown']} unknown"

    def counts(self, since: int = 0) -> Counter[str]:
        """Return how often each kind of thing happened after the first *since* events."""
        return Counter(event.kind.value for event in self.history.events[since:])

    async def judge(self, name: str) -> None:
        """Hold the whole history against the whole log, and have the log verified."""
        rows = await read_log(self.url)
        write_rows(self.folder / "log.jsonl", rows)
        for violation in check(self.history.events, rows):
            self.demand(False, f"{name}: {violation}")
        for client in self.load.clients:
            for op in client.unsettled:
                self.demand(False, f"{name}: {op}: its outcome could not be learned")
            client.unsettled.clear()
        verified = await asyncio.to_thread(casegate, "log", "verify", database_url=self.url)
        self.demand(verified.returncode == 0, f"{name}: log verify: {verified.stdout}{verified.stderr}")
        if self.engine == "sqlite":
            found = _integrity(self.url)
            self.demand(found == ["ok"], f"{name}: integrity_check: {found}")
        self.rows = len(rows)


@contextmanager
def site(
    engine: str,
    folder: Path,
    seed: int,
    writers: int,
    *,
    disk_mib: int | None = None,
    log_inside: bool = False,
    is_replicated: bool = False,
    patience_s: float = 10,
    released: str | None = None,
    is_forked: bool = False,
) -> Iterator[Site]:
    """Yield a running site on *engine* whose files are in *folder*; its database has a disk of *disk_mib*, if given.

    What has to go on after a fault has to do so within *patience_s*. The gateway is that of the commit *released*, if
    given, and *is_forked* from a process that has imported it where it does not matter how long anything takes.

    Raises: CannotMount, PostgresqlMissing, PostgresqlFailed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        server, pair, data = None, None, folder
        documents = f"file://{folder / 'documents'}"
        if is_replicated:
            pair = stack.enter_context(replicated_pair())
            create_database(pair.primary.admin_url, "casegate")
            url = pair.url("casegate")
        elif engine == "postgresql":
            server = stack.enter_context(cluster(disk_mib, log_inside=log_inside))
            data, url = server.data, create_database(server.admin_url, "casegate")
        else:
            if disk_mib:
                data = stack.enter_context(small_disk(folder / "disk", disk_mib))
            url, documents = f"sqlite:///{data / 'casegate.sqlite'}", f"file://{data / 'documents'}"
        root = earlier_version(released, folder / "released") if released else ROOT
        people = people_of(root, url, writers) if released else asyncio.run(make_people(url, writers))
        history = History(stack.enter_context((folder / "history.jsonl").open("w")))
        settings = {"database_url": url, "documents_url": documents, "webhooks_allow_private": "true"}
        if is_forked:
            settings |= UNHURRIED
        running = stack.enter_context(gateway(folder, root, 1, is_forked, **settings))
        load = Load.of(people, running.address, history, seed)
        chance = Random(f"{seed} {engine} {folder.name}")
        disk = data if disk_mib else None
        yield Site(engine, folder, url, running, server, pair, load, chance, disk, patience_s)


def busy() -> str:
    """Return how busy the machine is, for whoever wonders why something took its time."""
    return f" (load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)"


def _integrity(url: str) -> list[str]:
    """Return what SQLite finds wrong with its file, `ok` where that is nothing."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        return [row[0] for row in connection.execute("PRAGMA integrity_check")]


async def read_log(url: str) -> list[Row]:
    """Return every row of the log, as the database has it."""
    table = tables.case_actions
    statement = select(table.c.case_id, table.c.seq, table.c.type, table.c.hash, table.c.request_id)
    database = open_database(url)
    try:
        async with database.read() as connection:
            found = await connection.execute(statement)
            return [Row(case=str(row[0]), seq=row[1], action=str(row[2]), hash=row[3], op=row[4]) for row in found]
    finally:
        await database.close()
