"""The disk is full: a small one that the database is on is filled up under the writers, and emptied again.

On PostgreSQL the write-ahead log is on another disk, as it advises: without room for that the whole server ends itself.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.faults.client import Client
from tests.faults.history import now
from tests.faults.report import Report, say
from tests.faults.site import Site

FULL_WITHIN_S = 20
STAYS_FULL_S = 2
READ_EVERY_S = 0.05
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
        await site.judge(name)
        report.measure("first write with room again", seconds)
        say(f"{name}: {site.told(before)}, {faults} answers with 503; {reads} reads; {site.rows} rows")
    return report


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
        await asyncio.sleep(READ_EVERY_S)
    return reads


async def _reads(client: Client) -> bool:
    answer = await client.http.post("/graphql", json=QUERY)
    return answer.status_code == 200 and "errors" not in answer.json()


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
