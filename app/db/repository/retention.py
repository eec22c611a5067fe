"""What an account's retention is about: which accounts have one, and which closed cases are over it."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, or_, select

from app.db import tables
from app.db.reader import Reader
from app.domain.action_log import SEALED_FORMAT
from app.domain.model import ActionType, CaseStatus

_CASE, _ACCOUNT, _ROW = tables.cases.c, tables.accounts.c, tables.case_actions.c


class Retention(NamedTuple):
    """For how many days after closing an account keeps the content of its cases."""

    account_id: UUID
    name: str
    days: int


class OverdueCase(NamedTuple):
    """A closed case whose content is kept for no longer; its place in the order of closing is its time and its id."""

    closed_at: datetime
    id: UUID
    number: int


class Overdue(NamedTuple):
    """How many cases of an account are over its retention.

    `due`: are to be erased; `held`: a legal hold keeps them; `covered`: rows of format 1 cover their texts.
    """

    due: int
    held: int
    covered: int


async def retentions(connection: Reader) -> list[Retention]:
    """Return the accounts that have a retention, the oldest first."""
    statement = select(_ACCOUNT.id, _ACCOUNT.name, _ACCOUNT.retention_days).where(_ACCOUNT.retention_days > 0)
    records = await connection.execute(statement.order_by(_ACCOUNT.created_at, _ACCOUNT.id))
    return [Retention(*record) for record in records]


async def retention_of(connection: Reader, account_id: UUID) -> int | None:
    """Return the account's retention in days, None where it has none."""
    days: int | None = await connection.scalar(select(_ACCOUNT.retention_days).where(_ACCOUNT.id == account_id))
    return days or None


def _conditions(account_id: UUID, closed_by: datetime) -> Iterator[ColumnElement[bool]]:
    yield _CASE.account_id == account_id
    yield _CASE.status == CaseStatus.CLOSED
    yield _CASE.erased_by_id.is_(None)
    yield _CASE.closed_at <= closed_by


def _is_covered() -> ColumnElement[bool]:
    """Return whether a row of the case covers texts themselves, which can't be erased then."""
    of_text = or_(_ROW.comment_id.is_not(None), _ROW.type == ActionType.OPEN)
    return exists().where(_ROW.case_id == _CASE.id, _ROW.format < SEALED_FORMAT, of_text)


async def overdue_cases(
    connection: Reader, account_id: UUID, closed_by: datetime, after: OverdueCase | None, limit: int
) -> list[OverdueCase]:
    """Return the next *limit* cases to be erased, those that were closed first, first."""
    conditions = [*_conditions(account_id, closed_by), _CASE.held_by_id.is_(None), ~_is_covered()]
    if after is not None:
        same = (_CASE.closed_at == after.closed_at) & (_CASE.id > after.id)
        conditions.append((_CASE.closed_at > after.closed_at) | same)
    statement = select(_CASE.closed_at, _CASE.id, _CASE.number).where(*conditions)
    records = await connection.execute(statement.order_by(_CASE.closed_at, _CASE.id).limit(limit))
    return [OverdueCase(*record) for record in records]


async def count_overdue(connection: Reader, account_id: UUID, closed_by: datetime) -> Overdue:
    """Count the account's cases that are over its retention."""
    held, covered = _CASE.held_by_id.is_not(None), _is_covered()
    statement = select(
        func.count().filter(~held & ~covered), func.count().filter(held), func.count().filter(~held & covered)
    ).where(*_conditions(account_id, closed_by))
    return Overdue(*(await connection.execute(statement)).one())
