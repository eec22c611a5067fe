"""No statement takes a permanent row away or changes it: every conflict clause, on every key and every column.

The tables, their columns and their keys are read from the database, so that a table which comes later is tried as well.
SQLite's statements go around the gateway by a plain connection, with each switch that loosens a constraint.
"""

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.db import tables
from app.db.engines import Database
from app.domain.commands import CloseCase, ReassignReviewers
from app.domain.model import CaseStatus
from tests.support.api import Api
from tests.support.database_contents import set_by_hand
from tests.support.delegations import delegate, end
from tests.support.documents import TEXT, comment_with, uploaded
from tests.support.world import World

Statement = tuple[str, tuple[Any, ...]]

# OR ABORT is what no clause means where no constraint has one of its own, and REPLACE is short for INSERT OR REPLACE
# (SQLite's documentation, "The ON CONFLICT Clause" and "REPLACE").
CLAUSES = ("", "OR REPLACE", "OR IGNORE", "OR ROLLBACK", "OR FAIL")
INSERTING = [f"INSERT {clause}" for clause in CLAUSES]
ROWIDS = ("rowid", "_rowid_", "oid")
SWITCHES = ("foreign_keys", "recursive_triggers", "ignore_check_constraints", "defer_foreign_keys")

# Which rows of a table may still change, and in which columns. All others are permanent as they are.
CHANGING = {
    "cases": ("status <> 'CLOSED'", {"status", "resolution", "closed_by_id", "closed_at"}),
    "overrides": ("status = 'PENDING'", {"status", "decided_by_id", "decided_at"}),
    "documents": ("comment_id IS NULL", {"comment_id", "case_id", "position"}),
    "review_delegations": ("ended_at IS NULL", {"ended_at"}),
}
OF_A_STORY = {"version", "updated_at", "action_count", "head_hash"}

# Rows that others rest on, which may change, but by nothing that comes in their place.
KEPT = {"subjects"}


async def make_rows(world: World, api: Api) -> None:
    """Have rows of all kinds: finished and pending overrides, a closed case, documents that are attached or not, and
    delegations that are ended or not.
    """
    await delegate(world, world.rosa, world.rolf)
    await end(world, world.rosa)
    await delegate(world, world.bea, world.rolf)
    first = (await world.open_case()).case.id
    await comment_with(api, world.ada.token, first, [("a.txt", TEXT), ("b.txt", TEXT + b"b")])
    await world.request_override(first, reviewers=(world.rosa, world.rolf))
    await world.refuse(first)
    await world.request_override(first)
    await world.accept(first, comment="Sound.")
    await world.do(world.ada, CloseCase(case_id=first))
    for _ in range(2):
        await world.case_in(CaseStatus.PENDING_REVIEW)
    requested = await world.case_in(CaseStatus.PENDING_REVIEW)
    await set_by_hand(world.database, tables.users, world.rosa.id, active=False)
    assert requested.override is not None
    await world.do(
        world.carl,
        ReassignReviewers(
            case_id=requested.case.id,
            override_id=requested.override.id,
            reviewer_ids=(world.rolf.id, world.bea.id),
        ),
    )
    for number in range(2):
        await uploaded(api, world.ada.token, TEXT + str(number).encode(), f"{number}.txt")


# --- SQLite ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Keyed:
    """A table of SQLite, its columns, and each of its unique keys."""

    name: str
    columns: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]

    def rows(self, database: sqlite3.Connection, condition: str = "1") -> list[dict[str, Any]]:
        found = database.execute(f"SELECT rowid, * FROM {self.name} WHERE {condition}")
        return [dict(zip(("rowid", *self.columns), row, strict=True)) for row in found]


