"""Fill an account on PostgreSQL with millions of rows: histories are made once, and filled in many times.

What is written is as `generate` writes it, each case with ids, times, files and a chain of hashes of its own, so that
`casegate log verify` finds nothing wrong; the tables have to be empty. Triggers and foreign keys are off meanwhile, and
indexes are made afterwards, all in one transaction, so that the database has all of it or nothing.
"""

import argparse
import asyncio
import io
import multiprocessing
import random
import shutil
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg

from app.admin import accounts
from app.db import tables
from app.db.engines import open_database
from app.db.log_position import catch_up
from app.db.migrate import migrate
from scripts.benchmarks.generate import FILLED, analyze, make_people
from scripts.benchmarks.histories import START, People, histories
from scripts.benchmarks.templates import HistoryTemplate, template_of

CASES = 2_000
ACTIONS_A_CASE = 5
SPAN = timedelta(days=690)
"""When the cases were opened, from the first to the last, where there are so many that they would take longer."""
PACE = timedelta(minutes=5)
BYTES_A_ROW = 3_000
"""What a row of the log takes of the disk with all that hangs on it, while indexes are made; 1 800 in the end."""
AHEAD = 2
COPIED = (*FILLED, tables.case_texts)
BARE = [table.name for table in (*COPIED, tables.reassigned_reviewers)]
"""All that has triggers of those, and of what refers to them."""

Say = Callable[[str], None]


class NoRoom(Exception):
    """The disk is too full for so many rows."""


@dataclass(frozen=True, slots=True)
class BulkPart:
    """All templates once more: the number of the first case, and the place of the first row."""

    first: int
    position: int
    pace: timedelta


def require_room(folder: Path, rows: int) -> None:
    """See that the disk has room for so many. Raises: NoRoom."""
    needed, free = rows * BYTES_A_ROW, shutil.disk_usage(folder).free
    if needed > free:
        raise NoRoom(
            f"{rows} rows take {needed / 2**30:.0f} GiB while they are made, and {folder} has {free / 2**30:.0f}"
        )


async def fill_in_bulk(
    url: str, account_id: UUID, people: People, rows: int, say: Say, *, cases: int = CASES, workers: int = 1
) -> int:
    """Write about *rows* rows of an account's log, in a database that has no case yet; return how many there are.

    *cases*: how many histories are made, at most.
    """
    cases = max(1, min(cases, rows // ACTIONS_A_CASE))
    known = {str(id) for id in people.ids}
    made = histories(account_id, people, cases, ACTIONS_A_CASE * cases, random.Random(1))
    templates = [template_of(history, known) for history in made]
    each = sum(len(template.entries) for template in templates)
    times = max(1, round(rows / each))
    pace = min(PACE, SPAN / (times * cases))
    parts = [BulkPart(1 + cases * number, 1 + each * number, pace) for number in range(times)]
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction(), _bare_tables(connection, say):
            await _copy(connection, templates, parts, each, workers, say)
            count = "UPDATE accounts SET case_count = $2 WHERE id = $1"
            await connection.execute(count, account_id, times * cases)
    finally:
        await connection.close()
    return times * each


async def _copy(
    connection: Any, templates: Sequence[HistoryTemplate], parts: Sequence[BulkPart], each: int, workers: int, say: Say
) -> None:
    """Write the parts in their order, while the next ones are filled in by processes of their own."""
    columns = {name: names for template in templates for name, names in template.columns.items()}
    loop, started = asyncio.get_running_loop(), time.perf_counter()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _take, (templates,)) as pool:
        coming = [loop.run_in_executor(pool, filled_in, part) for part in parts[: workers + AHEAD]]
        for number in range(len(parts)):
            lines = await coming.pop(0)
            if (following := number + workers + AHEAD) < len(parts):
                coming.append(loop.run_in_executor(pool, filled_in, parts[following]))
            for table, text in lines.items():
                await connection.copy_to_table(
                    table, source=io.BytesIO(text), columns=columns[table], format="text", freeze=True
                )
            done = (number + 1) * each
            say(f"{done} of {len(parts) * each} rows, {done / (time.perf_counter() - started):.0f} a second")


_templates: Sequence[HistoryTemplate] = ()


def _take(templates: Sequence[HistoryTemplate]) -> None:
    global _templates  # noqa: PLW0603  # sent once to each process, and not with each part
    _templates = templates


def filled_in(part: BulkPart) -> dict[str, bytes]:
    """Return the lines of a part by their tables, in the order in which they can be written."""
    found: dict[str, list[str]] = defaultdict(list)
    dice, position = random.Random(part.first), part.position
    for number, template in enumerate(_templates, part.first):
        opened = (START + part.pace * number).replace(tzinfo=None)
        for table, text in template.filled(number, opened, position, dice.getrandbits(59)):
            found[table].append(text)
        position += len(template.entries)
    return {table: "".join(texts).encode() for table, texts in found.items()}


@asynccontextmanager
async def _bare_tables(connection: Any, say: Say) -> AsyncIterator[None]:
    """Have no triggers, no foreign keys and no indexes but those of constraints, and make them anew afterwards.

    Tables that are emptied in the same transaction are not written to the write-ahead log, where `wal_level` is
    minimal. Raises: ValueError, where they are not empty.
    """
    names = ", ".join(table.name for table in COPIED)
    for table in COPIED:
        if await connection.fetchval(f"SELECT EXISTS (SELECT 1 FROM {table.name})"):
            raise ValueError(f"{table.name} is not empty")
    await connection.execute("SET LOCAL session_replication_role = replica")
    triggers = await connection.fetch(TRIGGERS, BARE)
    for name in BARE:
        await connection.execute(f"ALTER TABLE {name} DISABLE TRIGGER USER")
    await connection.execute(f"TRUNCATE {names} CASCADE")
    indexes = await connection.fetch(INDEXES, [table.name for table in COPIED])
    for name, _ in indexes:
        await connection.execute(f"DROP INDEX {name}")
    yield
    await connection.execute("SET LOCAL maintenance_work_mem = '1GB'")
    for name, definition in indexes:
        say(f"the index {name}")
        await connection.execute(definition)
    for table, name, mode in triggers:
        await connection.execute(f"ALTER TABLE {table} ENABLE {MODES[mode]} TRIGGER {name}")


TRIGGERS = """
SELECT relname, tgname, tgenabled FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
WHERE relname = ANY ($1) AND relnamespace = 'public'::regnamespace AND NOT tgisinternal AND tgenabled <> 'D'
"""
MODES = {b"O": "", b"A": "ALWAYS", b"R": "REPLICA"}
INDEXES = """
SELECT relname, pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE indrelid = ANY ($1::text[]::regclass[])
    AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)
ORDER BY relname
"""


async def main(url: str, rows: int, workers: int) -> None:
    """Migrate the empty database at *url*, and fill one account."""
    database = open_database(url)
    await migrate(database)
    account = await accounts.create_account(database, f"Generated {rows}")
    people = await make_people(database, account.id)
    started = time.perf_counter()
    written = await fill_in_bulk(url, account.id, people, rows, lambda words: print(words, flush=True), workers=workers)
    async with database.write() as connection:
        await catch_up(connection)
    await analyze(database)
    await database.close()
    print(f"{account.id}: {written} rows in {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="postgresql://user:password@host/name, of an empty database; its superuser's")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=1, help="processes that fill in")
    given = parser.parse_args()
    asyncio.run(main(given.url, given.rows, given.workers))
