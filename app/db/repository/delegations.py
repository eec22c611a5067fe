"""Delegations that are in force, or will be: by who has named somebody, and by who was named."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Subquery, and_, bindparam, literal_column, or_, select

from app import clock
from app.db import tables
from app.db.columns import UtcDateTime
from app.db.expressions import AnyColumn, AnySelect
from app.db.id_sets import among
from app.db.prepared import ACCOUNT, IDS, Prepared
from app.db.reader import Reader
from app.db.row_makers import columns
from app.domain.delegations import Delegation
from app.domain.model import Role

_TABLE = tables.review_delegations
_ROW = _TABLE.c
_DELEGATOR, _DELEGATE = tables.users.alias("delegator"), tables.users.alias("delegate")
_COLUMNS = columns(Delegation, _TABLE)
_NOW = bindparam("now", type_=UtcDateTime())


def _is_same_reviewer(person: Any) -> ColumnElement[bool]:
    """Return that somebody is the active reviewer that they were when the delegation was made."""
    role = tables.user_roles.alias().c
    holds = select(literal_column("1")).where(role.user_id == person.id, role.role == Role.REVIEWER).exists()
    return and_(person.active, person.reviewer_since <= _ROW.created_at, holds)


def _live(now: AnyColumn | datetime, *columns: AnyColumn) -> AnySelect:
    """Return the statement for delegations that are not over."""
    return (
        select(*columns)
        .select_from(
            _TABLE.join(_DELEGATOR, _DELEGATOR.c.id == _ROW.delegator_id).join(
                _DELEGATE, _DELEGATE.c.id == _ROW.delegate_id
            )
        )
        .where(
            _ROW.ended_at.is_(None),
            _ROW.ends_at > now,
            _is_same_reviewer(_DELEGATOR.c),
            _is_same_reviewer(_DELEGATE.c),
        )
    )


_OF_DELEGATE = Prepared(
    _live(_NOW, _ROW.delegator_id, _DELEGATOR.c.reviewer_since).where(
        _ROW.account_id == ACCOUNT,
        _ROW.delegate_id == bindparam("delegate_id", type_=_ROW.delegate_id.type),
        _ROW.starts_at <= _NOW,
    )
)
_OF_DELEGATE_LOCKED = Prepared(_OF_DELEGATE.statement.with_for_update(read=True, of=[_TABLE]))  # type: ignore[attr-defined]  # a SELECT
_OF_DELEGATORS = Prepared(
    _live(_NOW, *_COLUMNS).where(_ROW.account_id == ACCOUNT, among(_ROW.delegator_id, IDS)).order_by(_ROW.id)
)
_OF_EITHER = Prepared(
    _live(_NOW, *_COLUMNS)
    .where(_ROW.account_id == ACCOUNT, or_(among(_ROW.delegator_id, IDS), among(_ROW.delegate_id, IDS)))
    .order_by(_ROW.id)
)


async def delegators_of(
    connection: Reader, account_id: UUID, delegate_id: UUID, now: datetime, *, lock: bool = False
) -> dict[UUID, datetime]:
    """Return for whom somebody stands in now, and since when each of these is a reviewer.

    *lock*: keep the delegations from being ended until the transaction ends.
    """
    statement = _OF_DELEGATE_LOCKED if lock else _OF_DELEGATE
    found = await statement.records(connection, account_id=account_id, delegate_id=delegate_id, now=now)
    return dict(found)


async def delegations_by_user(
    connection: Reader, account_id: UUID, user_ids: Sequence[UUID]
) -> list[Delegation | None]:
    """Return for each person their own delegation that is not over, None where there is none."""
    found = await _OF_DELEGATORS.records(connection, account_id=account_id, ids=list(user_ids), now=clock.now())
    by_user = {record[1]: Delegation(*record) for record in found}
    return [by_user.get(user_id) for user_id in user_ids]


async def live_delegations(
    connection: Reader, account_id: UUID, user_ids: Sequence[UUID], now: datetime
) -> list[Delegation]:
    """Return the delegations that are not over in which any of these people names somebody, or was named."""
    found = await _OF_EITHER.records(connection, account_id=account_id, ids=list(user_ids), now=now)
    return [Delegation(*record) for record in found]


DELEGATE: Any = _ROW.delegate_id
"""Who was named, for a condition on them."""


def standing_in(is_delegate: ColumnElement[bool]) -> Subquery:
    """Return in whose place people decide now, and since when both are reviewers.

    *is_delegate*: which people, as a condition on `DELEGATE`.
    """
    now, since = clock.now(), _DELEGATE.c.reviewer_since.label("delegate_since")
    found = _live(now, _ROW.delegator_id, _ROW.delegate_id, _DELEGATOR.c.reviewer_since, since)
    return found.where(_ROW.starts_at <= now, is_delegate).subquery()


def stands_in(
    is_delegate: ColumnElement[bool], reviewer_id: ColumnElement[UUID], requested_at: ColumnElement[datetime]
) -> ColumnElement[bool]:
    """Return that somebody stands in now for who was asked to decide on an override, and could decide on it."""
    absent = standing_in(is_delegate)
    found: AnySelect = select(literal_column("1")).where(
        absent.c.delegator_id == reviewer_id, absent.c.reviewer_since <= requested_at
    )
    return found.correlate_except(absent).exists()
