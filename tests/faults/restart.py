"""PostgreSQL dies and comes back: it is ended as by a crash under the writers, stays away for a while, and recovers."""

import asyncio

from tests.faults.report import Report, say
from tests.faults.site import Site


async def restart(site: Site, rounds: int) -> Report:
    """End and start PostgreSQL *rounds* times."""
    assert site.cluster is not None
    report = Report("PostgreSQL restarted, -m immediate", site)
    for number in range(1, rounds + 1):
        name = f"{site.engine} restart {number}/{rounds}"
        before = len(site.history.events)
        async with site.load.running(f"r{number}"):
            await asyncio.sleep(site.chance.uniform(0.3, 2))
            await asyncio.to_thread(site.cluster.stop, "immediate")
            await asyncio.sleep(site.chance.uniform(0, 3))
            await asyncio.to_thread(site.cluster.start)
            seconds = await site.demand_writes(name)
            await asyncio.sleep(site.chance.uniform(0.2, 1))
        faults = site.demand_retryable(name)
        await site.judge(name)
        report.measure("first write after its return", seconds)
        say(f"{name}: {site.reported(before)}, {faults} answers with 503; {site.rows} rows")
    return report
