"""The steps of the checklist on cases: of each step, the last row of the case's log that says where it stands."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, and_, bindparam, func, select

from app.db import tables
from app.db.id_sets import among, of_account
from app.db.prepared import ACCOUNT, IDS, Prepared
from app.db.reader import Reader
from app.domain.canonical_json import parsed_json
from app.domain.checklist import TAKEN, StepRecord, step_record_of
from app.domain.model import ActionType, StepState

_ROW = tables.case_actions.c


class RecordedStep(NamedTuple):
    """Where a step stands, and the row that says so; None for a row that is not there."""

    state: StepState
    action_id: UUID | None


def _recorded(*up_to: ColumnElement[bool]) -> Prepared:
    """Return the statement for a row for each state that a step was ever in, the last of it, the oldest first."""
    latest = (
        select(_ROW.case_id, func.max(_ROW.seq).label("seq"))
        .where(
            of_account(_ROW.account_id, ACCOUNT),
            among(_ROW.case_id, IDS),
            _ROW.type == ActionType.RECORD_STEP,
            *up_to,
        )
        .group_by(_ROW.case_id, _ROW.details)
        .subquery()
    )
    row = tables.case_actions.alias("row")
    last = and_(row.c.case_id == latest.c.case_id, row.c.seq == latest.c.seq)
    columns = row.c.case_id, row.c.id, row.c.details
    return Prepared(select(*columns).select_from(latest.join(row, last)).order_by(row.c.case_id, row.c.seq))


_NOW = _recorded()
_UNTIL = _recorded(_ROW.seq <= bindparam("until", type_=Integer()))

_EACH = Prepared(
    select(_ROW.case_id, _ROW.seq, _ROW.details)
    .where(of_account(_ROW.account_id, ACCOUNT), among(_ROW.case_id, IDS), _ROW.type == ActionType.RECORD_STEP)
    .order_by(_ROW.case_id, _ROW.seq)
)

Recorded = Mapping[str, RecordedStep]
"""Where the steps of a case stand, by their keys; what was never recorded is not there."""


async def recorded_steps_by_case(connection: Reader, account_id: UUID, case_ids: Sequence[UUID]) -> list[Recorded]:
    """Return for each case where its steps stand."""
    return _by_case(case_ids, await _NOW.records(connection, account_id=account_id, ids=list(case_ids)))


async def recorded_steps_until(
    connection: Reader, account_id: UUID, case_ids: Sequence[UUID], until: int
) -> list[Recorded]:
    """Return the same after row *until* of the log."""
    found = await _UNTIL.records(connection, account_id=account_id, ids=list(case_ids), until=until)
    return _by_case(case_ids, found)


def _by_case(case_ids: Sequence[UUID], records: Sequence[tuple[Any, ...]]) -> list[Recorded]:
    found: dict[UUID, dict[str, RecordedStep]] = {case_id: {} for case_id in case_ids}
    for case_id, action_id, details in records:
        record = step_record_of(parsed_json(details))
        assert record is not None
        found[case_id][record.key] = RecordedStep(record.state, action_id)
    return [found[case_id] for case_id in case_ids]


async def taken_steps(connection: Reader, account_id: UUID, case_id: UUID) -> frozenset[str]:
    """Return the keys of the case's steps that are done or not needed."""
    (recorded,) = await recorded_steps_by_case(connection, account_id, [case_id])
    return taken_of(recorded)


async def taken_steps_before(
    connection: Reader, account_id: UUID, places: Sequence[tuple[UUID, int]]
) -> dict[tuple[UUID, int], frozenset[str]]:
    """Return of each of these rows of cases, by case and seq, which steps were done or not needed before it."""
    if not places:
        return {}
    case_ids = list(dict.fromkeys(case_id for case_id, _ in places))
    rows: dict[UUID, list[tuple[int, StepRecord]]] = {}
    for case_id, seq, details in await _EACH.records(connection, account_id=account_id, ids=case_ids):
        record = step_record_of(parsed_json(details))
        assert record is not None
        rows.setdefault(case_id, []).append((seq, record))
    found = {}
    for case_id, before in places:
        states = {record.key: record.state for seq, record in rows.get(case_id, ()) if seq < before}
        found[case_id, before] = frozenset(key for key, state in states.items() if state in TAKEN)
    return found


def taken_of(recorded: Recorded) -> frozenset[str]:
    """Return the keys of those that are done or not needed."""
    return frozenset(key for key, step in recorded.items() if step.state in TAKEN)


def is_taken(case_id: ColumnElement[UUID], key: str) -> ColumnElement[bool]:
    """Return the condition that a step of the case is done or not needed."""
    texts = {state: StepRecord(key, state).text() for state in StepState}
    row = tables.case_actions.alias().c
    last = (
        select(row.details)
        .where(row.case_id == case_id, row.type == ActionType.RECORD_STEP, row.details.in_(sorted(texts.values())))
        .order_by(row.seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(last, "").in_([texts[state] for state in TAKEN])
