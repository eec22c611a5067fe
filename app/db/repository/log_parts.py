"""Parts of the logs of many cases at once, with the words and the overrides that came with their rows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Integer, Table, and_, bindparam, func, select
from sqlalchemy import case as sql_case

from app.db import tables
from app.db.expressions import AnySelect
from app.db.id_sets import also_among, among, of_account
from app.db.prepared import ACCOUNT, IDS, Column, Prepared
from app.db.reader import Reader
from app.db.repository.placed import REQUESTED, many_each
from app.db.repository.window import Window, grouped
from app.db.row_makers import every, maker, partial
from app.db.rows import ActionRow, CommentRow, OverrideRow, UserRow
from app.domain.model import ActionType

SEQ_MAX = 2**31 - 1
EVERY_ACTION_COLUMN = every(ActionRow)


class LogFilter(NamedTuple):
    """Which rows of a log: of some types, since a time, by one person, up to a seq; None for all."""

    types: frozenset[ActionType] | None = None
    since: datetime | None = None
    user_id: UUID | None = None
    until: int | None = None

    @property
    def are_all(self) -> bool:
        return self == _ALL

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        column = tables.case_actions.c
        if self.types is not None:
            yield column.type.in_(sorted(self.types))
        if self.since is not None:
            yield column.created_at >= self.since
        if self.user_id is not None:
            yield column.user_id == self.user_id
        if self.until is not None:
            yield column.seq <= self.until


_ALL = LogFilter()


class LogColumns(NamedTuple):
    """Which columns of a log's rows are wanted, and of what they name, comments, overrides, people; None: none of it.

    These are read by the rows' own statement, which costs less than one of their own. `actions` has `seq`, and the key
    of what comes along; people come without roles.
    """

    actions: frozenset[str] = EVERY_ACTION_COLUMN
    comments: frozenset[str] | None = None
    overrides: frozenset[str] | None = None
    users: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class LogRow(ActionRow):
    """A row of a log with what was read along with it; it has no such attribute for what was not wanted."""

    comment: CommentRow | None
    override: OverrideRow | None
    user: UserRow | None


class _JoinedRows(NamedTuple):
    """What comes along: as which attribute, the column that has its id, and its other columns that are wanted."""

    name: str
    key: str
    row: Any
    table: Table
    columns: tuple[str, ...]


@lru_cache(maxsize=500)
def _kinds(wanted: LogColumns) -> Sequence[_JoinedRows]:
    kinds = (
        ("comment", "comment_id", CommentRow, tables.comments, wanted.comments),
        ("override", "override_id", OverrideRow, tables.overrides, wanted.overrides),
        ("user", "user_id", UserRow, tables.users, wanted.users),
    )
    return [
        _JoinedRows(name, key, row, table, tuple(sorted(columns - {"id"})))
        for name, key, row, table, columns in kinds
        if columns
    ]


async def actions_by_case(
    connection: Reader,
    account_id: UUID,
    case_ids: Sequence[UUID],
    window: Window,
    rows: LogFilter = _ALL,
    wanted: LogColumns = LogColumns(),  # noqa: B008  # it can't be changed
) -> list[list[ActionRow]]:
    """Return for each case the same *window* of its log, newest first; the key is seq. With only some of the *rows*,
    nothing comes along.
    """
    if not rows.are_all:
        statement = _sifted_log(account_id, case_ids, window, rows, wanted.actions)
        make = partial(ActionRow, wanted.actions | {"case_id"})
        return grouped(case_ids, (make(*record) for record in await connection.execute(statement)), "case_id")
    bounds = _bounds(window)
    part = _part_of_log(wanted, frozenset(bounds))
    places, *found = await part.columns(connection, account_id=account_id, ids=case_ids, **bounds)
    names = tuple(sorted(wanted.actions))
    own, more = found[: len(names)], iter(found[len(names) :])
    kinds = _kinds(wanted)
    for kind in kinds:
        ids = own[names.index(kind.key)] = list(own[names.index(kind.key)])
        own.append(_came(kind, ids, islice(more, len(kind.columns))))
    make = maker(LogRow, (*names, *(kind.name for kind in kinds)))
    return many_each(case_ids, places, map(make, *own))


def _came(kind: _JoinedRows, ids: Iterable[UUID | None], columns: Iterable[Column]) -> list[Any]:
    """Return the rows of a kind with these ids: not every action has one, and a person did many of them."""
    make = maker(kind.row, ("id", *kind.columns))
    records = zip(ids, *columns, strict=True)
    if kind.row is not UserRow:
        return [None if record[0] is None else make(*record) for record in records]
    people: dict[UUID | None, UserRow | None] = {None: None}
    return [
        people[record[0]] if record[0] in people else people.setdefault(record[0], make(*record)) for record in records
    ]


def _bounds(window: Window) -> dict[str, int]:
    """Return between which numbers the part of a log lies, and how many rows from the upper one on, if not all.

    A log has no gaps, so that a part of it is known by its numbers.
    """
    after, before = (None if edge is None else int(edge[0]) for edge in (window.after, window.before))
    above = before or 0
    if window.backward:
        oldest = min(above + window.limit + 1, SEQ_MAX)
        return {"above": above, "below": oldest if after is None else min(after, oldest)}
    return {"above": above, "latest": window.limit} | ({} if after is None else {"below": after})


@lru_cache(maxsize=500)
def _part_of_log(wanted: LogColumns, bounds: frozenset[str]) -> Prepared:
    column, case = tables.case_actions.c, tables.cases.c
    above, below, latest = (bindparam(name, type_=Integer()) for name in ("above", "below", "latest"))
    source: FromClause = REQUESTED.join(tables.cases, case.id == REQUESTED.c.id)
    source = source.join(tables.case_actions, column.case_id == case.id)
    own = {name: column[name] for name in sorted(wanted.actions)}
    more = []
    for kind in _kinds(wanted):
        of_it = kind.table.c
        source = source.outerjoin(kind.table, and_(of_it.id == column[kind.key], of_account(of_it.account_id, ACCOUNT)))
        own[kind.key] = of_it.id
        more += [of_it[name] for name in kind.columns]
    statement = (
        select(REQUESTED.c.place, *own.values(), *more)
        .select_from(source)
        .where(of_account(case.account_id, ACCOUNT), of_account(column.account_id, ACCOUNT))
        .where(also_among(case.id, IDS), column.seq > above)
        .order_by(REQUESTED.c.place, column.seq.desc())
    )
    last: ColumnElement[int] = case.action_count
    if "below" in bounds:
        statement = statement.where(column.seq < below)
        last = sql_case((below > last, last), else_=below - 1)
    return Prepared(statement.where(column.seq > last - latest) if "latest" in bounds else statement)


def _sifted_log(
    account_id: UUID, case_ids: Sequence[UUID], window: Window, rows: LogFilter, names: frozenset[str]
) -> AnySelect:
    column = tables.case_actions.c
    rank = func.row_number().over(
        partition_by=column.case_id, order_by=column.seq.asc() if window.backward else column.seq.desc()
    )
    ordered = sorted(names | {"case_id"})
    ranked = select(*(column[name] for name in ordered), rank.label("rank")).where(
        of_account(column.account_id, account_id), among(column.case_id, case_ids), *rows.conditions()
    )
    if window.after is not None:
        ranked = ranked.where(column.seq < window.after[0])
    if window.before is not None:
        ranked = ranked.where(column.seq > window.before[0])
    page = ranked.subquery()
    shown = (page.c[name] for name in ordered)
    return select(*shown).where(page.c.rank <= window.limit).order_by(page.c.case_id, page.c.seq.desc())


async def action_counts(connection: Reader, account_id: UUID, case_ids: Sequence[UUID], rows: LogFilter) -> list[int]:
    """Return for each case how many of these *rows* its log has."""
    column = tables.case_actions.c
    statement = (
        select(column.case_id, func.count())
        .where(of_account(column.account_id, account_id), among(column.case_id, case_ids), *rows.conditions())
        .group_by(column.case_id)
    )
    counts: dict[UUID, int] = {record[0]: record[1] for record in await connection.execute(statement)}
    return [counts.get(case_id, 0) for case_id in case_ids]
