"""Which cases have a signal: one condition on the rows of `cases` for each kind."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, literal_column, or_, select

from app.db import tables
from app.db.expressions import AnySelect
from app.db.id_sets import of_account
from app.db.moments import shifted
from app.domain.model import OverrideStatus
from app.domain.signals import PAIR_DAYS, PAIR_DECISIONS_MIN, QUICK_DECISION_SECONDS, SignalKind

Columns = Any
"""The columns of a table, or of an alias of it."""

_CASE = tables.cases.c


def same_file(document: Columns, other: Columns) -> ColumnElement[bool]:
    """Return the condition that two attached documents of an account, on two cases, have the same bytes."""
    return and_(
        other.account_id == document.account_id,
        other.sha256 == document.sha256,
        other.case_id != document.case_id,
        # What no index has is no match: it says so by the index's own words.
        document.case_id.is_not(None),
        document.sha256.is_not(None),
        other.case_id.is_not(None),
        other.sha256.is_not(None),
    )


def same_bank_account(account: Columns, other: Columns) -> ColumnElement[bool]:
    """Return the condition that two cases of an account are about the same bank account."""
    return and_(
        other.account_id == account.account_id,
        other.account_key == account.account_key,
        other.case_id != account.case_id,
    )


def of_another_subject(case: Columns, other: Columns) -> ColumnElement[bool]:
    return and_(of_account(other.account_id, case.account_id), other.subject_id != case.subject_id)


def came_before(case: Columns, override: Columns, its_case: Columns) -> ColumnElement[bool]:
    """Return the condition that a finished override of the case's subject was made before.

    That is on a case that was opened before, or on the case itself if another one was asked for later.
    """
    later = tables.overrides.alias("later").c
    was_followed: AnySelect = select(literal_column("1")).where(
        later.case_id == override.case_id,
        or_(
            later.created_at > override.created_at,
            and_(later.created_at == override.created_at, later.id > override.id),
        ),
    )
    return and_(
        override.subject_id == case.subject_id,
        of_account(override.account_id, case.account_id),
        override.status != OverrideStatus.PENDING,
        its_case.id == override.case_id,
        or_(its_case.number < case.number, and_(its_case.id == case.id, was_followed.exists())),
    )


def was_quick(override: Columns) -> ColumnElement[bool]:
    """Return the condition that an override was decided within seconds of the request."""
    return and_(
        override.decided_at.is_not(None),
        override.decided_at <= shifted(override.created_at, timedelta(seconds=QUICK_DECISION_SECONDS)),
    )


def up_to(decided: Columns, override: Columns) -> ColumnElement[bool]:
    """Return the condition that *decided* is one of its creator's, decided in the days up to *override*'s decision."""
    return and_(
        decided.account_id == override.account_id,
        decided.created_by_id == override.created_by_id,
        decided.decided_by_id.is_not(None),
        decided.decided_at <= override.decided_at,
        decided.decided_at >= shifted(override.decided_at, timedelta(days=-PAIR_DAYS)),
    )


def is_of_repeated_pair(override: Columns) -> ColumnElement[bool]:
    """Return the condition that the same two people met again and again up to an override's decision."""
    decided = tables.overrides.alias("decided").c
    met: AnySelect = (
        select(literal_column("1"))
        .where(up_to(decided, override), decided.decided_by_id == override.decided_by_id)
        .offset(literal_column(str(PAIR_DECISIONS_MIN - 1)))
        .limit(literal_column("1"))
    )
    return and_(override.decided_by_id.is_not(None), met.exists())


def _on_case(table: FromClause, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return (
        select(literal_column("1"))
        .where(of_account(table.c.account_id, _CASE.account_id), table.c.case_id == _CASE.id, *conditions)
        .correlate(tables.cases)
        .exists()
    )


def _has_same(table: FromClause, is_same: Callable[[Columns, Columns], ColumnElement[bool]]) -> ColumnElement[bool]:
    mine, other, its_case = table.alias("mine"), table.alias("other"), tables.cases.alias("its_case")
    return _on_case(
        mine, is_same(mine.c, other.c), its_case.c.id == other.c.case_id, of_another_subject(_CASE, its_case.c)
    )


def _has_earlier() -> ColumnElement[bool]:
    override, its_case = tables.overrides.alias("earlier").c, tables.cases.alias("its_case").c
    found: AnySelect = select(literal_column("1")).where(came_before(_CASE, override, its_case))
    return found.correlate(tables.cases).exists()


def _has_override(holds: Callable[[Columns], ColumnElement[bool]]) -> ColumnElement[bool]:
    override = tables.overrides.alias("override")
    return _on_case(override, holds(override.c))


HAS_SIGNAL: Mapping[SignalKind, ColumnElement[bool]] = {
    SignalKind.SAME_DOCUMENT: _has_same(tables.documents, same_file),
    SignalKind.EARLIER_OVERRIDES: _has_earlier(),
    SignalKind.SAME_BANK_ACCOUNT: _has_same(tables.case_bank_accounts, same_bank_account),
    SignalKind.QUICK_DECISION: _has_override(was_quick),
    SignalKind.REPEATED_PAIR: _has_override(is_of_repeated_pair),
}
