"""The inbox: cases on which one person can act now, by why. The table of transitions, compiled to SQL.

What it finds is what `domain.workflow.available` says of each case, asked of all cases at once; and what was escalated.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, and_, case, cast, false, func, or_, select, true

from app import clock
from app.db import tables
from app.db.reader import Reader
from app.db.repository.checklists import is_taken
from app.db.repository.conditions import overdue
from app.db.repository.delegations import DELEGATE, stands_in
from app.db.repository.overrides import FIRST_VERSION
from app.db.repository.reminders import says
from app.db.repository.window import OrderKey, Window, in_list_order, windowed
from app.db.row_makers import columns
from app.db.rows import CaseRow
from app.domain.checklist import (
    checklist_has_steps,
    checklist_of,
    steps_to_accept_are_taken,
    steps_to_close_are_taken,
)
from app.domain.facts import Actor
from app.domain.model import REMINDERS, ActionType, CaseStatus, EvaluationStatus, InboxReason, OverrideStatus, Role
from app.domain.reminders import ReminderOccasion
from app.domain.workflow import (
    TRANSITIONS,
    Guard,
    OverrideGuard,
    Relation,
    may_try,
    override_is_in_time,
    subject_is_overridable,
    subject_is_unchanged,
)

_CASE, _SUBJECT = tables.cases.c, tables.subjects.c
_PENDING = tables.overrides.alias("pending")
_FROM = tables.cases.join(tables.subjects, _SUBJECT.id == _CASE.subject_id).outerjoin(
    _PENDING, and_(_PENDING.c.case_id == _CASE.id, _PENDING.c.status == OverrideStatus.PENDING)
)


def _steps_are_taken(action: ActionType) -> Callable[[Actor], ColumnElement[bool]]:
    """Return what gives the condition that no step is open that the account requires for an action."""

    def condition(actor: Actor) -> ColumnElement[bool]:
        required = [step.key for step in checklist_of(actor.checklist) if action in step.required_for]
        return and_(true(), *(is_taken(_CASE.id, key) for key in required))

    return condition


_GUARDS: Mapping[Guard, Callable[[Actor], ColumnElement[bool]]] = {
    subject_is_overridable: lambda _: _SUBJECT.evaluation_status != EvaluationStatus.UNEVALUATED,
    subject_is_unchanged: lambda _: _SUBJECT.evaluation_status == _PENDING.c.subject_status_at_request,
    checklist_has_steps: lambda actor: true() if checklist_of(actor.checklist) else false(),
    steps_to_accept_are_taken: _steps_are_taken(ActionType.ACCEPT),
    steps_to_close_are_taken: _steps_are_taken(ActionType.CLOSE),
}


_OVERRIDE_GUARDS: Mapping[OverrideGuard, Callable[[datetime], ColumnElement[bool]]] = {
    override_is_in_time: lambda now: or_(_PENDING.c.expires_at.is_(None), _PENDING.c.expires_at > now),
}


def may(action: ActionType, actor: Actor) -> ColumnElement[bool]:
    """Return the condition that *actor* would be allowed the action, given good input."""
    if not may_try(action, actor):
        return false()
    transition = TRANSITIONS[action]
    sources = sorted(status for status in transition.targets if status is not None)
    return and_(
        _CASE.status.in_(sources),
        *_relation(transition.relation, actor),
        *(_GUARDS[guard](actor) for guard in transition.guards),
        *(_OVERRIDE_GUARDS[guard](clock.now()) for guard in transition.override_guards),
    )


def _relation(relation: Relation, actor: Actor) -> Sequence[ColumnElement[bool]]:
    match relation:
        case Relation.CREATOR:
            return [_PENDING.c.created_by_id == actor.user_id]
        case Relation.REVIEWER if actor.reviewer_since is None:
            return [false()]
        case Relation.REVIEWER:
            assigned = [_is_assigned(actor)] if actor.restrict_to_assigned_reviewers else []
            in_time = _PENDING.c.created_at >= actor.reviewer_since
            return [_PENDING.c.created_by_id != actor.user_id, in_time, *assigned]
        case _:
            return []


def _is_assigned(actor: Actor) -> ColumnElement[bool]:
    first, later, pending = tables.override_reviewers.c, tables.reassigned_reviewers.c, _PENDING.c
    assigned_first = select(first.override_id).where(
        first.override_id == pending.id, _asks(first.reviewer_id, actor), pending.version == FIRST_VERSION
    )
    assigned_later = select(later.override_id).where(
        later.override_id == pending.id, _asks(later.reviewer_id, actor), pending.version == later.version
    )
    return or_(assigned_first.exists(), assigned_later.exists())


def _asks(reviewer_id: ColumnElement[UUID], actor: Actor) -> ColumnElement[bool]:
    """Return that who is asked is the actor, or somebody whose place they take."""
    in_place = stands_in(actor.user_id == DELEGATE, reviewer_id, _PENDING.c.created_at)
    return or_(reviewer_id == actor.user_id, in_place)


def _decide(actor: Actor) -> ColumnElement[bool]:
    return or_(may(ActionType.ACCEPT, actor), may(ActionType.REFUSE, actor))


def _answer(actor: Actor) -> ColumnElement[bool]:
    row = tables.case_actions.c
    took_part = select(row.id).where(row.user_id == actor.user_id, row.case_id == _CASE.id).exists()
    # A value for each case, not EXISTS: for that PostgreSQL may first read all cases' logs into a hash table.
    # What the account's own rules remind of is nobody's word.
    words = select(row.user_id).where(row.case_id == _CASE.id, row.type.not_in(sorted(REMINDERS)))
    latest = words.order_by(row.seq.desc()).limit(1).scalar_subquery()
    return and_(may(ActionType.COMMENT, actor), took_part, latest != actor.user_id)


def _close(actor: Actor) -> ColumnElement[bool]:
    return and_(_CASE.status == CaseStatus.RESOLVED, may(ActionType.CLOSE, actor))


def _assigned(actor: Actor) -> ColumnElement[bool]:
    return and_(_CASE.owner_id.is_not(None), _CASE.owner_id == actor.user_id, may(ActionType.COMMENT, actor))


def _overdue(actor: Actor) -> ColumnElement[bool]:
    return and_(_assigned(actor), overdue(clock.now()))


_SEES_TO_IT = frozenset({Role.REVIEWER, Role.ADMIN})
"""Whom an escalation is for."""


def _escalated(actor: Actor) -> ColumnElement[bool]:
    """Return that an escalation is about what is still late; never for who requested the override that waits."""
    if not actor.roles & _SEES_TO_IT:
        return false()
    now, escalate = clock.now(), ActionType.ESCALATE
    is_late = and_(overdue(now), says(escalate, ReminderOccasion.DUE_DATE, _CASE.due_at))
    waits = and_(
        _PENDING.c.created_by_id != actor.user_id,
        _OVERRIDE_GUARDS[override_is_in_time](now),
        says(escalate, ReminderOccasion.OVERRIDE_WAITING, _PENDING.c.created_at),
    )
    return and_(_CASE.status != CaseStatus.CLOSED, or_(is_late, waits))


_REASONS: Mapping[InboxReason, Callable[[Actor], ColumnElement[bool]]] = {
    InboxReason.DECIDE: _decide,
    InboxReason.ANSWER: _answer,
    InboxReason.CLOSE: _close,
    InboxReason.ASSIGNED: _assigned,
    InboxReason.OVERDUE: _overdue,
    InboxReason.ESCALATED: _escalated,
}


class InboxPlace(NamedTuple):
    """A case, why it is in the inbox, and the key of its place there."""

    case: CaseRow
    reasons: tuple[InboxReason, ...]
    key: tuple[Any, ...]


def _conditions(actor: Actor, wanted: frozenset[InboxReason]) -> Sequence[ColumnElement[bool]]:
    # Said twice: a closed case is in no inbox, and the index by status leaves closed ones out.
    is_open = _CASE.status.in_(sorted(status for status in CaseStatus if status is not CaseStatus.CLOSED))
    reasons = [_REASONS[reason](actor) for reason in InboxReason if reason in wanted]
    return [_CASE.account_id == actor.account_id, is_open, or_(false(), *reasons)]


async def inbox_page(
    connection: Reader, actor: Actor, window: Window, wanted: frozenset[InboxReason]
) -> list[InboxPlace]:
    """Return a part of the person's inbox, the latest change first."""
    case_columns = columns(CaseRow, tables.cases)
    reasons = [cast(_REASONS[reason](actor), Integer) for reason in InboxReason]
    statement = select(*case_columns, *reasons).select_from(_FROM).where(*_conditions(actor, wanted))
    statement = windowed(statement, (OrderKey(_CASE.updated_at), OrderKey(_CASE.id)), window)
    width = len(case_columns)
    places = []
    for record in await connection.execute(statement):
        row = CaseRow(*record[:width])
        found = tuple(reason for reason, holds in zip(InboxReason, record[width:], strict=True) if holds)
        places.append(InboxPlace(row, found, (row.updated_at, row.id)))
    return in_list_order(places, window)


