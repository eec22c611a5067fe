"""Snapshots: rows of a case, its subject and its overrides as they were or would be.

They are of classes of their own, and have no `id`: what is past or supposed is nowhere taken for what is.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from app.db.rows import CaseRow, OverrideRow, SubjectRow
from app.domain.checklist import StepRecord
from app.domain.facts import CaseFacts
from app.domain.model import CaseStatus, EvaluationStatus, OverrideStatus, RequestedStatus, Resolution, SubjectType


class Moment(NamedTuple):
    """A row of a case's log, and when it was written."""

    seq: int
    time: datetime


@dataclass(frozen=True, slots=True)
class SubjectSnapshotRow:
    """`version` is None where the log does not tell it; `subject_id`, where there is no such subject."""

    subject_id: UUID | None
    type: SubjectType
    external_ref: str
    label: str
    country_code: str | None
    evaluation_status: EvaluationStatus
    version: int | None


@dataclass(frozen=True, slots=True)
class OverrideSnapshotRow:
    """`row_id`: what its reviewers are known by, unless `reviewer_ids` says who they are.

    `override_id` is None where there is no such override. `reviewers_version`: the version of it in which those were
    named who were asked then, where others are asked by now.
    """

    override_id: UUID | None
    row_id: UUID
    created_by_id: UUID
    requested_status: RequestedStatus
    status: OverrideStatus
    subject_status_at_request: EvaluationStatus
    decided_by_id: UUID | None
    decided_at: datetime | None
    version: int
    created_at: datetime
    reviewer_ids: tuple[UUID, ...] | None = None
    reviewers_version: int | None = None
    expires_at: datetime | None = None

    @property
    def key(self) -> tuple[datetime, UUID]:
        """Its place among the overrides of its case."""
        return self.created_at, self.row_id


@dataclass(frozen=True, slots=True)
class CaseSnapshotRow:
    """A case as it was after row `until` of its log, or as it would be after one more.

    `row_id`: the case whose log and documents it stands on. `as_of` is None of what is supposed; then `facts` decide
    on the actions that would be available, and `changed` is the override that would be made or decided, if any.
    `case_id` and `head_hash` are None where there is no such thing.
    """

    case_id: UUID | None
    row_id: UUID
    subject: SubjectSnapshotRow
    number: int
    title: str | None
    description: str | None
    status: CaseStatus
    resolution: Resolution | None
    created_by_id: UUID
    created_at: datetime
    updated_at: datetime
    closed_by_id: UUID | None
    closed_at: datetime | None
    version: int
    action_count: int
    head_hash: str | None
    active_override: OverrideSnapshotRow | None
    until: int
    as_of: Moment | None = None
    changed: OverrideSnapshotRow | None = None
    facts: CaseFacts | None = None
    owner_id: UUID | None = None
    due_at: datetime | None = None
    changed_step: StepRecord | None = None

    @property
    def reference(self) -> str:
        return CaseRow.reference_of(self.number)

    @property
    def supposed(self) -> bool:
        return self.as_of is None


_OF_CASE = {field.name for field in fields(CaseRow)} & {field.name for field in fields(CaseSnapshotRow)}
_OF_OVERRIDE = {field.name for field in fields(OverrideRow)} & {field.name for field in fields(OverrideSnapshotRow)}
_OF_SUBJECT = {field.name for field in fields(SubjectRow)} & {field.name for field in fields(SubjectSnapshotRow)}


def _common(row: object, names: set[str], changes: dict[str, object]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names - changes.keys()} | changes


def case_snapshot(row: CaseRow, **more: object) -> CaseSnapshotRow:
    """Return *row* as a snapshot, with what it does not say, or says otherwise."""
    return CaseSnapshotRow(row_id=row.id, **_common(row, _OF_CASE, more))


def override_snapshot(row: OverrideRow, **more: object) -> OverrideSnapshotRow:
    """Return *row* as a snapshot, with what it says otherwise."""
    return OverrideSnapshotRow(row_id=row.id, **_common(row, _OF_OVERRIDE, {"override_id": row.id} | more))


def subject_snapshot(row: SubjectRow, **more: object) -> SubjectSnapshotRow:
    """Return *row* as a snapshot, with what it says otherwise."""
    return SubjectSnapshotRow(**_common(row, _OF_SUBJECT, {"subject_id": row.id} | more))
