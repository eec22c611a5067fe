"""Fill an account with many cases, in bulk: it writes histories as `histories` makes them up.

It goes round `app.actions.perform`, which would take hours; `casegate log verify` finds nothing wrong with what it
writes.
"""

import argparse
import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Dialect, Table, TypeDecorator, insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.admin import accounts
from app.db import tables
from app.db.engines import Database, open_database
from app.db.log_position import catch_up
from app.db.migrate import migrate
from app.db.reindex import reindex
from app.domain.model import Role
from app.domain.text import identity
from scripts.benchmarks.histories import History, People, histories

BATCH = 1000


async def fill(database: Database, account_id: UUID, people: People, cases: int, actions: int, seed: int = 1) -> None:
    """Write the histories of an account that has no cases yet. The same *seed* gives the same histories."""
    await write(database, account_id, histories(account_id, people, cases, actions, random.Random(seed)))


async def write(database: Database, account_id: UUID, made: Iterable[History]) -> None:
    """Write these histories of an account that has no cases yet."""
    batch: list[History] = []
    written, cases = await _last_position(database), 0
    async with _in_any_order(database):
        for history in made:
            cases += 1
            batch.append(history)
            if len(batch) == BATCH:
                written += await _write(database, batch, written)
                batch = []
        await _write(database, batch, written)
    async with database.write() as connection:
        account = tables.accounts
        await connection.execute(update(account).where(account.c.id == account_id).values(case_count=cases))
        await catch_up(connection)
    await reindex(database)  # what is written in bulk comes without words


ASIDE = {
    "override_reviewers_insert_refused": "override_reviewers",
    "comments_logged": "comments",
    "documents_logged": "documents",
    "overrides_logged": "overrides",
    "case_actions_position_refused": "case_actions",
}
"""The triggers that hold what is written to the order in which it happens, and their tables."""


@asynccontextmanager
async def _in_any_order(database: Database) -> AsyncIterator[None]:
    """Let rows be written as they are in the end, and not as they came to be."""
    async with database.write() as connection:
        back = [await _put_aside(connection, trigger, table) for trigger, table in ASIDE.items()]
    try:
        yield
    finally:
        async with database.write() as connection:
            for statement in back:
                await connection.execute(text(statement))


async def _put_aside(connection: AsyncConnection, trigger: str, table: str) -> str:
    """Put a trigger aside, and return the statement that brings it back."""
    if connection.dialect.name == "sqlite":
        made = await connection.scalar(text("SELECT sql FROM sqlite_master WHERE name = :name"), {"name": trigger})
        await connection.execute(text(f"DROP TRIGGER {trigger}"))
        return str(made)
    find = text("SELECT tgenabled = 'A' FROM pg_trigger WHERE tgname = :name AND tgrelid = to_regclass(:table)")
    always = await connection.scalar(find, {"name": trigger, "table": table})
    await connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}"))
    return f"ALTER TABLE {table} ENABLE {'ALWAYS ' if always else ''}TRIGGER {trigger}"


async def _last_position(database: Database) -> int:
    """Return the place of SQLite's last row, where places are counted; PostgreSQL's come from elsewhere."""
    if not database.is_sqlite:
        return 0
    async with database.read() as connection:
        return await connection.scalar(text("SELECT coalesce(max(rowid), 0) FROM case_actions")) or 0


async def _write(database: Database, batch: Sequence[History], written: int) -> int:
    rows = _rows(batch, written)
    async with database.write() as connection:
        if database.is_sqlite:
            for table, records in rows.items():
                if records:
                    await connection.execute(insert(table), records)
        else:
            await connection.execute(text("SELECT 1"))  # begins the transaction that the driver then copies in
            raw = await connection.get_raw_connection()
            for table, records in rows.items():
                columns = list(records[0]) if records else []
                values = [
                    tuple(_stored(table.c[name], record[name], connection.dialect) for name in columns)
                    for record in records
                ]
                driver: Any = raw.driver_connection
                await driver.copy_records_to_table(table.name, records=values, columns=columns)
    return sum(len(history.actions) for history in batch)


def _stored(column: Column[Any], value: Any, dialect: Dialect) -> Any:
    """Return *value* as the driver takes it: COPY goes past SQLAlchemy's types."""
    kind = column.type
    return kind.process_bind_param(value, dialect) if isinstance(kind, TypeDecorator) else value


def _rows(batch: Sequence[History], written: int) -> Mapping[Table, list[dict[str, Any]]]:
    rows: dict[Table, list[dict[str, Any]]] = {
        table: []
        for table in (
            tables.subjects,
            tables.cases,
            tables.comments,
            tables.documents,
            tables.overrides,
            tables.override_reviewers,
            tables.case_actions,
        )
    }
    for history in batch:
        account = {"account_id": history.account_id}
        key = {"external_key": identity(history.subject.external_ref)}
        rows[tables.subjects].append(asdict(history.subject) | key | account)
        rows[tables.cases].append(asdict(history.case) | account)
        rows[tables.comments] += [asdict(row) | account for row in history.comments]
        rows[tables.documents] += [asdict(row) | account for row in history.documents]
        rows[tables.overrides] += [asdict(row) | account for row in history.overrides]
        for override in history.overrides:
            rows[tables.override_reviewers] += [
                {
                    "override_id": override.id,
                    "reviewer_id": reviewer_id,
                    "position": position,
                    "created_by_id": override.created_by_id,
                }
                for position, reviewer_id in enumerate(history.reviewers[override.id])
            ]
        counts = Counter(document.comment_id for document in history.documents)
        for row in history.actions:
            written += 1
            more = {"position": written, "document_count": counts[row.comment_id] if row.comment_id else 0}
            rows[tables.case_actions].append(asdict(row) | account | more)
    return rows


async def make_people(database: Database, account_id: UUID, number: int = 20) -> People:
    """Make people who contribute and review."""
    roles = (Role.CONTRIBUTOR, Role.REVIEWER)
    users = [
        await accounts.create_user(
            database, account_id, email=f"person{n}@{account_id}.example", name=f"Person {n}", roles=roles
        )
        for n in range(number)
    ]
    return People([user.id for user in users])


async def analyze(database: Database) -> None:
    """Let the engine's planner know how much there is of what."""
    if database.is_sqlite:
        async with database.write() as connection:
            await connection.execute(text("ANALYZE"))
        return
    async with database.writer.own() as connection:  # VACUUM begins no transaction
        autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await autocommit.execute(text("VACUUM ANALYZE"))


async def main(url: str, cases: int, actions: int) -> None:
    """Migrate the database at *url*, and fill nine tenths of the cases into one account and the rest into three."""
    database = open_database(url)
    await migrate(database)
    small = cases // 30
    for share in (cases - 3 * small, small, small, small):
        account = await accounts.create_account(database, f"Generated {share}")
        people = await make_people(database, account.id)
        started = time.perf_counter()
        await fill(database, account.id, people, share, actions * share // cases)
        print(f"{account.id}: {share} cases in {time.perf_counter() - started:.0f} s")  # a command line
    await analyze(database)
    await database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="sqlite:///path or postgresql://user:password@host/name, of an empty database")
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--actions", type=int, default=1_000_000)
    given = parser.parse_args()
    asyncio.run(main(given.url, given.cases, given.actions))
