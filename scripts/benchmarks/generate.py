"""Fill an account with many cases, in bulk: it writes histories as `histories` makes them up.

It goes round `app.actions.perform`, which would take hours; `casegate log verify` finds nothing wrong with what it
writes.
"""

import argparse
import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields
from functools import cache, partial
from operator import attrgetter
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Column, Dialect, Table, TypeDecorator, insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.admin import accounts
from app.db import tables
from app.db.engines import Database, open_database
from app.db.indexed import FOLDING, IndexedWords
from app.db.log_position import catch_up
from app.db.migrate import migrate
from app.domain.folding import lexemes, reference_lexemes
from app.domain.model import Role, SearchField
from app.domain.text import identity
from scripts.benchmarks.histories import History, People, histories

BATCH = 1000
FILLED = (
    tables.subjects,
    tables.cases,
    tables.comments,
    tables.documents,
    tables.overrides,
    tables.override_reviewers,
    tables.case_actions,
)
"""The tables that histories fill, each after those that it refers to."""


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


ASIDE = {
    "override_reviewers_insert_refused": "override_reviewers",
    "comments_logged": "comments",
    "documents_logged": "documents",
    "overrides_logged": "overrides",
    "case_actions_position_refused": "case_actions",
    "cases_first_owner_refused": "cases",
    "cases_first_due_date_logged": "cases",
    "cases_searched": "cases",
    "comments_searched": "comments",
    "documents_searched": "documents",
}
"""The triggers that hold what is written to the order in which it happens, or that make search words; their tables."""


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
    """Write these histories in one transaction, with the words that they are found by."""
    rows, texts = rows_of(batch, written), [text for history in batch for text in texts_of(history)]
    async with database.write() as connection:
        for table, records in rows.items():
            if database.is_sqlite:
                await _insert(connection, table, records)
            else:
                await _copy(connection, table, records)
        await _insert(connection, tables.case_texts, texts)
    return sum(len(history.actions) for history in batch)


async def _insert(connection: AsyncConnection, table: Table, records: Sequence[Mapping[str, Any]]) -> None:
    if records:
        await connection.execute(insert(table), records)


async def _copy(connection: AsyncConnection, table: Table, records: Sequence[Mapping[str, Any]]) -> None:
    """Write by PostgreSQL's COPY, which goes past SQLAlchemy and its types."""
    await connection.execute(text("SELECT 1"))  # begins the transaction that the driver then copies in
    names = list(records[0]) if records else []
    kinds = [(name, binder(table.c[name], connection.dialect)) for name in names]
    values = [tuple(record[name] if bind is None else bind(record[name]) for name, bind in kinds) for record in records]
    driver: Any = (await connection.get_raw_connection()).driver_connection
    await driver.copy_records_to_table(table.name, records=values, columns=names)


def binder(column: Column[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """Return what makes of a value the driver's, where they differ."""
    kind = column.type
    return partial(kind.process_bind_param, dialect=dialect) if isinstance(kind, TypeDecorator) else None


def rows_of(batch: Sequence[History], written: int) -> Mapping[Table, list[dict[str, Any]]]:
    """Return the rows of each table; *written* rows of the log come before them."""
    rows: dict[Table, list[dict[str, Any]]] = {table: [] for table in FILLED}
    for history in batch:
        account = {"account_id": history.account_id}
        key = {"external_key": identity(history.subject.external_ref)}
        rows[tables.subjects].append(_record(history.subject) | key | account)
        rows[tables.cases].append(_record(history.case) | account)
        rows[tables.comments] += [_record(row) | account for row in history.comments]
        rows[tables.documents] += [_record(row) | account for row in history.documents]
        rows[tables.overrides] += [_record(row) | account for row in history.overrides]
        rows[tables.override_reviewers] += _reviewers(history)
        counts = Counter(document.comment_id for document in history.documents)
        for row in history.actions:
            written += 1
            more = {"position": written, "document_count": counts[row.comment_id] if row.comment_id else 0}
            rows[tables.case_actions].append(_record(row) | account | more)
    return rows


def _reviewers(history: History) -> Iterator[dict[str, Any]]:
    for override in history.overrides:
        of_override = {"override_id": override.id, "created_by_id": override.created_by_id}
        for position, reviewer_id in enumerate(history.reviewers[override.id]):
            yield of_override | {"reviewer_id": reviewer_id, "position": position}


def _record(row: Any) -> dict[str, Any]:
    """Return the columns of a row. `asdict` would make a deep copy of each value, which took half the time."""
    names, values = _columns(cast(Any, type(row)))
    return dict(zip(names, values(row), strict=True))


@cache
def _columns(kind: type) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    names = tuple(field.name for field in fields(kind))
    return names, attrgetter(*names)


def texts_of(history: History) -> Iterator[dict[str, Any]]:
    """Yield what a case is found by, as the gateway writes it."""
    account_id, case, subject = history.account_id, history.case, history.subject
    found: list[tuple[SearchField, UUID, Collection[str]]] = [
        (SearchField.REFERENCE, case.id, reference_lexemes(case.reference)),
        (SearchField.TITLE, case.id, lexemes(case.title or "")),
        (SearchField.SUBJECT, subject.id, lexemes(subject.label)),
        *((SearchField.COMMENT, comment.id, lexemes(comment.body or "")) for comment in history.comments),
        *((SearchField.DOCUMENT, document.id, lexemes(document.filename or "")) for document in history.documents),
    ]
    of_case = {"account_id": account_id, "case_id": case.id, "folding": FOLDING}
    for field, source_id, words in found:
        yield of_case | {"field": field, "source_id": source_id, "words": IndexedWords(account_id, words)}


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
        for statement in ("SET statement_timeout = 0", "VACUUM ANALYZE", "RESET statement_timeout"):
            await autocommit.execute(text(statement))


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
