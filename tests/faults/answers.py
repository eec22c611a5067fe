"""Answers are lost on the way to clients: connections end before them, and the impatient ask many times at once."""

import asyncio

from tests.faults.client import Operation
from tests.faults.history import Event, Kind
from tests.faults.report import Report, say
from tests.faults.site import Site

DUPLICATES = 50
KEYS = 2  # that are used by so many requests at once, in each round
HANG_UP = 0.5
WRITES_FOR_S = 1.5


async def lose_answers(site: Site, rounds: int) -> Report:
    """Ask with the same keys at the same time, then hang up on half of the answers, *rounds* times."""
    report = Report("answers lost, duplicates at once", site)
    for number in range(1, rounds + 1):
        name = f"{site.engine} answers {number}/{rounds}"
        before = len(site.history.events)
        for key in range(KEYS):
            await _ask_at_once(site, name, f"a{number}-{key}")
        site.load.hang_up = HANG_UP
        async with site.load.running(f"a{number}"):
            await asyncio.sleep(WRITES_FOR_S)
        site.demand_no_faults(name)
        await site.judge(name)
        hung_up = sum(event.code == "HUNG_UP" for event in site.history.events[before:])
        equal = f"{2 * KEYS} times {DUPLICATES} equal answers"
        say(f"{name}: {equal}; {site.reported(before)}, {hung_up} hung up; {site.rows} rows")
    return report


async def _ask_at_once(site: Site, name: str, id: str) -> None:
    """Open a case by as many requests with one key, then comment on it so; both are one action with equal answers."""
    subject = {"type": "COMPANY_ACCOUNT_AUDIT", "externalRef": id, "label": "Moulins", "evaluationStatus": "ANOMALY"}
    opening = Operation(f"{id}-open", "OPEN", {"subject": subject, "title": id})
    case = await _demand_one(site, name, opening)
    comment = Operation(f"{id}-comment", "COMMENT", {"caseId": case, "body": id}, case)
    await _demand_one(site, name, comment)


async def _demand_one(site: Site, name: str, operation: Operation) -> str | None:
    async with site.load.clients[0] as client:
        events: list[Event] = await asyncio.gather(*(client.ask(operation) for _ in range(DUPLICATES)))
    reported = {(event.kind, event.case, event.seq, event.hash, event.code) for event in events}
    is_one = len(reported) == 1 and events[0].kind is Kind.OK
    site.demand(is_one, f"{name}: {operation.id}: {DUPLICATES} requests with one key were told {reported}")
    return events[0].case
