"""What is due soon, or late, and was not written yet: what the housekeeping of all accounts looks for."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, literal, or_, select, tuple_

from app.db import tables
from app.db.columns import UtcDateTime
from app.db.expressions import AnySelect
from app.db.moments import log_time, shifted_by
from app.db.reader import Reader
from app.domain.canonical_json import canonical_json
from app.domain.model import ActionType, CaseStatus, OverrideStatus
from app.domain.reminders import PolicyHours, Reminder, ReminderOccasion, ReminderRule

_ACCOUNT, _CASE, _OVERRIDE = tables.accounts.c, tables.cases.c, tables.overrides.c
_ROW = tables.case_actions.c
_HOURS: Mapping[ActionType, Any] = {
    ActionType.REMIND: _ACCOUNT.reminder_hours,
    ActionType.ESCALATE: _ACCOUNT.escalation_hours,
}
_TIMES: Mapping[ReminderOccasion, Any] = {
    ReminderOccasion.DUE_DATE: _CASE.due_at,
    ReminderOccasion.OVERRIDE_EXPIRY: _OVERRIDE.expires_at,
    ReminderOccasion.OVERRIDE_WAITING: _OVERRIDE.created_at,
}
_TIME_LENGTH = len("2026-11-30T12:00:00.000000Z")


class Due(NamedTuple):
    """What is to be written of a case, or of an override; its place in the order is its time and that one's id."""

    at: datetime
    id: UUID
    account_id: UUID
    case_id: UUID
    override_id: UUID | None


async def due_by(connection: Reader, rule: ReminderRule, now: datetime, after: Due | None, limit: int) -> list[Due]:
    """Return the next *limit* of all accounts for which it is time by the rule, the earliest first."""
    at, is_of_case = _TIMES[rule.occasion], rule.occasion is ReminderOccasion.DUE_DATE
    key = _CASE.id if is_of_case else _OVERRIDE.id
    statement: AnySelect = (
        select(at, key, _ACCOUNT.id, _CASE.id)
        .select_from(_cases() if is_of_case else _overrides())
        .where(*_is_time(rule, at, now), *_waits(rule, now), ~says(rule.action, rule.occasion, at))
    )
    if after is not None:
        statement = statement.where(tuple_(at, key) > tuple_(after.at, after.id))
    records = await connection.execute(statement.order_by(at, key).limit(limit))
    return [Due(time, id, account, case, None if is_of_case else id) for time, id, account, case in records]


def _cases() -> Any:
    return tables.accounts.join(tables.cases, _CASE.account_id == _ACCOUNT.id)


def _overrides() -> Any:
    return tables.overrides.join(tables.cases, _CASE.id == _OVERRIDE.case_id).join(
        tables.accounts, _ACCOUNT.id == _OVERRIDE.account_id
    )


def _is_time(rule: ReminderRule, at: Any, now: datetime) -> Iterator[ColumnElement[bool]]:
    hours, moment = _HOURS[rule.action], literal(now, UtcDateTime())
    yield hours.is_not(None)
    yield _ACCOUNT.cases_enabled
    if rule.is_before:
        yield at > now
        yield at <= shifted_by(moment, hours)
    else:
        yield at <= shifted_by(moment, -hours)
    if rule.unless_escalated:
        escalation = _HOURS[ActionType.ESCALATE]
        yield or_(escalation.is_(None), at > shifted_by(moment, -escalation))


def _waits(rule: ReminderRule, now: datetime) -> Iterator[ColumnElement[bool]]:
    if rule.occasion is ReminderOccasion.DUE_DATE:
        yield _CASE.status != literal(CaseStatus.CLOSED, _CASE.status.type, literal_execute=True)
        return
    yield _OVERRIDE.status == OverrideStatus.PENDING
    if not rule.of_expiring:
        yield _OVERRIDE.expires_at.is_(None)
    elif not rule.is_before:
        yield or_(_OVERRIDE.expires_at.is_(None), _OVERRIDE.expires_at > now)


def says(action: ActionType, occasion: ReminderOccasion, at: Any) -> ColumnElement[bool]:
    """Return that the case's log has such a row, as far as its time and occasion tell."""
    before, behind = '{"at":"', f'","occasion":"{occasion}"'
    said = literal(before) + log_time(at) + literal(behind)
    length = len(before) + _TIME_LENGTH + len(behind)
    return exists().where(_ROW.case_id == _CASE.id, _of_type(action), func.substr(_ROW.details, 1, length) == said)


def _of_type(action: ActionType) -> ColumnElement[bool]:
    # Written into the statement: the index has these types alone, which a parameter would not show.
    return _ROW.type == literal(action, _ROW.type.type, literal_execute=True)


async def hours_of(connection: Reader, account_id: UUID) -> PolicyHours | None:
    """Return the account's policies; None where it has no cases."""
    statement = select(*_HOURS.values()).where(_ACCOUNT.id == account_id, _ACCOUNT.cases_enabled)
    record = (await connection.execute(statement)).one_or_none()
    return None if record is None else dict(zip(_HOURS, record, strict=True))


async def is_written(connection: Reader, case_id: UUID, action: ActionType, reminder: Reminder) -> bool:
    """Tell whether the log of a case, which is locked, has the row already."""
    said = canonical_json(reminder.details())
    statement = select(_ROW.id).where(_ROW.case_id == case_id, _of_type(action), _ROW.details == said)
    return await connection.scalar(statement.limit(1)) is not None
