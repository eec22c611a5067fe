"""The action log and its comments: by id, piece by piece, and the account's whole log."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, literal, select, tuple_, union

from app.db import tables
from app.db.id_sets import among
from app.db.log_position import SafePosition
from app.db.reader import Reader
from app.db.repository.log_parts import EVERY_ACTION_COLUMN, LogFilter
from app.db.repository.placed import one_each, rows_by_id
from app.db.repository.window import OrderKey, Window, count, in_list_order, windowed
from app.db.row_makers import columns, every, partial
from app.db.rows import ActionRow, CommentRow

EVERY_COMMENT_COLUMN = every(CommentRow)

_ACTION = columns(ActionRow, tables.case_actions)


async def actions_by_id(connection: Reader, account_id: UUID, ids: Sequence[UUID]) -> list[ActionRow | None]:
    statement = rows_by_id(tables.case_actions, EVERY_ACTION_COLUMN)
    places, *found = await statement.columns(connection, account_id=account_id, ids=ids)
    return one_each(ids, places, map(partial(ActionRow, EVERY_ACTION_COLUMN), *found))


LogKey = tuple[int, UUID]
"""The place of a row in an account's whole log, as rows are sorted there: its position and its id."""


class LogPlace(NamedTuple):
    """A row of an account's whole log and the key of its place there."""

    action: ActionRow
    key: LogKey


def _account_log(account_id: UUID, rows: LogFilter) -> list[ColumnElement[bool]]:
    column = tables.case_actions.c
    return [column.account_id == account_id, column.position < SafePosition(), *rows.conditions()]


async def account_log_page(connection: Reader, account_id: UUID, window: Window, rows: LogFilter) -> list[LogPlace]:
    """Return a part of the account's log, the oldest first, as far as nothing can come in between any more."""
    column = tables.case_actions.c
    keys = (OrderKey(column.position, descending=False), OrderKey(column.id, descending=False))
    statement = windowed(select(*_ACTION, column.position).where(*_account_log(account_id, rows)), keys, window)
    places = [
        LogPlace(ActionRow(*record), (position, record[0])) for *record, position in await connection.execute(statement)
    ]
    return in_list_order(places, window)


async def account_log_count(connection: Reader, account_id: UUID, rows: LogFilter) -> int:
    return await count(connection, tables.case_actions, _account_log(account_id, rows))


class CaseLogPosition(NamedTuple):
    """A place in the log of a case that there is, and the row that stands there now, if any."""

    action: ActionRow | None


async def row_at(connection: Reader, account_id: UUID, case_id: UUID, seq: int) -> CaseLogPosition | None:
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
    return CaseLogPosition(None if record[0] is None else ActionRow(*record))


async def actions_since(connection: Reader, account_id: UUID, case_id: UUID, seq: int, limit: int) -> list[ActionRow]:
    """Return the first *limit* rows of the case's log that came after *seq*, oldest first."""
    column = tables.case_actions.c
    statement = (
        select(*_ACTION)
        .where(column.account_id == account_id, column.case_id == case_id, column.seq > seq)
        .order_by(column.seq)
        .limit(limit)
    )
    return [ActionRow(*record) for record in await connection.execute(statement)]


async def comments_by_id(
    connection: Reader, account_id: UUID, ids: Sequence[UUID], names: frozenset[str] = EVERY_COMMENT_COLUMN
) -> list[CommentRow | None]:
    places, *found = await rows_by_id(tables.comments, names).columns(connection, account_id=account_id, ids=ids)
    return one_each(ids, places, map(partial(CommentRow, names), *found))


class IdempotencyRecord(NamedTuple):
    """What a key stands for: a row of a case's log, or of the account's own, or an evaluation that changed nothing."""

    fingerprint: str
    action_id: UUID | None
    account_action_id: UUID | None = None
    subject_id: UUID | None = None


async def idempotency_record(
    connection: Reader, token_id: UUID, key: str, not_before: datetime
) -> IdempotencyRecord | None:
    column = tables.idempotency_records.c
    statement = select(column.fingerprint, column.action_id, column.account_action_id, column.subject_id).where(
        column.token_id == token_id, column.key == key, column.created_at >= not_before
    )
    record = (await connection.execute(statement)).first()
    return None if record is None else IdempotencyRecord(*record)


async def case_ids(connection: Reader, account_id: UUID, after: UUID | None, limit: int) -> Sequence[UUID]:
    """Return the next *limit* ids of the account's cases, and of cases that only its log's rows know, in order."""
    parts = []
    for column, whose in ((tables.cases.c.id, tables.cases.c), (tables.case_actions.c.case_id, tables.case_actions.c)):
        part = select(column.label("id")).where(whose.account_id == account_id).distinct().order_by(column).limit(limit)
        parts.append(part if after is None else part.where(column > after))
    # Each has its own limit, so that neither is read whole for each piece.
    ids = union(*(select(part.subquery()) for part in parts)).subquery()
    statement = select(ids.c.id).order_by(ids.c.id).limit(limit)
    return (await connection.execute(statement)).scalars().all()


async def log_piece(
    connection: Reader, account_id: UUID, case_ids: Sequence[UUID], after: tuple[UUID, int] | None, limit: int
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
