"""The primary dies for good, and its synchronous standby takes its place, under writers and subscribers.

The gateway is never restarted: it has both addresses, and finds by itself which of them takes writes.
"""

import asyncio
import random

from tests.faults.history import now
from tests.faults.report import Report, say
from tests.faults.site import Site
from tests.faults.streams import demand_whole_log, whole_log
from tests.faults.subscribers import Subscriber, following

SUBSCRIBERS = 8


async def fail_over(site: Site, rounds: int) -> Report:
    """Kill the primary, promote its standby, and make a new standby of the dead one, *rounds* times."""
    assert site.pair is not None
    report = Report("kill -9 of the primary, promotion", site)
    people, process = site.load.people, site.gateway.process
    subscribers = [
        Subscriber(people[number % len(people)], site.gateway.address, random.Random(f"{site.load.seed} {number}"))
        for number in range(SUBSCRIBERS)
    ]
    begun = len(await whole_log(site.url))
    async with following(subscribers):
        for number in range(1, rounds + 1):
            name = f"{site.engine} failover {number}/{rounds}"
            before = len(site.history.events)
            async with site.load.running(f"f{number}"):
                await asyncio.sleep(site.chance.uniform(0.5, 2))
                promoted = await _replace_primary(site)
                seconds = await site.demand_writes(name, since=promoted)
                await asyncio.sleep(site.chance.uniform(0.2, 1))
                await asyncio.to_thread(site.pair.rebuild_standby)
                await site.pair.synchronize()
            faults = site.demand_retryable(name)
            report.measure("first write after the promotion", seconds)
            behind = await demand_whole_log(site, name, subscribers, begun)
            report.measure("until all subscribers had all", behind)
            site.demand(site.gateway.process is process and site.gateway.is_running(), f"{name}: the gateway ended")
            await site.judge(name)
            counts = f"{site.reported(before)}, {faults} answers with 503"
            say(f"{name}: {counts}; writes went on after {seconds:.1f} s; {site.rows} rows")
    return report


async def _replace_primary(site: Site) -> float:
    """Kill the primary, promote its standby after a moment, and return when that was done."""
    assert site.pair is not None
    await asyncio.to_thread(site.pair.kill_primary)
    await asyncio.sleep(site.chance.uniform(0, 2))
    await asyncio.to_thread(site.pair.promote)
    return now()
