"""Parts of sorted lists by key, and putting rows in the order that was asked for; it names no table."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Table,
    and_,
    bindparam,
    false,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    union_all,
)

from app.db.expressions import AnyColumn, AnySelect
from app.db.prepared import LIMIT
from app.db.reader import Reader
from app.db.rows import Row

R = TypeVar("R", bound=Row)
T = TypeVar("T")


class Parameter(NamedTuple):
    """What stands for a key's value in a statement that is prepared."""

    name: str


def _bound(value: object, column: AnyColumn) -> AnyColumn:
    if isinstance(value, Parameter):
        return bindparam(value.name, type_=column.type)
    return literal(value, column.type)


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One key of an order. A null is the least of all, unless `nulls_last` says where it goes.

    `values`: all that the column, which is not `nullable`, can be, where it is a string of a few. Then each is looked
    for by itself, so that an index serves the other keys, whichever way they go.
    """

    column: AnyColumn
    descending: bool = True
    nullable: bool = False
    nulls_last: bool | None = None
    values: Sequence[str] = ()

    def reversed(self) -> "OrderKey":
        nulls_last = None if self.nulls_last is None else not self.nulls_last
        return replace(self, descending=not self.descending, nulls_last=nulls_last)

    @property
    def ends_in_nulls(self) -> bool:
        return self.descending if self.nulls_last is None else self.nulls_last

    @property
    def order(self) -> AnyColumn:
        ordered = self.column.desc() if self.descending else self.column.asc()
        if not self.nullable:
            return ordered
        return ordered.nulls_last() if self.ends_in_nulls else ordered.nulls_first()

    def equals(self, value: object) -> ColumnElement[bool]:
        return self.column == _bound(value, self.column)

    def comes_after(self, value: object) -> ColumnElement[bool]:
        """Return the condition that a row's key has a value that comes after *value* in the order."""
        bound = _bound(value, self.column)
        return self.column < bound if self.descending else self.column > bound

    def reaches(self, value: object) -> ColumnElement[bool]:
        """Return the condition that a row's key is *value* or comes after it."""
        bound = _bound(value, self.column)
        return self.column <= bound if self.descending else self.column >= bound

    def each_value(self) -> "Iterator[OrderKey]":
        """Yield the key with each of `values` for its column: in the statement's text, since plans depend on it."""
        for value in self.values:
            yield replace(self, column=literal_column(f"'{value}'", self.column.type))


class Window(NamedTuple):
    """A part of a sorted list, by the keys beside it: the first *limit* after `after`, or the last before `before`.

    `limit` counts rows to read. Keys are tuples of the sort's columns.
    """

    limit: int
    after: tuple[Any, ...] | None = None
    before: tuple[Any, ...] | None = None
    backward: bool = False

    @property
    def shape(self) -> "WindowShape":
        return WindowShape(_nulls(self.after), _nulls(self.before), self.backward)

    @property
    def values(self) -> dict[str, Any]:
        """Return what the parameters of the shape's statement are."""
        edges = {"after": self.after or (), "before": self.before or ()}
        named = ((f"{side}_{index}", value) for side, edge in edges.items() for index, value in enumerate(edge))
        return {"limit": self.limit} | {name: value for name, value in named if value is not None}


@dataclass(frozen=True, slots=True)
class WindowShape:
    """What of a window is in its statement's text: which keys there are, and which of them are null."""

    after: tuple[bool, ...] | None
    before: tuple[bool, ...] | None
    backward: bool

    @property
    def window(self) -> Window:
        """Return the window of parameters that stands for all of this shape."""
        limit: Any = LIMIT
        return Window(limit, _parameters("after", self.after), _parameters("before", self.before), self.backward)


def _nulls(edge: tuple[object, ...] | None) -> tuple[bool, ...] | None:
    return None if edge is None else tuple(value is None for value in edge)


def _parameters(side: str, nulls: tuple[bool, ...] | None) -> tuple[object, ...] | None:
    if nulls is None:
        return None
    return tuple(None if is_null else Parameter(f"{side}_{index}") for index, is_null in enumerate(nulls))


def in_order(ids: Sequence[UUID], rows: Iterable[R]) -> list[R | None]:
    """Return for each id its row, or None."""
    found = {row.id: row for row in rows}
    return [found.get(id) for id in ids]


def windowed(statement: AnySelect, columns: Sequence[AnyColumn | OrderKey], window: Window) -> AnySelect:
    """Return *statement* for the rows of *window*, sorted by *columns*, descending where nothing else is said.

    Read backward, the rows come in the opposite order: see `in_list_order`.
    """
    keys = [item if isinstance(item, OrderKey) else OrderKey(item) for item in columns]
    far, near = ("before", "after") if window.backward else ("after", "before")
    opposite = [key.reversed() for key in keys]
    if window.backward:
        keys, opposite = opposite, keys
    end, start = getattr(window, near), getattr(window, far)
    if end is not None:
        statement = statement.where(or_(*_beyond(opposite, end)))
    if start is not None:
        return _one_after_another(statement, keys, _beyond(keys, start), window.limit)
    return _one_after_another(statement, keys, _stretches(keys), window.limit)


