"""What verifying reads beside the logs: how overrides stand, what hangs on no row, and what rows say of results."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select

from app.db import tables
from app.db.expressions import AnySelect
from app.db.id_sets import among
from app.db.reader import Reader
from app.db.row_makers import columns
from app.db.rows import SubjectRow
from app.domain.account_log import AdminActionType
from app.domain.canonical_json import parsed_json
from app.domain.evaluation import evaluation_of_account, evaluation_of_case
from app.domain.log_results import TimedEvaluation
from app.domain.log_state import RESULT_TYPES, OverrideState, ResultChange
from app.domain.model import ActionType

_ACTION, _CASE, _COMMENT = tables.case_actions.c, tables.cases.c, tables.comments.c
_DOCUMENT, _OVERRIDE = tables.documents.c, tables.overrides.c


async def override_states(
    connection: Reader, account_id: UUID, case_ids: Sequence[UUID]
) -> dict[UUID, dict[UUID, OverrideState]]:
    """Return for each case how its overrides stand, by their ids."""
    names = ("case_id", "status", "created_at", "version", "decided_by_id", "decided_at", "expires_at")
    statement = select(_OVERRIDE.id, *(_OVERRIDE[name] for name in names)).where(
        _OVERRIDE.account_id == account_id, among(_OVERRIDE.case_id, case_ids)
    )
    found: dict[UUID, dict[UUID, OverrideState]] = {id: {} for id in case_ids}
    for id, case_id, *values in await connection.execute(statement):
        found[case_id][id] = OverrideState(case_id, *values)
    return found


class Unlogged(NamedTuple):
    """Something of a case that no row of its log has."""

    case_id: UUID
    what: str
    id: UUID


async def unlogged(connection: Reader, case_ids: Sequence[UUID]) -> list[Unlogged]:
    """Return what hangs on these cases, of whatever account, and on none of their rows."""
    comments = select(_COMMENT.case_id, _COMMENT.id).where(
        among(_COMMENT.case_id, case_ids),
        _is_missing(_row(_COMMENT, _ACTION.comment_id == _COMMENT.id)),
    )
    overrides = select(_OVERRIDE.case_id, _OVERRIDE.id).where(
        among(_OVERRIDE.case_id, case_ids),
        _is_missing(_row(_OVERRIDE, _ACTION.override_id == _OVERRIDE.id, _ACTION.type == ActionType.REQUEST_OVERRIDE)),
    )
    documents = _unlogged_documents().where(among(_DOCUMENT.case_id, case_ids))
    found = []
    for what, statement in (("comment", comments), ("override", overrides), ("document", documents)):
        found += [Unlogged(record[0], what, record[1]) for record in await connection.execute(statement)]
    return found


def _row(of: Any, *conditions: ColumnElement[bool]) -> AnySelect:
    """Return the row of the log of its case for what is looked at."""
    return select(_ACTION.id).where(_ACTION.case_id == of.case_id, _ACTION.account_id == of.account_id, *conditions)


def _is_missing(row: AnySelect) -> ColumnElement[bool]:
    """Return that there is no such row, which is looked for once for each of what is looked at.

    It is a value and not NOT EXISTS: for that PostgreSQL may first read the rows of all logs into a hash table.
    """
    return row.limit(1).scalar_subquery().is_(None)


def _unlogged_documents() -> AnySelect:
    comment = and_(
        _COMMENT.id == _DOCUMENT.comment_id,
        _COMMENT.case_id == _DOCUMENT.case_id,
        _COMMENT.account_id == _DOCUMENT.account_id,
    )
    row = _row(_COMMENT, _ACTION.comment_id == _COMMENT.id, _ACTION.document_count > _DOCUMENT.position)
    return select(_DOCUMENT.case_id, _DOCUMENT.id).where(
        _DOCUMENT.comment_id.is_not(None), _is_missing(row.where(comment).correlate(tables.documents))
    )


async def unlogged_among(connection: Reader, document_ids: Sequence[UUID]) -> set[UUID]:
    """Return those of these documents that are attached, and in no row of the log."""
    statement = _unlogged_documents().where(among(_DOCUMENT.id, document_ids))
    return {record[1] for record in await connection.execute(statement)}


class Missing(NamedTuple):
    """A comment whose row names more documents than there are."""

    account_id: UUID
    comment_id: UUID
    number: int


async def missing_documents(connection: Reader) -> list[Missing]:
    """Return the comments that lack documents."""
    counted = (
        select(func.count())
        .where(_DOCUMENT.comment_id == _ACTION.comment_id)
        .correlate(tables.case_actions)
        .scalar_subquery()
    )
    statement = select(_ACTION.account_id, _ACTION.comment_id, _ACTION.document_count - counted).where(
        _ACTION.document_count > 0, _ACTION.document_count > counted
    )
    return [Missing(*record) for record in await connection.execute(statement)]


async def result_changes(
    connection: Reader, account_id: UUID, subject_ids: Sequence[UUID]
) -> dict[UUID, list[ResultChange]]:
    """Return for each subject the rows of all its cases that say what its result is, in order."""
    statement = (
        select(
            _CASE.subject_id,
            _CASE.id,
            _CASE.number,
            _ACTION.seq,
            _ACTION.type,
            _ACTION.created_at,
            _CASE.subject_status_at_opening,
            _OVERRIDE.requested_status,
            _ACTION.override_id,
            _ACTION.details,
        )
        .select_from(
            tables.cases.join(tables.case_actions, _ACTION.case_id == _CASE.id).outerjoin(
                tables.overrides, _OVERRIDE.id == _ACTION.override_id
            )
        )
        .where(
            _CASE.account_id == account_id,
            among(_CASE.subject_id, subject_ids),
            _ACTION.type.in_(sorted(RESULT_TYPES)),
        )
        .order_by(_CASE.number, _ACTION.seq)
    )
    found: dict[UUID, list[ResultChange]] = {id: [] for id in subject_ids}
    for record in await connection.execute(statement):
        subject_id, *values, details = record
        said = parsed_json(details) if record.type is ActionType.EVALUATION else None
        change = ResultChange(*values)
        found[subject_id].append(change if said is None else change._replace(evaluation=evaluation_of_case(said)))
    return found


async def recorded_evaluations(
    connection: Reader, account_id: UUID, subject_ids: Sequence[UUID]
) -> dict[UUID, list[TimedEvaluation]]:
    """Return for each subject what the account's own log says of its result, in order."""
    row = tables.account_actions.c
    statement = (
        select(row.subject_id, row.details, row.created_at)
        .where(row.account_id == account_id, among(row.subject_id, subject_ids))
        .where(row.type == AdminActionType.EVALUATION)
        .order_by(row.seq)
    )
    found: dict[UUID, list[TimedEvaluation]] = {id: [] for id in subject_ids}
    for subject_id, details, created_at in await connection.execute(statement):
        found[subject_id].append(TimedEvaluation(evaluation_of_account(details), created_at))
    return found


async def caseless_subjects(
    connection: Reader, account_id: UUID, after: UUID | None, limit: int
) -> Sequence[SubjectRow]:
    """Return the next *limit* of the account's subjects on which no case was opened, in the order of their ids."""
    subject = tables.subjects.c
    statement = (
        select(*columns(SubjectRow, tables.subjects))
        .where(subject.account_id == account_id, ~select(_CASE.id).where(_CASE.subject_id == subject.id).exists())
        .order_by(subject.id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(subject.id > after)
    return [SubjectRow(*record) for record in await connection.execute(statement)]
