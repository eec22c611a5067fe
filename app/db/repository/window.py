"""Parts of sorted lists by key, and putting rows in the order that was asked for; it names no table."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.rows import Row

R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a sorted list, by the keys beside it: the first *limit* after `after`, or the last before `before`.

    `limit` counts rows to read. Keys are tuples of the sort's columns. Rows come newest first, whichever way they are
    read.
    """

    limit: int
    after: tuple[Any, ...] | None = None
    before: tuple[Any, ...] | None = None
    backward: bool = False


def in_order(ids: Sequence[UUID], rows: Iterable[R]) -> list[R | None]:
    """Return for each id its row, or None."""
    found = {row.id: row for row in rows}
    return [found.get(id) for id in ids]


def windowed(statement: Select[Any], keys: Sequence[ColumnElement[Any]], window: Window) -> Select[Any]:
    """Return *statement* for the rows of *window*, sorted by *keys* descending (ascending when read backward)."""
    key = tuple_(*keys) if len(keys) > 1 else keys[0]
    for edge, is_after in ((window.after, True), (window.before, False)):
        if edge is not None:
            value = _tuple(keys, edge)
            statement = statement.where(key < value if is_after else key > value)
    order = [column.asc() if window.backward else column.desc() for column in keys]
    return statement.order_by(*order).limit(window.limit)


def _tuple(keys: Sequence[ColumnElement[Any]], edge: tuple[Any, ...]) -> ColumnElement[Any]:
    values = [literal(value, column.type) for column, value in zip(keys, edge, strict=True)]
    return tuple_(*values) if len(values) > 1 else values[0]


def newest_first(rows: list[R], window: Window) -> list[R]:
    return rows[::-1] if window.backward else rows


def grouped(ids: Sequence[UUID], rows: Iterable[R], key: str) -> list[list[R]]:
    """Return for each id the rows whose *key* it is, in the order in which they come."""
    groups: dict[UUID, list[R]] = {id: [] for id in ids}
    for row in rows:
        groups[getattr(row, key)].append(row)
    return [groups[id] for id in ids]


async def count(connection: AsyncConnection, table: Table, conditions: Sequence[ColumnElement[bool]]) -> int:
    return await connection.scalar(select(func.count()).select_from(table).where(*conditions)) or 0


async def first(connection: AsyncConnection, statement: Select[Any], row: Callable[..., R]) -> R | None:
    """Return the statement's first record as a *row*, or None where it has none."""
    record = (await connection.execute(statement)).first()
    return None if record is None else row(*record)
