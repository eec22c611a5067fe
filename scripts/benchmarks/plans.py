"""What PostgreSQL makes of sorted lists and searches: by which index it reads, and how many rows for a page.

The plans do not depend on the clock: a list that is read by an index reads as many rows of a large archive as of a
small one.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

from app.db.engines import open_database
from app.db.repository.window import Window
from app.db.repository.worklist import Order, OrderField, Worklist, worklist_page
from scripts.benchmarks.archives import SizedArchive, SizedArchives

PAGE = 20
FAR = 40
"""Which page stands for those that are far down."""
NAMES = frozenset({"id", "number", "title", "status", "updated_at"})
ORDERS: Mapping[str, tuple[Order, ...]] = {
    "by status": (Order(OrderField.STATUS, descending=True),),
    "by status, and by change the other way": (
        Order(OrderField.STATUS, descending=False),
        Order(OrderField.UPDATED_AT, descending=True),
    ),
    "by change, and by number the other way": (
        Order(OrderField.UPDATED_AT, descending=True),
        Order(OrderField.REFERENCE, descending=False),
    ),
}


def plans(archives: SizedArchives) -> Iterator[str]:
    """Yield a line for each order."""
    found = [asyncio.run(_plans(archive)) for archive in archives.both]
    for name, (rows, steps) in found[1].items():
        before, _ = found[0][name]
        yield f"{name}: {before} rows are read of the small archive, {rows} of the large one ({steps})"


async def _plans(archive: SizedArchive) -> dict[str, tuple[int, str]]:
    """Return of each order how many rows are read for a page, and by what."""
    database = open_database(archive.data.url)
    found = {}
    try:
        async with database.read() as connection:
            for name, order in ORDERS.items():
                worklist = Worklist(archive.data.reading.account_id, order=order)
                window = Window(PAGE)
                places = await worklist_page(connection, worklist, Window(FAR * PAGE), NAMES)
                for title, one in ((name, window), (f"{name}, page {FAR + 1}", Window(PAGE, after=places[-1].key))):
                    with noted() as sent:
                        await worklist_page(connection, worklist, one, NAMES)
                    ((statement, parameters),) = sent
                    explained = await connection.exec_driver_sql(
                        f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters
                    )
                    found[title] = _read(explained.scalar())
    finally:
        await database.close()
    return found


@contextmanager
def noted() -> Iterator[list[tuple[str, Any]]]:
    """Yield a list that fills with the statements that read, with their parameters."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")) and statement != "SELECT 1":
            sent.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def _read(explained: Any) -> tuple[int, str]:
    plan = (json.loads(explained) if isinstance(explained, str) else explained)[0]["Plan"]
    nodes = list(walk(plan))
    scans = [node for node in nodes if "Relation Name" in node or "Index Name" in node]
    rows = sum((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] for node in scans)
    steps = [
        node.get("Index Name") or node["Node Type"] for node in nodes if node["Node Type"] not in ("Limit", "Result")
    ]
    return round(rows), ", ".join(dict.fromkeys(steps))


def walk(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield each step of a plan that PostgreSQL explained as JSON."""
    yield plan
    for child in plan.get("Plans", ()):
        yield from walk(child)
