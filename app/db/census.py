"""A census of the rows that a migration must not lose, and what is missing after it.

Which tables are permanent the database itself says: each has a trigger that refuses to delete. Of every other table it
is only noted how many rows it has, since a downgrade takes columns away, but whole tables only with what is in them.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Numeric,
    Text,
    case,
    cast,
    column,
    func,
    inspect,
    literal_column,
    null,
    select,
    text,
)
from sqlalchemy import table as sql_table

PERMANENT = {
    "sqlite": "SELECT tbl_name FROM sqlite_master WHERE type = 'trigger' AND name = tbl_name || '_delete_refused'",
    "postgresql": (
        "SELECT relname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid"
        " WHERE tgname = relname || '_delete_refused' AND relnamespace = current_schema()::regnamespace"
    ),
}

# Made from other rows, kept for a day, or of use to the running server alone; and SQLite's index of words.
PASSING = ("alembic_version", "idempotency_records", "server_keys", "case_texts", "case_words", "unfinished_erasures")

DERIVED = {"case_actions": ("document_count",)}
"""Columns of permanent tables that the migration which adds them makes from other rows."""

KEPT = {"users": ("email_salt",)}
"""Columns of other tables that permanent rows rest on: what an address is committed to with."""

AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Counted:
    """A table: how many rows it has, and of a permanent one a digest of each column, whatever the rows' order.

    `given`: in how many rows a column has another value than by default, of permanent tables and of what is `KEPT`.
    """

    rows: int
    columns: Mapping[str, int]
    given: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Loss:
    """What a table would lose."""

    table: str
    rows: int
    column: str | None = None

    def __str__(self) -> str:
        of = self.table if self.column is None else f"{self.table}.{self.column}"
        return f"{of} ({self.rows} {'row' if self.rows == 1 else 'rows'})"


def census(connection: Connection, permanent: Collection[str] = ()) -> Mapping[str, Counted]:
    """Count the rows of all tables, and read those of the tables that are permanent, or said to be."""
    whole = {*permanent, *connection.scalars(text(PERMANENT[connection.dialect.name]))}
    names = [name for name in inspect(connection).get_table_names() if not name.startswith(PASSING)]
    return {name: _read(connection, name) if name in whole else _counted(connection, name) for name in names}


def _counted(connection: Connection, table: str) -> Counted:
    rows = connection.scalar(select(func.count()).select_from(sql_table(table))) or 0
    kept = [found for found in inspect(connection).get_columns(table) if found["name"] in KEPT.get(table, ())]
    return Counted(rows, {}, _given(connection, table, kept))


def _given(connection: Connection, table: str, columns: Sequence[Any]) -> Mapping[str, int]:
    """Count of each of these columns the rows whose value is not its default, which a migration gives to all rows."""
    if not columns:
        return {}
    counts = []
    for found in columns:
        default = found["default"]
        usual: Any = null() if default is None or "(" in default else literal_column(default)
        counts.append(func.count(case((column(found["name"]).is_distinct_from(usual), 1))))
    row = connection.execute(select(*counts).select_from(sql_table(table))).one()
    return dict(zip((found["name"] for found in columns), row, strict=True))


def _read(connection: Connection, table: str) -> Counted:
    inspector = inspect(connection)
    derived = DERIVED.get(table, ())
    columns = [found for found in inspector.get_columns(table) if found["name"] not in derived]
    names = [found["name"] for found in columns]
    key = inspector.get_pk_constraint(table)["constrained_columns"]
    digests = _digests if connection.dialect.name == "sqlite" else _digests_by_postgresql
    count, *sums = digests(connection, sql_table(table), names, key)
    return Counted(count, dict(zip(names, sums, strict=True)), _given(connection, table, columns))


def _digests(connection: Connection, table: FromClause, names: Sequence[str], key: Sequence[str]) -> list[int]:
    """Return how many rows there are, and the sums of each column's digests; few rows are held at once."""
    rowid: ColumnElement[int] = column("rowid")
    statement: Any = select(rowid, *map(column, names)).select_from(table).order_by(rowid).limit(AT_ONCE)
    places = [names.index(name) for name in key]
    sums, last = [0] * (len(names) + 1), -1
    while rows := connection.execute(statement.where(rowid > last)).all():
        last = rows[-1][0]
        for _, *values in rows:
            sums[0] += 1
            whose = [values[place] for place in places]  # so that two rows which swap values are found, too
            for place, value in enumerate(values, 1):
                digest = hashlib.blake2b(f"{whose} {value!r}".encode(), digest_size=16).digest()
                sums[place] += int.from_bytes(digest)
    return sums


def _digests_by_postgresql(
    connection: Connection, table: FromClause, names: Sequence[str], key: Sequence[str]
) -> list[int]:
    sums = [
        func.sum(cast(func.hashtextextended(cast(func.row(*map(column, key), column(name)), Text), 0), Numeric))
        for name in names
    ]
    row = connection.execute(select(func.count(), *sums).select_from(table)).one()
    return [int(value or 0) for value in row]


def lost(before: Mapping[str, Counted], after: Mapping[str, Counted]) -> list[Loss]:
    """Return what is not as it was: tables that had rows and are gone, permanent rows that are, or that changed."""
    losses = []
    for table, was in before.items():
        now = after.get(table)
        if not was.rows:
            continue
        if now is None:
            losses.append(Loss(table, was.rows))
        elif was.columns and now.rows != was.rows:
            losses.append(Loss(table, abs(was.rows - now.rows)))
        else:
            losses += _lost_columns(table, was, now)
    return losses


def _lost_columns(table: str, was: Counted, now: Counted) -> Iterator[Loss]:
    """Yield the columns whose values changed, and those that are gone with values other than their default."""
    for name, count in was.given.items():
        if name not in now.given and count:
            yield Loss(table, count, name)
    for name, digest in was.columns.items():
        if name in now.columns and now.columns[name] != digest:
            yield Loss(table, was.rows, name)
