"""Parts of sorted lists by key, and putting rows in the order that was asked for; it names no table."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Table, and_, false, func, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.rows import Row

R = TypeVar("R", bound=Row)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Key:
    """One key of an order. A null is the least of all, unless `nulls_last` says where it goes."""

    column: ColumnElement[Any]
    descending: bool = True
    nullable: bool = False
    nulls_last: bool | None = None

    def reversed(self) -> "Key":
        nulls_last = None if self.nulls_last is None else not self.nulls_last
        return replace(self, descending=not self.descending, nulls_last=nulls_last)

    @property
    def ends_in_nulls(self) -> bool:
        return self.descending if self.nulls_last is None else self.nulls_last

    @property
    def order(self) -> ColumnElement[Any]:
        ordered = self.column.desc() if self.descending else self.column.asc()
        if not self.nullable:
            return ordered
        return ordered.nulls_last() if self.ends_in_nulls else ordered.nulls_first()

    def equals(self, value: Any) -> ColumnElement[bool]:
        return self.column.is_(None) if value is None else self.column == self._bound(value)

    def comes_after(self, value: Any) -> ColumnElement[bool]:
        """Return the condition that a row's key comes after *value* in the order."""
        if value is None:
            return false() if self.ends_in_nulls else self.column.is_not(None)
        bound = self._bound(value)
        after = self.column < bound if self.descending else self.column > bound
        return or_(after, self.column.is_(None)) if self.nullable and self.ends_in_nulls else after

    def _bound(self, value: Any) -> ColumnElement[Any]:
        return literal(value, self.column.type)


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a sorted list, by the keys beside it: the first *limit* after `after`, or the last before `before`.

    `limit` counts rows to read. Keys are tuples of the sort's columns.
    """

    limit: int
    after: tuple[Any, ...] | None = None
    before: tuple[Any, ...] | None = None
    backward: bool = False


def in_order(ids: Sequence[UUID], rows: Iterable[R]) -> list[R | None]:
    """Return for each id its row, or None."""
    found = {row.id: row for row in rows}
    return [found.get(id) for id in ids]


def windowed(statement: Select[Any], columns: Sequence[ColumnElement[Any] | Key], window: Window) -> Select[Any]:
    """Return *statement* for the rows of *window*, sorted by *columns*, descending where nothing else is said.

    Read backward, the rows come in the opposite order: see `in_list_order`.
    """
    keys = [item if isinstance(item, Key) else Key(item) for item in columns]
    if window.after is not None:
        statement = statement.where(_beyond(keys, window.after))
    if window.before is not None:
        statement = statement.where(_beyond([key.reversed() for key in keys], window.before))
    if window.backward:
        keys = [key.reversed() for key in keys]
    return statement.order_by(*(key.order for key in keys)).limit(window.limit)


def _beyond(keys: Sequence[Key], edge: tuple[Any, ...]) -> ColumnElement[bool]:
    """Return the condition that a row comes after *edge*.

    Keys that go the same way are compared as one row, for which both engines seek in an index. Others can't be: there
    the first key alone is a bound to seek by, and what lies at the bound is sifted.
    """
    directions = {key.descending for key in keys}
    if len(directions) == 1 and len(keys) > 1 and not any(key.nullable for key in keys):
        row = tuple_(*(key.column for key in keys))
        bound = tuple_(*(literal(value, key.column.type) for key, value in zip(keys, edge, strict=True)))
        return row < bound if keys[0].descending else row > bound
    (first, value), *rest = zip(keys, edge, strict=True)
    after = first.comes_after(value)
    if not rest:
        return after
    equal = first.equals(value)
    return and_(or_(after, equal), or_(after, and_(equal, _beyond(keys[1:], edge[1:]))))


def in_list_order(rows: list[T], window: Window) -> list[T]:
    """Return *rows*, read by `windowed`, in the order of the list."""
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
