"""A large account on PostgreSQL: what its rows take of the disk, what reading and keeping them takes, and partitions.

It asks what grows with the rows, and so what an operator has to do when there are many.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from scripts.benchmarks import calls as making
from scripts.benchmarks.alone import open_bench
from scripts.benchmarks.compare import Say, Wanted, verified
from scripts.benchmarks.data import Data, Size, make_data
from scripts.benchmarks.measuring import percentile
from scripts.benchmarks.operations import OPERATIONS
from scripts.benchmarks.report import machine
from scripts.benchmarks.servers import Server, gateway

ACTIONS_A_CASE = 5
PARTITIONS = 16
TIMES = 20
"""How often each request is sent, of which the median counts."""

SIZES = """
SELECT relname, n_live_tup, pg_relation_size(relid) AS heap, pg_indexes_size(relid) AS indexes,
    pg_total_relation_size(relid) - pg_relation_size(relid) - pg_indexes_size(relid) AS others
FROM pg_stat_user_tables ORDER BY pg_total_relation_size(relid) DESC LIMIT 8
"""
CLOSED = """
SELECT count(*) FILTER (WHERE status = 'CLOSED')::float / count(*) AS cases,
    sum(action_count) FILTER (WHERE status = 'CLOSED')::float / sum(action_count) AS actions
