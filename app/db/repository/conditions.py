"""Conditions on cases: what a filter says, apart from who says it, and how it becomes SQL.

Every condition is true or false and never unknown, so that `Negation` is the opposite also where a value is null.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import eq, ge, gt, le, lt
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, not_, or_, select, true, union_all

from app import clock
from app.db import tables
from app.db.expressions import AnyColumn, AnySelect
from app.db.id_sets import among
from app.db.repository.delegations import DELEGATE, standing_in
from app.db.repository.overrides import FIRST_VERSION
from app.db.repository.signal_conditions import HAS_SIGNAL
from app.domain.model import CaseStatus, OverrideStatus


class Field(StrEnum):
    """What a condition can be about."""

    NUMBER = "number"
    STATUS = "status"
    RESOLUTION = "resolution"
    CREATED_BY = "created_by_id"
    OWNER = "owner_id"
    DUE_AT = "due_at"
    OVERDUE = "overdue"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    SUBJECT_TYPE = "type"
    SUBJECT_REF = "external_key"
    SUBJECT_COUNTRY = "country_code"
    SUBJECT_STATUS = "evaluation_status"
    REQUESTED_STATUS = "requested_status"
    ASSIGNED_REVIEWER = "assigned_reviewer"
    WAITING_FOR = "waiting_for"
    HAS_PENDING_OVERRIDE = "has_pending_override"
    SIGNAL = "signal"


class Operator(StrEnum):
    EQ = "eq"
    IN = "in"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    IS_NULL = "is_null"


@dataclass(frozen=True, slots=True)
class Comparison:
    field: Field
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Conjunction:
    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Disjunction:
    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Negation:
    part: "Condition"


Condition = Comparison | Conjunction | Disjunction | Negation


def where(condition: Condition) -> ColumnElement[bool]:
    """Return *condition* as one on the rows of `cases`."""
    match condition:
        case Comparison():
            return _PLACES[condition.field](condition)
        case Conjunction(parts):
            return and_(true(), *(where(part) for part in parts))
        case Disjunction(parts):
            return or_(false(), *(where(part) for part in parts))
        case Negation(part):
            return not_(where(part))


_COMPARE: Mapping[Operator, Callable[[Any, Any], Any]] = {
    Operator.EQ: eq,
    Operator.GT: gt,
    Operator.GTE: ge,
    Operator.LT: lt,
    Operator.LTE: le,
}


def _compared(column: AnyColumn, condition: Comparison) -> ColumnElement[bool]:
    if condition.operator is Operator.IS_NULL:
        return column.is_(None) if condition.value else column.is_not(None)
    if condition.operator is Operator.IN:
        values = list(condition.value)
        is_ids = bool(values) and isinstance(values[0], UUID)
        holds = among(column, values) if is_ids else column.in_(values)
    else:
        holds = _COMPARE[condition.operator](column, condition.value)
    return and_(column.is_not(None), holds) if getattr(column, "nullable", False) else holds


def _of_case(condition: Comparison) -> ColumnElement[bool]:
    return _compared(tables.cases.c[condition.field], condition)


def _of_subject(condition: Comparison) -> ColumnElement[bool]:
    subject = tables.subjects.c
    found = select(subject.id).where(
        subject.id == tables.cases.c.subject_id,
        subject.account_id == tables.cases.c.account_id,
        _compared(subject[condition.field], condition),
    )
    return _for_case(found)


def _of_request(condition: Comparison) -> ColumnElement[bool]:
    override = tables.overrides.c
    found = select(override.id).where(
        override.case_id == tables.cases.c.id,
        override.status == OverrideStatus.PENDING,
        _compared(override.requested_status, condition),
    )
    return _for_case(found)


def _for_case(found: AnySelect) -> ColumnElement[bool]:
    """Return that there is such a row for the case, whatever else the statement reads: facets read subjects too."""
    return found.correlate(tables.cases).exists()


def _is_reviewer(*, pending: bool) -> Callable[[Comparison], ColumnElement[bool]]:
    """Return the condition on those who were asked: a list that is made once, from what they were asked about."""

    def place(condition: Comparison) -> ColumnElement[bool]:
        override, parts = tables.overrides.c, []
        for link in (tables.override_reviewers, tables.reassigned_reviewers):
            linked = select(override.case_id).join(link, link.c.override_id == override.id)
            is_named = _compared(link.c.reviewer_id, condition)
            if not pending:
                parts.append(linked.where(is_named))
                continue
            # Reviewers who were replaced by others are not meant; who takes the place of one is.
            version = link.c.version if "version" in link.c else FIRST_VERSION
            linked = linked.where(override.status == OverrideStatus.PENDING, override.version == version)
            absent = standing_in(_compared(DELEGATE, condition))
            in_place = linked.join(absent, absent.c.delegator_id == link.c.reviewer_id).where(
                absent.c.reviewer_since <= override.created_at,
                absent.c.delegate_since <= override.created_at,
                absent.c.delegate_id != override.created_by_id,
            )
            parts += [linked.where(is_named), in_place]
        return tables.cases.c.id.in_(union_all(*parts))

    return place


def _has_pending(condition: Comparison) -> ColumnElement[bool]:
    """Use DOMAIN.md's invariant 6: a case is PENDING_REVIEW just while it has a pending override."""
    is_pending = tables.cases.c.status == CaseStatus.PENDING_REVIEW
    return is_pending if condition.value else not_(is_pending)


def _has_signal(condition: Comparison) -> ColumnElement[bool]:
    kinds = condition.value if condition.operator is Operator.IN else (condition.value,)
    return or_(false(), *(HAS_SIGNAL[kind] for kind in dict.fromkeys(kinds)))


def overdue(now: datetime) -> ColumnElement[bool]:
    """Return that a case should have been finished by *now*."""
    case = tables.cases.c
    return and_(case.due_at.is_not(None), case.due_at <= now, case.status != CaseStatus.CLOSED)


def _is_overdue(condition: Comparison) -> ColumnElement[bool]:
    is_so = overdue(clock.now())
    return is_so if condition.value else not_(is_so)


_PLACES: Mapping[Field, Callable[[Comparison], ColumnElement[bool]]] = {
    **dict.fromkeys(
        (
            *(Field.NUMBER, Field.STATUS, Field.RESOLUTION, Field.CREATED_BY, Field.OWNER),
            *(Field.CREATED_AT, Field.UPDATED_AT, Field.DUE_AT),
        ),
        _of_case,
    ),
    **dict.fromkeys((Field.SUBJECT_TYPE, Field.SUBJECT_REF, Field.SUBJECT_COUNTRY, Field.SUBJECT_STATUS), _of_subject),
    Field.REQUESTED_STATUS: _of_request,
    Field.ASSIGNED_REVIEWER: _is_reviewer(pending=False),
    Field.WAITING_FOR: _is_reviewer(pending=True),
    Field.HAS_PENDING_OVERRIDE: _has_pending,
    Field.SIGNAL: _has_signal,
    Field.OVERDUE: _is_overdue,
}
