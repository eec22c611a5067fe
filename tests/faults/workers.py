"""One of several processes dies: a worker, which its parent replaces, or the parent, which a supervisor does."""

import asyncio

from tests.faults.history import now
from tests.faults.report import Report, say
from tests.faults.site import Site, busy
from tests.support.ports import wait_until

WORKERS = 2


async def kill_one(site: Site, rounds: int) -> Report:
    """Kill the parent and a worker in turns, *rounds* times."""
    report = Report(f"kill -9 of one of {WORKERS} workers, or of their parent", site)
    alone = site.gateway.workers
    await _serve_with(site, WORKERS)
    for number in range(1, rounds + 1):
        victim = ("parent", "worker")[number % 2]
        name = f"{site.engine} {victim} {number}/{rounds}"
        before = len(site.history.events)
        async with site.load.running(f"w{number}"):
            await asyncio.sleep(site.chance.uniform(0.3, 2))
            seconds = await (_kill_parent(site) if victim == "parent" else _kill_worker(site))
            await site.demand_writes(name)
            await asyncio.sleep(site.chance.uniform(0.2, 1))
        site.demand(seconds < site.patience_s, f"{name}: it was replaced after {seconds:.1f} s{busy()}")
        site.demand_no_faults(name)
        await site.judge(name)
        report.measure(victim, seconds)
        say(f"{name}: {site.reported(before)}; replaced after {seconds:.1f} s; {site.rows} rows")
    await _serve_with(site, alone)
    return report


async def _serve_with(site: Site, workers: int) -> None:
    await asyncio.to_thread(site.gateway.stop)
    site.gateway.workers = workers
    await asyncio.to_thread(site.gateway.start)


async def _kill_parent(site: Site) -> float:
    """Return how many seconds it took until there was another one that was ready."""
    began = now()
    site.gateway.kill()
    await asyncio.to_thread(site.gateway.supervise)
    return now() - began


async def _kill_worker(site: Site) -> float:
    """Return how many seconds it took until there was another one."""
    began = now()
    workers = site.gateway.worker_ids()
    site.gateway.kill_worker(site.chance.choice(workers))
    await asyncio.to_thread(wait_until, lambda: set(site.gateway.worker_ids()) - set(workers) != set(), site.patience_s)
    return now() - began
