"""Commits whose outcome nobody knows: a proxy in front of PostgreSQL cuts connections as they commit."""

import asyncio
from urllib.parse import urlsplit, urlunsplit

from tests.faults.proxy import COMMIT, Proxy
from tests.faults.report import Report, say
from tests.faults.site import Site
from tests.faults.workload import AUTOCOMMITTED
from tests.support.ports import wait_until

CUT = 0.2
WRITES_FOR_S = 2  # or longer, until there was a cut of each kind
WHEN = ("before", "after")


async def cut_commits(site: Site, rounds: int) -> Report:
    """Let everybody write through the proxy, *rounds* times."""
    assert site.cluster is not None
    report = Report("connection cut at COMMIT", site)
    proxy = Proxy(site.cluster.port, site.chance, commits=(COMMIT, *(text.encode() for text in AUTOCOMMITTED)))
    async with proxy.serving() as port:
        await asyncio.to_thread(site.gateway.stop)
        site.gateway.settings = {**site.gateway.settings, "database_url": _through(site.url, port)}
        await asyncio.to_thread(site.gateway.start)
        for number in range(1, rounds + 1):
            await _round(site, proxy, f"c{number}", f"{site.engine} commit {number}/{rounds}")
        await asyncio.to_thread(site.gateway.stop)
    return report


async def _round(site: Site, proxy: Proxy, prefix: str, name: str) -> None:
    before = len(site.history.events)
    proxy.cuts.clear()
    async with site.load.running(prefix):
        proxy.share = CUT
        await asyncio.sleep(WRITES_FOR_S)
        await asyncio.to_thread(wait_until, lambda: all(proxy.cuts[when] for when in WHEN), site.patience_s)
        proxy.share = 0
    faults = site.demand_retryable(name)
    for when in WHEN:
        site.demand(proxy.cuts[when] > 0, f"{name}: no connection was cut {when} its commit was done")
    await site.judge(name)
    cuts = f"cut {proxy.cuts['before']} before and {proxy.cuts['after']} after the commit was done"
    say(f"{name}: {cuts}; {site.reported(before)}, {faults} answers with 503; {site.rows} rows")


def _through(url: str, port: int) -> str:
    """Return *url* with another port."""
    parts = urlsplit(url)
    place = f"{parts.netloc.rpartition(':')[0]}:{port}"
    return urlunsplit(parts._replace(netloc=place))
