"""Streams are cut: the gateway dies, PostgreSQL restarts, its notifications end, clients are lost. Each has it all."""

import asyncio
import random

from sqlalchemy import select, text

from app.db import tables
from app.db.engines import open_database
from tests.faults.history import now
from tests.faults.report import Report, say
from tests.faults.site import Site, busy
from tests.faults.subscribers import Entry, Subscriber, following

SUBSCRIBERS = 50
CAUGHT_UP_S = 60
"""In how many seconds every subscriber has to have all, once nobody writes any more."""

END_LISTENING = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ILIKE 'LISTEN %'"


async def cut_streams(site: Site, rounds: int) -> Report:
    """Cut what streams depend on *rounds* times; every subscriber has to have the whole log, once, in order."""
    report = Report(f"streams of {SUBSCRIBERS} subscribers cut", site)
    people = site.load.people
    subscribers = [
        Subscriber(people[number % len(people)], site.gateway.address, random.Random(f"{site.load.seed} {number}"))
        for number in range(SUBSCRIBERS)
    ]
    begun = len(await whole_log(site.url))
    async with following(subscribers):
        for number in range(1, rounds + 1):
            fault = site.chance.choice(("gateway", "clients", *(("database", "listener") if site.cluster else ())))
            name = f"{site.engine} streams, {fault} {number}/{rounds}"
            before = len(site.history.events)
            async with site.load.running(f"s{number}"):
                await asyncio.sleep(site.chance.uniform(0.3, 2))
                await _cut(site, fault, subscribers)
                await site.demand_writes(name)
                await asyncio.sleep(site.chance.uniform(0.2, 1))
            site.demand_retryable(name)
            seconds = await demand_whole_log(site, name, subscribers, begun)
            report.measure("until all had all", seconds)
            connections = sum(subscriber.connections for subscriber in subscribers)
            say(f"{name}: {site.reported(before)}; all had all after {seconds:.1f} s; {connections} connections so far")
    await site.judge(f"{site.engine} streams")
    return report


async def _cut(site: Site, fault: str, subscribers: list[Subscriber]) -> None:
    if fault == "gateway":
        site.gateway.kill()
        await asyncio.to_thread(site.gateway.start)
    elif fault == "clients":
        for subscriber in site.chance.sample(subscribers, len(subscribers) // 2):
            subscriber.cut()
            await asyncio.sleep(site.chance.uniform(0, 0.02))
    elif fault == "database":
        assert site.cluster is not None
        await asyncio.to_thread(site.cluster.stop, "immediate")
        await asyncio.sleep(site.chance.uniform(0, 2))
        await asyncio.to_thread(site.cluster.start)
    else:
        await _end_listening(site)


async def _end_listening(site: Site) -> None:
    """Cut the gateway's connections that hear PostgreSQL's notifications."""
    assert site.cluster is not None
    database = open_database(site.cluster.admin_url)
    try:
        async with database.write() as connection:
            found = await connection.execute(text(END_LISTENING))
            site.demand(bool(found.all()), "no connection hears notifications")
    finally:
        await database.close()


async def demand_whole_log(site: Site, name: str, subscribers: list[Subscriber], begun: int) -> float:
    """Take down each subscriber who has not what came after the first *begun* rows, once and in order.

    Return in how many seconds all had.
    """
    since = now()
    expected = (await whole_log(site.url))[begun:]

    def is_behind() -> bool:
        return any(len(subscriber.received) < len(expected) for subscriber in subscribers)

    while is_behind() and now() < since + CAUGHT_UP_S:  # noqa: ASYNC110  # there are 50 of them
        await asyncio.sleep(0.05)
    seconds = now() - since
    for number, subscriber in enumerate(subscribers):
        if subscriber.received != expected:
            site.demand(False, f"{name}: subscriber {number}: {_difference(subscriber.received, expected)}{busy()}")
        for problem in subscriber.problems:
            site.demand(False, f"{name}: subscriber {number}: {problem}")
        subscriber.problems.clear()
    return seconds


def _difference(received: list[Entry], expected: list[Entry]) -> str:
    missing, repeated = set(expected) - set(received), len(received) - len(set(received))
    first = next((at for at, pair in enumerate(zip(received, expected, strict=False)) if pair[0] != pair[1]), None)
    return f"{len(missing)} rows missing, {repeated} repeated, order differs from row {first}"


async def whole_log(url: str) -> list[Entry]:
    """Return every row of the log, in the log's order."""
    column = tables.case_actions.c
    database = open_database(url)
    try:
        async with database.read() as connection:
            found = await connection.execute(select(column.case_id, column.seq).order_by(column.position, column.id))
            return [(str(case_id), seq) for case_id, seq in found]
    finally:
        await database.close()
