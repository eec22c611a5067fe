"""The action log and its comments: by id, for each case a part of its log, and the account's whole log."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, and_, bindparam, func, literal, select, tuple_
from sqlalchemy import case as sql_case
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import models as tables
from app.db.among import among, of_account
from app.db.position import SafePosition
from app.db.prepared import ACCOUNT, IDS, Prepared
from app.db.repository.window import Key, Window, count, grouped, in_list_order, in_order, windowed
from app.db.rows import ActionRow, CommentRow, columns, maker, partial
from app.domain.model import ActionType

_ACTION = columns(ActionRow, tables.case_actions)
_COMMENT = columns(CommentRow, tables.comments)

SEQ_MAX = 2**31 - 1
EVERY_ACTION_COLUMN = frozenset(field.name for field in fields(ActionRow))


_ACTIONS = Prepared(
    select(*_ACTION).where(of_account(tables.case_actions.c.account_id, ACCOUNT), among(tables.case_actions.c.id, IDS))
)
_COMMENTS = Prepared(
    select(*_COMMENT).where(of_account(tables.comments.c.account_id, ACCOUNT), among(tables.comments.c.id, IDS))
)


async def actions_by_id(connection: AsyncConnection, account_id: UUID, ids: Sequence[UUID]) -> list[ActionRow | None]:
    found = await _ACTIONS.columns(connection, account_id=account_id, ids=ids)
    return in_order(ids, map(maker(ActionRow), *found))


class Rows(NamedTuple):
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


_ALL = Rows()


async def actions_by_case(
    connection: AsyncConnection,
    account_id: UUID,
    case_ids: Sequence[UUID],
    window: Window,
    rows: Rows = _ALL,
    names: frozenset[str] = EVERY_ACTION_COLUMN,
) -> list[list[ActionRow]]:
    """Return for each case the same *window* of its log, newest first, with the columns of *names*; the key is seq."""
    names |= {"case_id", "seq"}
    make = partial(ActionRow, names)
    if rows.are_all:
        bounds = _bounds(window)
        part = _part_of_log(names, frozenset(bounds))
        found = await part.columns(connection, account_id=account_id, ids=case_ids, **bounds)
        return grouped(case_ids, map(make, *found), "case_id")
    statement = _sifted_log(account_id, case_ids, window, rows, names)
    return grouped(case_ids, (make(*record) for record in await connection.execute(statement)), "case_id")


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
def _part_of_log(names: frozenset[str], bounds: frozenset[str]) -> Prepared:
    column, case = tables.case_actions.c, tables.cases.c
    above, below, latest = (bindparam(name, type_=Integer()) for name in ("above", "below", "latest"))
    statement = (
        select(*(column[name] for name in sorted(names)))
        .select_from(tables.cases.join(tables.case_actions, column.case_id == case.id))
        .where(of_account(case.account_id, ACCOUNT), of_account(column.account_id, ACCOUNT), among(case.id, IDS))
        .where(column.seq > above)
        .order_by(column.case_id, column.seq.desc())
    )
    last: ColumnElement[int] = case.action_count
    if "below" in bounds:
        statement = statement.where(column.seq < below)
        last = sql_case((below > last, last), else_=below - 1)
    return Prepared(statement.where(column.seq > last - latest) if "latest" in bounds else statement)


def _sifted_log(
    account_id: UUID, case_ids: Sequence[UUID], window: Window, rows: Rows, names: frozenset[str]
) -> Select[Any]:
    column = tables.case_actions.c
    rank = func.row_number().over(
        partition_by=column.case_id, order_by=column.seq.asc() if window.backward else column.seq.desc()
    )
    ordered = sorted(names)
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


async def action_counts(
    connection: AsyncConnection, account_id: UUID, case_ids: Sequence[UUID], rows: Rows
) -> list[int]:
    """Return for each case how many of these *rows* its log has."""
    column = tables.case_actions.c
    statement = (
        select(column.case_id, func.count())
        .where(of_account(column.account_id, account_id), among(column.case_id, case_ids), *rows.conditions())
        .group_by(column.case_id)
    )
    counts: dict[UUID, int] = {record[0]: record[1] for record in await connection.execute(statement)}
    return [counts.get(case_id, 0) for case_id in case_ids]


class LogPlace(NamedTuple):
    """A row of an account's whole log and the key of its place there."""

    action: ActionRow
    key: tuple[int, UUID]