def between(columns: Sequence[AnyColumn], window: Window) -> list[ColumnElement[bool]]:
    """Return the conditions that a row of a list sorted by *columns*, all descending, lies between the window's edges.

    They are for lists that are ranked, many at once: `windowed` reads one.
    """
    keys = [OrderKey(column) for column in columns]
    conditions = [] if window.after is None else [_row_after(keys, window.after)]
    if window.before is not None:
        conditions.append(_row_after([key.reversed() for key in keys], window.before))
    return conditions


def _stretches(keys: Sequence[OrderKey]) -> list[ColumnElement[bool]]:
    """Return the conditions of the parts that a whole list has in an index, where a null is the least."""
    key, *rest = keys
    if key.values:
        parts = _stretches(rest) or [true()]
        return [and_(key.column == one.column, part) for one in key.each_value() for part in parts]
    if not key.nullable or key.ends_in_nulls == key.descending:
        return []
    without, within = key.column.is_(None), key.column.is_not(None)
    return [within, without] if key.ends_in_nulls else [without, within]


def _beyond(keys: Sequence[OrderKey], edge: tuple[object, ...]) -> list[ColumnElement[bool]]:
    """Return the conditions of which one holds for a row that comes after *edge*; rows of the first come first.

    Keys that go the same way are compared as one row, for which both engines seek in an index. Those without a value
    are another stretch of the index. Keys of different directions can't be sought: there the first key alone is a
    bound to seek by, and what lies at the bound is sifted.
    """
    (first, value), rest = (keys[0], edge[0]), keys[1:]
    if first.values:
        same = [and_(first.equals(value), part) for part in _beyond(rest, edge[1:])]
        parts = _stretches(rest) or [true()]
        return [
            *same,
            *(
                and_(one.comes_after(value), first.column == one.column, part)
                for one in first.each_value()
                for part in parts
            ),
        ]
    if not first.nullable:
        return [_within(keys, edge)]
    without: ColumnElement[bool] = first.column.is_(None)
    within = [_within(keys, edge)] if value is not None else []
    if value is None:
        without = and_(without, or_(*_beyond(rest, edge[1:]))) if rest else false()
    if first.ends_in_nulls:
        return [*within, without]
    return within or [without, first.column.is_not(None)]


def _within(keys: Sequence[OrderKey], edge: tuple[object, ...]) -> ColumnElement[bool]:
    """Return the condition for what comes after *edge* of the rows that have a value of the first key, as it has."""
    (first, value), rest = (keys[0], edge[0]), keys[1:]
    if len({key.descending for key in keys}) == 1 and not any(key.nullable for key in rest):
        return _row_after(keys, edge)
    beyond = and_(first.equals(value), or_(*_beyond(rest, edge[1:])))
    return and_(first.reaches(value), or_(first.comes_after(value), beyond))


def _row_after(keys: Sequence[OrderKey], edge: tuple[object, ...]) -> ColumnElement[bool]:
    row = tuple_(*(key.column for key in keys))
    bound = tuple_(*(_bound(value, key.column) for key, value in zip(keys, edge, strict=True)))
    return row < bound if keys[0].descending else row > bound


def _one_after_another(
    statement: AnySelect, keys: Sequence[OrderKey], conditions: Sequence[ColumnElement[bool]], limit: int
) -> AnySelect:
    """Return the first *limit* rows of *statement* by the *keys*, looked for under each of the *conditions* alone."""
    if len(conditions) < 2:
        return statement.where(*conditions).order_by(*(key.order for key in keys)).limit(limit)
    named = [key.column.label(f"key_{index}") for index, key in enumerate(keys)]
    # Within a part the first key of many values has either none or values alone, so that its order is the index's.
    divided = next(index for index, key in enumerate(keys) if not key.values)
    order = [(replace(key, nulls_last=None) if index == divided else key).order for index, key in enumerate(keys)]
    ordered = statement.add_columns(*named).order_by(*order).limit(limit)
    parts = union_all(*(select(ordered.where(condition).subquery()) for condition in conditions)).subquery()
    found = list(parts.c)
    outer = [replace(key, column=column) for key, column in zip(keys, found[-len(keys) :], strict=True)]
    return select(*found[: -len(keys)]).order_by(*(key.order for key in outer)).limit(limit)


def part_of(rows: Sequence[T], window: Window, key: Callable[[T], tuple[object, ...]]) -> list[T]:
    """Return of *rows*, sorted by *key* descending, those of *window*."""
    after, before = window.after, window.before
    part = [row for row in rows if (after is None or key(row) < after) and (before is None or key(row) > before)]
    return part[-window.limit :] if window.backward else part[: window.limit]


def in_list_order(rows: list[T], window: Window) -> list[T]:
    """Return *rows*, read by `windowed`, in the order of the list."""
    return rows[::-1] if window.backward else rows


def grouped(ids: Sequence[UUID], rows: Iterable[R], key: str) -> list[list[R]]:
    """Return for each id the rows whose *key* it is, in the order in which they come."""
    groups: dict[UUID, list[R]] = {id: [] for id in ids}
    for row in rows:
        groups[getattr(row, key)].append(row)
    return [groups[id] for id in ids]


async def count(connection: Reader, table: Table, conditions: Sequence[ColumnElement[bool]]) -> int:
    return await connection.scalar(select(func.count()).select_from(table).where(*conditions)) or 0


async def first(connection: Reader, statement: AnySelect, row: Callable[..., R]) -> R | None:
    """Return the statement's first record as a *row*, or None where it has none."""
    record = (await connection.execute(statement)).first()
    return None if record is None else row(*record)