@dataclass(slots=True)
class Trial:
    """SQLite's database with all that must stay, and how many statements were tried on it."""

    database: sqlite3.Connection
    tables: list[Keyed]
    kept: dict[str, set[tuple[Any, ...]]] = field(default_factory=dict)
    tried: int = 0
    refused: int = 0

    @classmethod
    def of(cls, path: Path) -> "Trial":
        database = sqlite3.connect(path, isolation_level=None)
        guarded = "SELECT DISTINCT tbl_name FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '%permanent%'"
        named = [name for (name,) in database.execute(guarded)]
        return cls(database, [cls._keyed(database, name) for name in named])

    @staticmethod
    def _keyed(database: sqlite3.Connection, name: str) -> Keyed:
        columns = tuple(row[1] for row in database.execute(f"PRAGMA table_info({name})"))
        unique = [index[1] for index in database.execute(f"PRAGMA index_list({name})").fetchall() if index[2]]
        keys = [tuple(row[2] for row in database.execute(f"PRAGMA index_info({index})")) for index in unique]
        return Keyed(name, columns, (("rowid",), *keys))

    def permanent(self, tables: list[Keyed]) -> set[tuple[Any, ...]]:
        """Return what must stay: whole rows, and of each row that may still change the columns that may not."""
        return {row for table in tables for query in permanent_rows(table) for row in self.database.execute(query)}

    def run(self, table: Keyed, statement: str, values: tuple[Any, ...] = ()) -> None:
        """Run a statement in a transaction that is undone, and see that every permanent row is still there."""
        self.tried += 1
        self.database.execute("BEGIN")
        looked_at = self.tables
        try:
            self.database.execute(statement, values)
        except sqlite3.IntegrityError:
            self.refused += 1
            looked_at = [table]  # the clause alone can have done something, to its own table
        found = self.permanent(looked_at)
        for each in looked_at:
            kept = self.kept[each.name]
            assert kept <= found, (statement, values, kept - found)
        if self.database.in_transaction:
            self.database.execute("ROLLBACK")


@cache
def permanent_rows(table: Keyed) -> list[str]:
    """Return the queries for what must stay of a table, each row with the table's name."""
    may_change, columns = CHANGING.get(table.name, ("0", set()))
    if table.name in KEPT:
        may_change, columns = "1", set(table.columns) - {"id"}
    found = [f"SELECT '{table.name}', rowid, * FROM {table.name} WHERE NOT ({may_change})"]
    if table.name != "documents":  # one that nobody attached may go
        fixed = [name for name in table.columns if name not in columns | OF_A_STORY]
        found.append(f"SELECT '{table.name}', 'fixed', {', '.join(['rowid', *fixed])} FROM {table.name}")
    return found


def fresh(table: Keyed, row: dict[str, Any], kept: tuple[str, ...]) -> dict[str, Any]:
    """Return a copy of *row* that is like none in the database by any key, but for the columns *kept*."""
    values = {name: value for name, value in row.items() if name != "rowid" or "rowid" in kept}
    for name in {name for key in table.keys for name in key} - set(kept) - {"rowid"}:
        if name in ("status", "position", "seq", "number", "type"):
            values[name] = {"position": 8, "seq": 77, "number": 77}.get(name, row[name])
        elif row[name] is not None:
            values[name] = uuid4().hex
    return values


def insertions(table: Keyed, rows: list[dict[str, Any]]) -> Iterator[Statement]:
    """Yield what inserts a row that has one key, or one column, of a row that is there, or all but one."""
    singles = [(name,) for name in table.columns]
    but_one = [tuple(name for name in table.columns if name != left) for left in table.columns]
    for row, kept in product(rows, [*table.keys, *singles, *but_one]):
        values = fresh(table, row, kept)
        marks = ", ".join("?" * len(values))
        for verb, alias in product(INSERTING, ROWIDS if "rowid" in kept else ROWIDS[:1]):
            names = ", ".join(alias if name == "rowid" else name for name in values)
            yield f"{verb} INTO {table.name} ({names}) VALUES ({marks})", tuple(values.values())
            for absent in kept if kept in table.keys else ():  # OR REPLACE may put a default there
                yield f"{verb} INTO {table.name} ({names}) VALUES ({marks})", tuple((values | {absent: None}).values())
        if kept in table.keys:
            for column in (*ROWIDS, *table.columns):  # and what an upsert does to the one that is in the way
                start = f"INSERT INTO {table.name} ({', '.join(values)}) VALUES ({marks}) ON CONFLICT DO"
                yield f"{start} UPDATE SET {column} = ?", (*values.values(), 1 if column in ROWIDS else "x")


