"""The machine dies: the gateway is killed at a random moment under its writers, and started again by nobody's hand."""

import asyncio

from tests.faults.report import Report, say
from tests.faults.site import Site, busy

AGAIN = 0.2  # the share of rounds in which it is killed once more while it starts


async def kill(site: Site, rounds: int) -> Report:
    """Kill the gateway *rounds* times."""
    report = Report("kill -9 of the gateway", site)
    for number in range(1, rounds + 1):
        name = f"{site.engine} kill {number}/{rounds}"
        before = len(site.history.events)
        async with site.load.running(f"k{number}"):
            await asyncio.sleep(site.chance.uniform(0.3, 2.5))
            seconds = await _kill_and_restart(site)
            await site.demand_writes(name)
            await asyncio.sleep(site.chance.uniform(0.2, 1))
        site.demand(seconds < site.patience_s, f"{name}: the restart took {seconds:.1f} s{busy()}")
        site.demand_no_faults(name)
        await site.judge(name)
        report.measure("restart", seconds)
        say(f"{name}: {site.reported(before)}; ready again after {seconds:.1f} s; {site.rows} rows")
    return report


async def _kill_and_restart(site: Site) -> float:
    """Return how many seconds it took from the last death to readiness."""
    site.gateway.kill()
    if site.chance.random() < AGAIN:
        site.gateway.launch()
        await asyncio.sleep(site.chance.uniform(0, 3))
        site.gateway.kill()
    return await asyncio.to_thread(site.gateway.start)
