"""A later version takes the place of this one: it starts beside it, migrates, and takes over, under the writers."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from app.db.engines import open_database
from app.db.revisions import revision
from tests.faults.gateway import Gateway
from tests.faults.report import Report, say
from tests.faults.site import Site
from tests.faults.versions import later_version
from tests.support.gateway import ROOT, environment
from tests.support.ports import free_port


async def upgrade(site: Site, rounds: int) -> Report:
    """Go from one version to the next and back *rounds* times; from an earlier commit once, and not back."""
    report = Report("a later version beside this one, migration", site)
    is_earlier = site.gateway.root != ROOT
    root = ROOT if is_earlier else later_version(site.folder / "later")
    before = await _revision(site)
    assert before is not None
    for number in range(1, 2 if is_earlier else rounds + 1):
        name, since = f"{site.engine} upgrade {number}/{rounds}", len(site.history.events)
        with _beside(site, root) as later:
            seconds = await _start_beside(site, later, name, f"u{number}")
            if site.problems:  # the first version would not start anew either
                return report
            after = await _revision(site)
            site.demand(after != before or is_earlier, f"{name}: nothing was migrated")
            await _share(site, later, name, f"b{number}")
            await _replace(site, later, name, f"n{number}")
        await site.judge(name)
        if not is_earlier:
            await _go_back(site, root, before)
        report.measure("start of the later version with its migration", seconds)
        say(f"{name}: from {before} to {after}, {site.reported(since)}; {site.rows} rows")
    return report


@contextmanager
def _beside(site: Site, root: Path) -> Iterator[Gateway]:
    """Yield a gateway of another version that is yet to be started, with the same settings; it is gone afterwards."""
    later = replace(site.gateway, log=site.folder / "later.log", port=free_port(), process=None, root=root)
    try:
        yield later
    finally:
        later.stop()


async def _start_beside(site: Site, later: Gateway, name: str, load: str) -> float:
    """Start the later version while all write to the first one; return how many seconds it took."""
    async with site.load.running(load):
        await asyncio.sleep(site.chance.uniform(0.5, 1.5))
        seconds = await asyncio.to_thread(later.start)
        site.demand(await asyncio.to_thread(site.gateway.is_ready), f"{name}: the first version is not ready any more")
        await site.demand_writes(name)
    site.demand_no_faults(f"{name}, migrating")
    return seconds


async def _share(site: Site, later: Gateway, name: str, load: str) -> None:
    """Let both versions serve, each half of the writers, and start the first one anew meanwhile."""
    for client in site.load.clients[::2]:
        client.address = later.address
    async with site.load.running(load):
        await asyncio.sleep(site.chance.uniform(0.5, 1.5))
        await asyncio.to_thread(site.gateway.kill)
        await asyncio.to_thread(site.gateway.start)
        await site.demand_writes(name)
        await asyncio.sleep(site.chance.uniform(0.5, 1.5))
    site.demand_no_faults(f"{name}, side by side")


async def _replace(site: Site, later: Gateway, name: str, load: str) -> None:
    """End the first version, and let all write to the later one."""
    await asyncio.to_thread(site.gateway.stop)
    for client in site.load.clients:
        client.address = later.address
    async with site.load.running(load):
        await site.demand_writes(name)
        await asyncio.sleep(site.chance.uniform(0.5, 1.5))
    site.demand_no_faults(f"{name}, replaced")


async def _go_back(site: Site, root: Path, before: str) -> None:
    """Bring the database back, while nobody serves it, and start the first version."""
    await asyncio.to_thread(_migrate, site, root, before)
    await asyncio.to_thread(site.gateway.start)
    for client in site.load.clients:
        client.address = site.gateway.address


async def _revision(site: Site) -> str | None:
    """Return the database's revision, whichever version has brought it there."""
    database = open_database(site.url)
    try:
        return await revision(database)
    finally:
        await database.close()


def _migrate(site: Site, root: Path, to: str) -> None:
    """Have a version bring the database to a revision. Raises: CalledProcessError."""
    command = [sys.executable, "-m", "app", "migrate", "--to", to]
    subprocess.run(command, cwd=root, env=environment(**site.gateway.settings), stdout=subprocess.DEVNULL, check=True)