def _account_log(account_id: UUID, rows: Rows) -> list[ColumnElement[bool]]:
    column = tables.case_actions.c
    return [column.account_id == account_id, column.position < SafePosition(), *rows.conditions()]


async def account_log_page(connection: AsyncConnection, account_id: UUID, window: Window, rows: Rows) -> list[LogPlace]:
    """Return a part of the account's log, the oldest first, as far as nothing can come in between any more."""
    column = tables.case_actions.c
    keys = (Key(column.position, descending=False), Key(column.id, descending=False))
    statement = windowed(select(*_ACTION, column.position).where(*_account_log(account_id, rows)), keys, window)
    places = [
        LogPlace(ActionRow(*record), (position, record[0])) for *record, position in await connection.execute(statement)
    ]
    return in_list_order(places, window)


async def account_log_count(connection: AsyncConnection, account_id: UUID, rows: Rows) -> int:
    return await count(connection, tables.case_actions, _account_log(account_id, rows))


class Place(NamedTuple):
    """A place in the log of a case that there is, and the row that stands there now, if any."""

    action: ActionRow | None


async def row_at(connection: AsyncConnection, account_id: UUID, case_id: UUID, seq: int) -> Place | None:
    """Return what stands at *seq* in the log of the case; None where the account has no such case."""
    case, column = tables.cases.c, tables.case_actions.c
    here = and_(column.case_id == case.id, column.account_id == case.account_id, column.seq == seq)
    statement = (
        select(*_ACTION)
        .select_from(tables.cases.outerjoin(tables.case_actions, here))
        .where(case.account_id == account_id, case.id == case_id)
    )
    record = (await connection.execute(statement)).first()
    if record is None:
        return None
    return Place(None if record[0] is None else ActionRow(*record))


async def actions_since(
    connection: AsyncConnection, account_id: UUID, case_id: UUID, seq: int, limit: int
) -> list[ActionRow]:
    """Return the first *limit* rows of the case's log that came after *seq*, oldest first."""
    column = tables.case_actions.c
    statement = (
        select(*_ACTION)
        .where(column.account_id == account_id, column.case_id == case_id, column.seq > seq)
        .order_by(column.seq)
        .limit(limit)
    )
    return [ActionRow(*record) for record in await connection.execute(statement)]


async def comments_by_id(connection: AsyncConnection, account_id: UUID, ids: Sequence[UUID]) -> list[CommentRow | None]:
    found = await _COMMENTS.columns(connection, account_id=account_id, ids=ids)
    return in_order(ids, map(maker(CommentRow), *found))


class IdempotencyRecord(NamedTuple):
    fingerprint: str
    action_id: UUID


async def idempotency_record(
    connection: AsyncConnection, token_id: UUID, key: str, not_before: datetime
) -> IdempotencyRecord | None:
    column = tables.idempotency_records.c
    statement = select(column.fingerprint, column.action_id).where(
        column.token_id == token_id, column.key == key, column.created_at >= not_before
    )
    record = (await connection.execute(statement)).first()
    return record and IdempotencyRecord(*record)


async def case_ids(connection: AsyncConnection, account_id: UUID, after: UUID | None, limit: int) -> Sequence[UUID]:
    """Return the next *limit* ids of the account's cases, and of cases that only its log's rows know, in order."""
    known = select(tables.cases.c.id).where(tables.cases.c.account_id == account_id)
    logged = select(tables.case_actions.c.case_id).where(tables.case_actions.c.account_id == account_id)
    ids = known.union(logged).subquery()
    statement = select(ids.c.id).order_by(ids.c.id).limit(limit)
    if after is not None:
        statement = statement.where(ids.c.id > after)
    return (await connection.scalars(statement)).all()


async def log_piece(
    connection: AsyncConnection, account_id: UUID, case_ids: Sequence[UUID], after: tuple[UUID, int] | None, limit: int
) -> list[ActionRow]:
    """Return the next *limit* rows of these cases' logs after a case's row, in the order of case and seq."""
    column = tables.case_actions.c
    statement = (
        select(*_ACTION)
        .where(column.account_id == account_id, among(column.case_id, case_ids))
        .order_by(column.case_id, column.seq)
        .limit(limit)
    )
    if after is not None:
        place = tuple_(literal(after[0], column.case_id.type), literal(after[1], column.seq.type))
        statement = statement.where(tuple_(column.case_id, column.seq) > place)
    return [ActionRow(*record) for record in await connection.execute(statement)]
