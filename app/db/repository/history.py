"""A case as it stood after some row of its log. What its rows say now is taken back by what the log says of them."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, bindparam, func, select

from app.db import tables
from app.db.id_sets import among, of_account
from app.db.prepared import ACCOUNT, IDS, LIMIT, Prepared
from app.db.reader import Reader
from app.db.repository.cases import cases_by_id, subjects_by_id
from app.db.repository.window import Window, WindowShape, between, first
from app.db.row_makers import columns
from app.db.rows import ActionRow, CaseRow, OverrideRow, SubjectRow
from app.db.snapshots import (
    CaseSnapshotRow,
    Moment,
    OverrideSnapshotRow,
    SubjectSnapshotRow,
    case_snapshot,
    override_snapshot,
    subject_snapshot,
)
from app.domain.assignment import assignment_of
from app.domain.canonical_json import parsed_json
from app.domain.due_dates import due_date_of
from app.domain.evaluation import evaluation_of_case
from app.domain.log_state import PLANNING_TYPES, RESULT_TYPES
from app.domain.model import ActionType, CaseStatus, EvaluationStatus, OverrideStatus
from app.domain.workflow import TRANSITIONS

_ACTION = tables.case_actions.c
_OVERRIDE = tables.overrides.c
_KEY = (_OVERRIDE.created_at, _OVERRIDE.id)
_UNTIL = bindparam("until", type_=Integer())


async def case_as_of(
    connection: Reader, account_id: UUID, case_id: UUID, seq: int | None, time: datetime | None
) -> CaseSnapshotRow | None:
    """Return the case after row *seq*, or at *time*; None where there was no such row, or no case."""
    (case,) = await cases_by_id(connection, account_id, [case_id])
    last = None if case is None else await _last_row(connection, case, seq, time)
    if case is None or last is None:
        return None
    (subject,) = await subjects_by_id(connection, account_id, [case.subject_id])
    assert subject is not None
    is_closed = last.status_after is CaseStatus.CLOSED
    return case_snapshot(
        case,
        case_id=case.id,
        subject=await _subject_then(connection, case, subject, last.seq),
        status=last.status_after,
        resolution=last.resolution,
        updated_at=last.created_at,
        closed_by_id=last.user_id if is_closed else None,
        closed_at=last.created_at if is_closed else None,
        version=last.seq,
        action_count=last.seq,
        head_hash=last.hash,
        **await _planned_then(connection, case, last.seq),
        active_override=await _pending_then(connection, account_id, case, last),
        until=last.seq,
        as_of=Moment(last.seq, last.created_at),
    )


async def _last_row(connection: Reader, case: CaseRow, seq: int | None, time: datetime | None) -> ActionRow | None:
    """Return row *seq* of the case's log, or its last one at *time*: no row is earlier than the one before."""
    then = _ACTION.seq == seq if time is None else _ACTION.created_at <= time
    statement = select(*columns(ActionRow, tables.case_actions)).where(_ACTION.case_id == case.id, then)
    return await first(connection, statement.order_by(_ACTION.seq.desc()).limit(1), ActionRow)


async def _subject_then(connection: Reader, case: CaseRow, subject: SubjectRow, until: int) -> SubjectSnapshotRow:
    """Return the subject with the result that the case's log had left it with: while it is open, no other's does."""
    statement = (
        select(_OVERRIDE.requested_status, _ACTION.details)
        .select_from(tables.case_actions.outerjoin(tables.overrides, _ACTION.override_id == _OVERRIDE.id))
        .where(
            _ACTION.case_id == case.id, _ACTION.seq <= until, _ACTION.seq > 1, _ACTION.type.in_(sorted(RESULT_TYPES))
        )
        .order_by(_ACTION.seq.desc())
        .limit(1)
    )
    last = (await connection.execute(statement)).first()
    status = case.subject_status_at_opening
    if last is not None and last.requested_status is not None:
        status = EvaluationStatus(last.requested_status.value)
    elif last is not None:
        status = evaluation_of_case(parsed_json(last.details) or {}).status_after
    return subject_snapshot(subject, evaluation_status=status, version=None)


async def _planned_then(connection: Reader, case: CaseRow, until: int) -> dict[str, object]:
    """Return whose the case was then, and until when it was to be finished, as the last rows up to then say."""
    of_case = _ACTION.case_id == case.id, _ACTION.seq <= until, _ACTION.type.in_(sorted(PLANNING_TYPES))
    last = select(func.max(_ACTION.seq)).where(*of_case).group_by(_ACTION.type)
    statement = select(_ACTION.details).where(_ACTION.case_id == case.id, _ACTION.seq.in_(last)).order_by(_ACTION.seq)
    found: dict[str, Any] = {"owner_id": None, "due_at": None}
    for text in (await connection.execute(statement)).scalars():
        details = parsed_json(text)
        assignment, due_date = assignment_of(details), due_date_of(details)
        if assignment is not None:
            found["owner_id"] = assignment.assignee_id
        if due_date is not None:
            found["due_at"] = due_date.due_at
    return found


