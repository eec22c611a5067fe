"""Rows that are read by ids: each comes with the index of its id, one for each id or many.

To find its place by the id that a row has costs more than to read the row.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeVar, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, select

from app.db.id_sets import also_among, of_account, requested_ids
from app.db.prepared import ACCOUNT, IDS, Column, Prepared

R = TypeVar("R")

REQUESTED = requested_ids(IDS)


def placed(key: ColumnElement[UUID], table: Table, columns: Iterable[ColumnElement[object]]) -> Select[tuple[object]]:
    """Return the statement for the account's rows whose *key* was asked for: their place, and *columns*."""
    return (
        select(REQUESTED.c.place, *columns)
        .select_from(REQUESTED.join(table, key == REQUESTED.c.id))
        .where(of_account(table.c.account_id, ACCOUNT), also_among(key, IDS))
    )


@lru_cache(maxsize=200)
def rows_by_id(table: Table, names: frozenset[str]) -> Prepared:
    """Return the prepared statement for rows of *table* by id: their place, and *names* in the alphabet's order."""
    return Prepared(placed(table.c.id, table, (table.c[name] for name in sorted(names))))


def one_each(ids: Sequence[UUID], places: Column, rows: Iterable[R]) -> list[R | None]:
    """Return for each id the row that has its place, or None."""
    found: list[R | None] = [None] * len(ids)
    for place, row in zip(cast(Iterable[int], places), rows, strict=True):
        found[place] = row
    return found


def many_each(ids: Sequence[UUID], places: Column, rows: Iterable[R]) -> list[list[R]]:
    """Return for each id the rows that have its place, in the order in which they come."""
    found: list[list[R]] = [[] for _ in ids]
    for place, row in zip(cast(Iterable[int], places), rows, strict=True):
        found[place].append(row)
    return found
