"""The steps of the checklist on cases: of each step, the last row of the case's log that says where it stands.

There are few texts that such rows have, one for each state of each step, and any number of rows. An index has the rows
by their texts, so that a statement looks for the texts, and for the last row of each, whatever the number of rows.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    CTE,
    BindParameter,
    ColumnElement,
    FromClause,
    Integer,
    ScalarSelect,
    bindparam,
    func,
    literal_column,
    or_,
    select,
)

from app.db import tables
from app.db.id_sets import Ids, among, of_account, requested_ids
from app.db.prepared import ACCOUNT, IDS, Prepared
from app.db.reader import Reader
from app.db.rows import ActionRow
from app.domain.canonical_json import parsed_json
from app.domain.checklist import TAKEN, StepRecord, step_record_of
from app.domain.model import ActionType, StepState

_STEP: ColumnElement[str] = literal_column(f"'{ActionType.RECORD_STEP}'")
"""Written into statements: the index has these rows alone, which a parameter would not show."""
_SAID = tables.case_actions.alias("said")
_CASE_IDS: BindParameter[list[UUID]] = bindparam("case_ids", type_=Ids())


class RecordedStep(NamedTuple):
    """Where a step stands, and the row that says so; None for a row that is not there."""

    state: StepState
    action_id: UUID | None


def _texts(cases: FromClause) -> CTE:
    """Return the texts of the rows of *cases*, each once; after the last one of a case, null.

    Each is looked for behind the one before it: https://wiki.postgresql.org/wiki/Loose_indexscan
    """

    def first(case_id: ColumnElement[UUID], *behind: ColumnElement[bool]) -> ScalarSelect[str]:
        return select(func.min(row.details)).where(row.case_id == case_id, row.type == _STEP, *behind).scalar_subquery()

    row = tables.case_actions.alias("stepped").c
    begin = select(cases.c.case_id, first(cases.c.case_id).label("details"))
    texts = begin.cte("texts", recursive=True)
    text = texts.c.details
    further = select(texts.c.case_id, first(texts.c.case_id, row.details > text)).where(text.is_not(None))
    return texts.union_all(further)


def _last(column: str, case_id: ColumnElement[UUID], text: object, *up_to: ColumnElement[bool]) -> ScalarSelect[Any]:
    """Return a *column* of the last row of a case that has a text; null for none."""
    row = _SAID.c
    found = select(row[column]).where(row.case_id == case_id, row.type == _STEP, row.details == text, *up_to)
    return found.order_by(row.seq.desc()).limit(1).scalar_subquery()


def _recorded(*up_to: ColumnElement[bool]) -> Prepared:
    """Return the statement for a row for each state that a step was ever in, the last of it, the oldest first."""
    requested = requested_ids(IDS)
    texts = _texts(select(requested.c.id.label("case_id")).subquery("requested_cases"))
    case_id, text, mine = texts.c.case_id, texts.c.details, of_account(_SAID.c.account_id, ACCOUNT)
    # A join would have SQLite read all rows of the cases for a Bloom filter.
    last = [_last(column, case_id, text, *up_to, mine).label(column) for column in ("id", "seq")]
    latest = select(case_id, text, *last).where(text.is_not(None)).subquery("latest").c
    found = select(latest.case_id, latest.id, latest.details).where(latest.id.is_not(None))
    return Prepared(found.order_by(latest.case_id, latest.seq))


def _recorded_before() -> Prepared:
    """Return the statement for the same before each of some rows, by the ids of these: the text, the oldest first."""
    decision, requested = tables.case_actions.alias("decision"), requested_ids(_CASE_IDS)
    chosen = among(decision.c.id, IDS), of_account(decision.c.account_id, ACCOUNT)
    texts = _texts(select(requested.c.id.label("case_id")).subquery("requested_cases"))
    last = _last("seq", texts.c.case_id, texts.c.details, _SAID.c.seq < decision.c.seq).label("seq")
    latest = (
        select(decision.c.id, texts.c.details, last)
        .select_from(decision.join(texts, texts.c.case_id == decision.c.case_id))
        .where(*chosen, texts.c.details.is_not(None))
        .subquery("latest")
    )
    return Prepared(select(latest.c.id, latest.c.details).where(latest.c.seq.is_not(None)).order_by(latest.c.seq))


_NOW = _recorded()
_UNTIL = _recorded(_SAID.c.seq <= bindparam("until", type_=Integer()))
_BEFORE = _recorded_before()

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
    connection: Reader, account_id: UUID, rows: Sequence[ActionRow]
) -> Mapping[UUID, frozenset[str]]:
    """Return of each of these rows of cases, by its id, which steps were done or not needed before it."""
    if not rows:
        return {}
    states: dict[UUID, dict[str, StepState]] = {row.id: {} for row in rows}
    ids = {"ids": list(states), "case_ids": list({row.case_id for row in rows})}
    for action_id, details in await _BEFORE.records(connection, account_id=account_id, **ids):
        record = step_record_of(parsed_json(details))
        assert record is not None
        states[action_id][record.key] = record.state
    return {id: frozenset(key for key, state in steps.items() if state in TAKEN) for id, steps in states.items()}


def taken_of(recorded: Recorded) -> frozenset[str]:
    """Return the keys of those that are done or not needed."""
    return frozenset(key for key, step in recorded.items() if step.state in TAKEN)


def is_taken(case_id: ColumnElement[UUID], key: str) -> ColumnElement[bool]:
    """Return the condition that a step of the case is done or not needed."""
    last = {state: func.coalesce(_last("seq", case_id, StepRecord(key, state).text()), 0) for state in StepState}
    return or_(*(last[state] > last[StepState.OPEN] for state in TAKEN))