# --- Overrides -------------------------------------------------------------------------------------------------------


async def overrides_until(
    connection: Reader, account_id: UUID, case_ids: Sequence[UUID], window: Window, until: int
) -> list[list[OverrideSnapshotRow]]:
    """Return for each case a *window* of its overrides as they were after row *until* of its log, newest first."""
    statement, values = _part_until(window.shape), window.values | {"until": until}
    records = await statement.records(connection, account_id=account_id, ids=case_ids, **values)
    found = {case_id: list[OverrideSnapshotRow]() for case_id in case_ids}
    for *values_, last, count in records:
        row = OverrideRow(*values_)
        found[row.case_id].append(_then(row, last, count))
    return [found[case_id] for case_id in case_ids]


async def override_counts_until(
    connection: Reader, account_id: UUID, case_ids: Sequence[UUID], until: int
) -> list[int]:
    """Return for each case how many overrides it had after row *until* of its log."""
    records = await _COUNTS.records(connection, account_id=account_id, ids=case_ids, until=until)
    counts = dict(records)
    return [counts.get(case_id, 0) for case_id in case_ids]


async def _pending_then(
    connection: Reader, account_id: UUID, case: CaseRow, last: ActionRow
) -> OverrideSnapshotRow | None:
    if last.status_after is not CaseStatus.PENDING_REVIEW:
        return None
    values = {"account_id": account_id, "ids": [case.id], "until": last.seq}
    record = await _PENDING.first(connection, **values)
    if record is None:
        return None
    *values_, type_, count = record
    return _then(OverrideRow(*values_), type_, count)


def _then(override: OverrideRow, last: ActionType, count: int) -> OverrideSnapshotRow:
    """Return *override* as *last*, the *count*th action on it, left it: it is decided but once."""
    status = TRANSITIONS[last].decision
    if status is not None:
        return override_snapshot(override, status=status, version=count)
    return override_snapshot(
        override,
        status=OverrideStatus.PENDING,
        decided_by_id=None,
        decided_at=None,
        version=count,
        reviewers_version=None if count == override.reviewers_version else count,
    )


def _overrides(*conditions: ColumnElement[bool]) -> Select[tuple[object, ...]]:
    """Return the statement for overrides with the type of the last action on each, and how many there were."""
    of_case = of_account(_ACTION.account_id, ACCOUNT), among(_ACTION.case_id, IDS)
    last = (
        select(_ACTION.case_id, _ACTION.override_id, func.max(_ACTION.seq).label("seq"), func.count().label("count"))
        .where(*of_case, _ACTION.seq <= _UNTIL, _ACTION.override_id.is_not(None))
        .group_by(_ACTION.case_id, _ACTION.override_id)
        .subquery()
    )
    at_last = (_ACTION.case_id == last.c.case_id) & (_ACTION.seq == last.c.seq)
    return (
        select(*columns(OverrideRow, tables.overrides), _ACTION.type.label("last"), last.c.count)
        .join(last, last.c.override_id == _OVERRIDE.id)
        .join(tables.case_actions, at_last)
        .where(of_account(_OVERRIDE.account_id, ACCOUNT), *conditions)
    )


@lru_cache(maxsize=100)
def _part_until(shape: WindowShape) -> Prepared:
    order = [column.asc() if shape.backward else column.desc() for column in _KEY]
    rank = func.row_number().over(partition_by=_OVERRIDE.case_id, order_by=order)
    part = _overrides(*between(_KEY, shape.window)).add_columns(rank.label("rank")).subquery()
    statement = select(*columns(OverrideRow, part), part.c.last, part.c.count).where(part.c.rank <= LIMIT)
    return Prepared(statement.order_by(part.c.case_id, part.c.created_at.desc(), part.c.id.desc()))


_DECISIONS = sorted(type_ for type_, transition in TRANSITIONS.items() if transition.decision is not None)
_PENDING = Prepared(_overrides(*(_ACTION.type != type_ for type_ in _DECISIONS)))
_COUNTS = Prepared(
    select(_ACTION.case_id, func.count(_ACTION.override_id.distinct()))
    .where(of_account(_ACTION.account_id, ACCOUNT), among(_ACTION.case_id, IDS), _ACTION.seq <= _UNTIL)
    .group_by(_ACTION.case_id)
)