FROM cases WHERE account_id = $1
"""

READS: Mapping[str, str] = {
    "worklist, 50 cases with 5 actions": OPERATIONS[1].document,
    "the account's log, its last 100 rows": "{ actions(first: 100) { nodes { seq type createdAt } } }",
    "search for a word, 20 cases": '{ cases(search: "Rechnung", first: 20) { nodes { id title } } }',
    "search, all counted": '{ cases(search: "Rechnung", first: 20) { totalCount nodes { id title } } }',
    "facets of all cases": "{ cases(first: 1) { facets { statuses { count } } } }",
    "cases sorted by their actions": "{ cases(first: 20, orderBy: [{field: ACTION_COUNT}]) { nodes { id } } }",
    "the inbox, counted": "{ viewer { inbox(first: 20) { totalCount } } }",
}
UPKEEP: Mapping[str, Sequence[str]] = {
    "VACUUM (FREEZE) of case_actions": ("VACUUM (FREEZE) case_actions",),
    "an index on case_actions": ("CREATE INDEX made_anew ON case_actions (account_id, created_at)",),
    "the same, CONCURRENTLY": (
        "DROP INDEX made_anew",
        "CREATE INDEX CONCURRENTLY made_anew ON case_actions (account_id, created_at)",
    ),
    "a column with a default": ("ALTER TABLE case_actions ADD COLUMN later integer NOT NULL DEFAULT 0",),
}
KEYS = ("(account_id, id)", "(account_id, case_id, seq)", "(account_id, position, id)", "(user_id, case_id)")
PARTED = [
    "CREATE TABLE parted (LIKE case_actions) PARTITION BY HASH (account_id)",
    *(
        f"CREATE TABLE parted_{number} PARTITION OF parted FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"
        for number in range(PARTITIONS)
    ),
    "INSERT INTO parted SELECT * FROM case_actions",
    *(f"CREATE INDEX ON parted {key}" for key in KEYS),
    "ANALYZE parted",
]
LAST_ROWS = "SELECT id FROM {} WHERE account_id = $1 ORDER BY position DESC, id DESC LIMIT 100"


@dataclass(frozen=True, slots=True)
class LargeReport:
    """What was measured with so many rows."""

    rows: int
    figures: Mapping[str, float]
    """Seconds, by what took them."""
    tables: Sequence[Mapping[str, Any]]
    notes: Sequence[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {"machine": machine(), "rows": self.rows, "seconds": dict(self.figures), "tables": list(self.tables)}

    def as_text(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.rows} rows in the log, on {', '.join(f'{key} {value}' for key, value in machine().items())}\n"
        for name, seconds in self.figures.items():
            yield f"{name:48} {seconds * 1000:12.1f} ms"
        yield f"\n{'table':24} {'rows':>12} {'heap':>10} {'indexes':>10} {'others':>10}  MiB"
        for table in self.tables:
            sizes = " ".join(f"{table[part] / 2**20:10.0f}" for part in ("heap", "indexes", "others"))
            yield f"{table['relname']:24} {table['n_live_tup']:12} {sizes}"
        yield from self.notes


def large(wanted: Wanted, rows: int, say: Say) -> LargeReport:
    """Measure an account whose log has so many rows."""
    with open_bench(wanted) as bench:
        say(f"making {rows} rows")
        began = time.perf_counter()
        data = asyncio.run(make_data(bench.url, Size(rows // ACTIONS_A_CASE, rows, 200, 100), say))
        figures = {"making them": time.perf_counter() - began}
        tables, closed = asyncio.run(_sizes(bench.url, data.reading.account_id))
        with gateway(bench.folder, bench.url) as server:
            figures |= _requests(server, data, say)
        figures |= _verification(bench.url, bench.folder, say)
        figures |= asyncio.run(_upkeep(bench.url, data.reading.account_id, say))
        return LargeReport(rows, figures, tables, [closed])


async def _sizes(url: str, account_id: UUID) -> tuple[Sequence[Mapping[str, Any]], str]:
    connection = await asyncpg.connect(url)
    try:
        tables = [dict(row) for row in await connection.fetch(SIZES)]
        shares = await connection.fetchrow(CLOSED, account_id)
    finally:
        await connection.close()
    return tables, f"closed: {shares['cases']:.2f} of the cases, with {shares['actions']:.2f} of the rows"


def _requests(server: Server, data: Data, say: Say) -> dict[str, float]:
    """Return the median time of each request, one at a time."""
    taken = {"one case": _median(server, data, [_one_case(id) for id, _ in data.cases[:TIMES]])}
    for name, document in READS.items():
        say(name)
        taken[name] = _median(server, data, [{"query": document, "variables": {"first": 50}}] * TIMES)
    comment = OPERATIONS[2]
    calls = making.calls_of(comment, data, server)[:TIMES]
    bodies = [making.body_of(server, comment, call)[1] for call in calls]
    taken["addComment"] = _median(server, data, bodies, is_write=True)
    return taken


def _one_case(id: UUID) -> dict[str, Any]:
    return {"query": OPERATIONS[0].document, "variables": {"id": str(id)}}


def _median(server: Server, data: Data, bodies: Sequence[Any], *, is_write: bool = False) -> float:
    desk = data.commenting if is_write else data.reading
    times = []
    for body in bodies:
        began = time.perf_counter()
        answer = making.ask(server, desk, body)
        times.append(time.perf_counter() - began)
        assert "errors" not in answer, answer
    return percentile(times, 0.5)


def _verification(url: str, folder: Path, say: Say) -> dict[str, float]:
    say("casegate log verify")
    began = time.perf_counter()
    verified(url, folder)
    return {"casegate log verify": time.perf_counter() - began}


async def _upkeep(url: str, account_id: UUID, say: Say) -> dict[str, float]:
    """Return how long each statement takes that keeps a table, and what a copy in partitions makes of reading it."""
    connection = await asyncpg.connect(url)
    taken = {}
    try:
        for name, statements in UPKEEP.items():
            say(name)
            for statement in statements:
                taken[name] = await timed(connection, statement)
        say("partitions")
        taken[f"a copy in {PARTITIONS} partitions, with its indexes"] = sum(
            [await timed(connection, statement) for statement in PARTED]
        )
        for table, name in (("case_actions", "the last 100 rows, one table"), ("parted", "the same of partitions")):
            statement = LAST_ROWS.format(table)
            times = [await timed(connection, statement, account_id) for _ in range(TIMES)]
            taken[name] = percentile(times, 0.5)
    finally:
        await connection.close()
    return taken


async def timed(connection: Any, statement: str, *values: object) -> float:
    """Return how many seconds a statement takes."""
    began = time.perf_counter()
    await (connection.fetch(statement, *values) if values else connection.execute(statement))
    return time.perf_counter() - began