def changes(table: Keyed, rows: list[dict[str, Any]]) -> Iterator[Statement]:
    """Yield what gives each row a column, a key, or all columns of another one, or nothing at all."""
    starts = [f"UPDATE {clause} {table.name} SET" for clause in CLAUSES]
    for row, other, start in product(rows, rows, starts):
        for key in [*((name,) for name in table.columns), *table.keys, *_places(table), table.columns]:
            values = tuple(other[name] for name in key)
            absent = [(*values[:place], None, *values[place + 1 :]) for place in range(len(key))]
            for alias, given in product(ROWIDS if key == ("rowid",) else ROWIDS[:1], [values, *absent]):
                names = ", ".join(f"{alias if name == 'rowid' else name} = ?" for name in key)
                yield f"{start} {names} WHERE rowid = ?", (*given, row["rowid"])
    for row, start in product(rows, starts):
        for column, value in [*product(table.columns, ("", 0, -1, b"")), *product(ROWIDS, (0, -1, 99, None))]:
            yield f"{start} {column} = ? WHERE rowid = ?", (value, row["rowid"])


def _places(table: Keyed) -> list[tuple[str, ...]]:
    return [("comment_id", "case_id", "position")] if table.name == "documents" else []


def chosen(trial: Trial, table: Keyed) -> list[dict[str, Any]]:
    """Return a few rows of the table: some that are permanent, and some that may still change."""
    may_change = CHANGING.get(table.name, ("0", set()))[0]
    fixed = table.rows(trial.database, f"NOT ({may_change}) ORDER BY rowid")
    return fixed[:1] + fixed[-1:] + table.rows(trial.database, may_change)[:2]


@pytest.fixture
async def trial(world: World, api: Api, fresh_url: str) -> Trial:
    if not world.database.is_sqlite:
        pytest.skip("PostgreSQL has no such clauses; what it has is tried below")
    await make_rows(world, api)
    found = Trial.of(Path(fresh_url.removeprefix("sqlite:///")))
    found.kept = {table.name: found.permanent([table]) for table in found.tables}
    assert {table.name for table in found.tables} >= {"case_actions", "comments", "documents", "overrides", "cases"}
    return found


SETTINGS = [dict(zip(SWITCHES, map(int, values), strict=True)) for values in ("0000", "1000", "0111")]


@pytest.mark.long
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda found: "".join(str(value) for value in found.values()))
@pytest.mark.parametrize("statements", [insertions, changes], ids=["insert", "update"])
async def test_no_conflict_clause_takes_a_permanent_row_away(
    trial: Trial,
    statements: Callable[[Keyed, list[dict[str, Any]]], Iterator[Statement]],
    settings: dict[str, int],
) -> None:
    for name, value in settings.items():
        trial.database.execute(f"PRAGMA {name} = {value}")
    for table in trial.tables:
        rows = chosen(trial, table)
        assert rows, table.name
        for statement, values in statements(table, rows):
            trial.run(table, statement, values)

    assert trial.tried > trial.refused > 3_000


async def test_a_row_with_rowid_minus_one_is_refused(trial: Trial) -> None:
    """Before an insertion, a trigger sees -1 where no rowid is given."""
    rows = {table.name: chosen(trial, table)[0] for table in trial.tables}
    for table in trial.tables:
        values = fresh(table, rows[table.name], ()) | {"rowid": -1}
        statement = f"INSERT INTO {table.name} ({', '.join(values)}) VALUES ({', '.join('?' * len(values))})"
        with pytest.raises(sqlite3.IntegrityError):
            trial.database.execute(statement, tuple(values.values()))
        assert table.rows(trial.database, "rowid < 1") == []


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


async def guarded_tables(database: Database) -> list[str]:
    """Return the tables of which rows are never deleted."""
    named = "SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger WHERE tgfoid = 'casegate_refuse'::regproc"
    async with database.read() as connection:
        return sorted(await connection.scalars(text(named)))


