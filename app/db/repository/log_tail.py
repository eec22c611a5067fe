"""The ends of accounts' logs: what has come after a place, for many accounts at once, and how far that is safe."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, literal, select, true, tuple_

from app.db import tables
from app.db.id_sets import among
from app.db.log_position import SafePosition
from app.db.reader import Reader
from app.db.repository.log import LogKey, LogPlace
from app.db.rows import ActionRow, columns
from app.domain.workflow import TRANSITIONS

FIRST_ID = UUID(int=0)
"""Comes before every id: a key with it is the beginning of its position."""

BEGINNING: LogKey = (-1, FIRST_ID)
"""Comes before every row of a log: rows from before there were positions have 0."""

_ACTION = columns(ActionRow, tables.case_actions)


class AccountPlace(NamedTuple):
    """A row of some account's log with its place there."""

    account_id: UUID
    place: LogPlace


class LogTail(NamedTuple):
    """Rows, the oldest first, and the first position that was not yet safe as they were read: see `log_position`."""

    safe: int
    rows: Sequence[AccountPlace]


async def safe_position(connection: Reader) -> int:
    """Return the first position that is not yet safe to be shown."""
    position: int = await connection.scalar(select(SafePosition()))
    return position


async def log_tail(connection: Reader, account_ids: Sequence[UUID], after: LogKey, limit: int) -> LogTail:
    """Return the first *limit* rows of these accounts' logs that come after a key and are safe, by one statement."""
    column = tables.case_actions.c
    # Computed once: where it is looked at twice, who has ended meanwhile may count differently.
    safe = select(SafePosition().label("position")).cte("safe").prefix_with("MATERIALIZED", dialect="postgresql")
    key = tuple_(literal(after[0], column.position.type), literal(after[1], column.id.type))
    part = (
        select(column.account_id, column.position, *_ACTION)
        .where(
            _of_accounts(account_ids),
            column.position < select(safe.c.position).scalar_subquery(),
            tuple_(column.position, column.id) > key,
        )
        .order_by(column.position, column.id)
        .limit(limit)
        .subquery()
    )
    statement = select(safe.c.position, *part.c).select_from(safe.outerjoin(part, true()))
    records = (await connection.execute(statement.order_by(part.c.position, part.c.id))).all()
    rows = [
        AccountPlace(account_id, LogPlace(ActionRow(*action), (position, action[0])))
        for _, account_id, position, *action in records
        if account_id is not None
    ]
    return LogTail(records[0][0], rows)


def _of_accounts(account_ids: Sequence[UUID]) -> ColumnElement[bool]:
    """Return the condition that a row is of these accounts. Of one alone PostgreSQL finds rows in order in an index."""
    column = tables.case_actions.c.account_id
    return column == account_ids[0] if len(account_ids) == 1 else among(column, account_ids)


async def last_key(connection: Reader, account_id: UUID, before: int) -> LogKey:
    """Return the key of the account's last row with a position below *before*; the log's beginning without one."""
    column = tables.case_actions.c
    statement = (
        select(column.position, column.id)
        .where(column.account_id == account_id, column.position < before)
        .order_by(column.position.desc(), column.id.desc())
        .limit(1)
    )
    record = (await connection.execute(statement)).first()
    return BEGINNING if record is None else (record[0], record[1])


async def namings_of(connection: Reader, case_ids: Sequence[UUID]) -> dict[UUID, list[int]]:
    """Return for each override of these cases the numbers of the rows that named its reviewers, in order."""
    column = tables.case_actions.c
    names = [type_ for type_, transition in TRANSITIONS.items() if transition.names_reviewers]
    statement = (
        select(column.override_id, column.seq)
        .where(among(column.case_id, case_ids), column.type.in_(names))
        .order_by(column.case_id, column.seq)
    )
    found: dict[UUID, list[int]] = {}
    for override_id, seq in await connection.execute(statement):
        found.setdefault(override_id, []).append(seq)
    return found
