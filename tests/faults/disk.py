"""The disk is full: a small one that the database is on is filled up under the writers, and emptied again.

On PostgreSQL the write-ahead log is on another disk, as it advises, but for `fill_log`: without room for it, the whole
server ends itself, and somebody has to start it when there is room.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg

from tests.faults.client import Answer, Client
from tests.faults.cluster import Cluster
from tests.faults.history import now
from tests.faults.report import Report, say
from tests.faults.site import Site
from tests.support.ports import wait_until

FULL_WITHIN_S = 20
STAYS_FULL_S = 2
READ_EVERY_S = 0.05
DOCUMENT_BYTES = 1 << 20
QUERY = {"query": "{ cases(first: 5) { nodes { reference status actions(first: 3) { nodes { seq hash } } } } }"}


async def fill_disk(site: Site, rounds: int) -> Report:
    """Fill the site's disk up and empty it *rounds* times."""
    assert site.disk is not None
    report = Report("disk full", site)
    for number in range(1, rounds + 1):
        name = f"{site.engine} disk full {number}/{rounds}"
        before = len(site.history.events)
        async with site.load.running(f"d{number}"):
            await asyncio.sleep(site.chance.uniform(0.3, 1))
            with _full(site.disk) as refill:
                reads = await _wait_in_vain(site, name, refill)
            seconds = await site.demand_writes(name)
            await asyncio.sleep(site.chance.uniform(0.2, 1))
        faults = site.demand_retryable(name)
        site.demand(faults > 0, f"{name}: no write was refused")
        files = [path.name for path in (site.disk / "documents").rglob("*") if path.is_file()]
        left = [name for name in files if name != "owner"]
        site.demand(left == [], f"{name}: of a document that was refused there are still {left}")
        await site.judge(name)
        report.measure("first write with room again", seconds)
        say(f"{name}: {site.reported(before)}, {faults} answers with 503; {reads} reads; {site.rows} rows")
    return report


async def fill_log(site: Site, rounds: int) -> Report:
    """Fill the disk of PostgreSQL's write-ahead log up, *rounds* times, and start it again when there is room."""
    assert site.disk is not None and site.cluster is not None
    report = Report("disk of the write-ahead log full", site)
    for number in range(1, rounds + 1):
        name = f"{site.engine} log full {number}/{rounds}"
        before = len(site.history.events)
        async with site.load.running(f"l{number}"):
            await asyncio.sleep(site.chance.uniform(0.3, 1))
            with _full(site.disk) as ballast:
                ballast.grow()
                await _begin_segment(site.cluster)
                await asyncio.to_thread(wait_until, lambda: site.load.has_faults, FULL_WITHIN_S)
                await asyncio.sleep(STAYS_FULL_S)
            await asyncio.to_thread(site.cluster.start_again)
            report.measure("first write after its return", await site.demand_writes(name))
        faults = site.demand_retryable(name)
        site.demand(faults > 0, f"{name}: no write was refused")
        await site.judge(name)
        say(f"{name}: {site.reported(before)}, {faults} answers with 503; {site.rows} rows")
    return report


async def _begin_segment(cluster: Cluster) -> None:
    """Have the log need a new file, which it would by itself once it has grown by 16 MiB."""
    with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        admin = await asyncpg.connect(cluster.admin_url)
        try:
            await admin.execute("SELECT pg_switch_wal()")
        finally:
            await admin.close()


async def _wait_in_vain(site: Site, name: str, refill: "Ballast") -> int:
    """Keep the disk full until writes have been refused for a while, reading on; return how many reads there were."""
    client, reads = site.load.clients[0], 0
    deadline, until = now() + FULL_WITHIN_S, None
    while now() < (until or deadline):
        refill.grow()
        site.demand(await _reads(client), f"{name}: a read was not answered while the disk was full")
        reads += 1
        if until is None and site.load.has_faults:
            until = now() + STAYS_FULL_S
            await _demand_no_upload(site, name, client)
        await asyncio.sleep(READ_EVERY_S)
    return reads


async def _reads(client: Client) -> bool:
    answer = await client.http.post("/graphql", json=QUERY)
    return answer.status_code == 200 and "errors" not in answer.json()


async def _demand_no_upload(site: Site, name: str, client: Client) -> None:
    """See to it that a document that there is no room for is refused as actions are."""
    content, id = os.urandom(DOCUMENT_BYTES // 2).hex(), f"{client.name}-upload"
    answer = await client.http.post("/documents?filename=a.txt", content=content, headers={"X-Request-ID": id})
    if site.engine == "postgresql" and answer.status_code == 201:
        return  # documents have a disk of their own there, and the row may have found room
    reported = Answer(now(), id, answer.status_code, dict(answer.headers), answer.text)
    for flaw in reported.flaws():
        site.demand(False, f"{name}: {id}: {flaw}: {reported.status} {reported.body[:300]}")


class Ballast:
    """A file that takes all room that there is."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "ballast"
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def grow(self) -> None:
        """Take what room has come about since the last time."""
        for size in (1 << 20, 1 << 12):
            with suppress(OSError):
                while os.write(self._file, bytes(size)):
                    pass

    def remove(self) -> None:
        os.close(self._file)
        self._path.unlink()


@contextmanager
def _full(folder: Path) -> Iterator[Ballast]:
    ballast = Ballast(folder)
    try:
        yield ballast
    finally:
        ballast.remove()