async def content(database: Database, table: str) -> list[str]:
    async with database.read() as connection:
        return sorted(await connection.scalars(text(f"SELECT t::text FROM {table} AS t")))


async def assert_nothing_changes(database: Database, table: str, *statements: str) -> None:
    """Run statements in one transaction, which must be refused or change no row of *table*."""
    before = await content(database, table)
    try:
        async with database.write() as connection:
            for statement in statements:
                await connection.execute(text(statement))
    except DBAPIError as error:
        refusal = str(error.orig)
        assert "casegate: " in refusal or "duplicate key" in refusal, (statements, refusal)
    assert await content(database, table) == before, statements


async def keys_of(database: Database, table: str) -> list[str]:
    """Return the columns of each unique key, as a list in SQL, and its predicate where it is partial."""
    definitions = (
        "SELECT regexp_replace(pg_get_indexdef(indexrelid), '^.* USING btree (\\(.*)$', '\\1') FROM pg_index"
        f" WHERE indrelid = '{table}'::regclass AND indisunique"
    )
    async with database.read() as connection:
        return list(await connection.scalars(text(definitions)))


@pytest.fixture
async def filled(world: World, api: Api) -> Database:
    if world.database.is_sqlite:
        pytest.skip("SQLite's clauses are tried above")
    await make_rows(world, api)
    return world.database


PERMANENT = {"cases": "status = 'CLOSED'", "overrides": "status <> 'PENDING'", "documents": "comment_id IS NOT NULL"}


async def test_no_upsert_or_merge_changes_a_permanent_row(filled: Database) -> None:
    tables = await guarded_tables(filled)
    assert set(tables) >= {"case_actions", "comments", "documents", "overrides", "override_reviewers", "cases"}
    for table in tables:
        rows = f"(SELECT * FROM {table} WHERE {PERMANENT.get(table, 'true')})"
        async with filled.read() as connection:
            columns = list((await connection.execute(text(f"SELECT * FROM {table} LIMIT 0"))).keys())
        keys = await keys_of(filled, table)
        assert keys
        same = f"t.{columns[0]} = r.{columns[0]}"
        matched = f"MERGE INTO {table} AS t USING {rows} AS r ON {same} WHEN MATCHED THEN"
        for column in columns:
            for key in keys:
                upsert = f"INSERT INTO {table} SELECT * FROM {rows} AS r ON CONFLICT {key} DO UPDATE"
                await assert_nothing_changes(filled, table, f"{upsert} SET {column} = excluded.{column}")
            await assert_nothing_changes(filled, table, f"{matched} UPDATE SET {column} = r.{column}")
        await assert_nothing_changes(filled, table, f"{matched} DELETE")


async def test_what_replication_is_spared_is_refused_all_the_same(filled: Database) -> None:
    """A session that feeds a replica fires ordinary triggers and foreign keys no more."""
    replica = "SET LOCAL session_replication_role = replica"
    for table in await guarded_tables(filled):
        where = f"WHERE {PERMANENT.get(table, 'true')}"
        async with filled.read() as connection:
            columns = list((await connection.execute(text(f"SELECT * FROM {table} LIMIT 0"))).keys())
        for column in columns:
            await assert_nothing_changes(filled, table, replica, f"UPDATE {table} SET {column} = {column} {where}")
        await assert_nothing_changes(filled, table, replica, f"DELETE FROM {table} {where}")
        await assert_nothing_changes(filled, table, replica, f"TRUNCATE {table} CASCADE")


async def test_emptying_what_permanent_rows_rest_on_is_refused(filled: Database) -> None:
    for parent in ("accounts", "users", "subjects", "cases", "comments", "overrides"):
        for table in await guarded_tables(filled):
            await assert_nothing_changes(filled, table, f"TRUNCATE {parent} CASCADE")


async def test_a_description_does_not_come_from_nowhere(world: World) -> None:
    opened = await world.open_case()
    assert opened.case.description is None

    with pytest.raises(DBAPIError, match="casegate: rows of cases are permanent"):
        async with world.database.write() as connection:
            await connection.execute(text("UPDATE cases SET description = ''"))