async def inbox_counts(
    connection: Reader, actor: Actor, wanted: frozenset[InboxReason]
) -> tuple[int, Mapping[InboxReason, int]]:
    """Return how many cases there are in all, and for each reason."""
    sums = [func.coalesce(func.sum(case((_REASONS[reason](actor), 1), else_=0)), 0) for reason in InboxReason]
    statement = select(func.count(), *sums).select_from(_FROM).where(*_conditions(actor, wanted))
    total, *numbers = (await connection.execute(statement)).one()
    return total, dict(zip(InboxReason, numbers, strict=True))


class InboxMark(NamedTuple):
    """What is another as soon as the inbox is: an action on a case in it, or that comes into it, is its latest change.

    A case that leaves it makes it smaller, or is followed by another one.
    """

    total: int
    latest: datetime | None
    reasons: tuple[int, ...]


async def inbox_mark(connection: Reader, actor: Actor) -> InboxMark:
    """Return what tells the person's inbox as it is from what it was."""
    sums = [func.coalesce(func.sum(case((_REASONS[reason](actor), 1), else_=0)), 0) for reason in InboxReason]
    statement = select(func.count(), func.max(_CASE.updated_at), *sums).select_from(_FROM)
    total, latest, *numbers = (
        await connection.execute(statement.where(*_conditions(actor, frozenset(InboxReason))))
    ).one()
    return InboxMark(total, latest, tuple(numbers))
