"""Snapshots: a case as it was or would be, and what hangs on it with another state. None of them is a Node.

What is permanent, as the rows of the log and their comments, is what it is; people are shown as they are now.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

import strawberry
from strawberry import ID

from app.api.context import Info
from app.api.enums import CaseStatus, EvaluationStatus, OverrideStatus, RequestedStatus, Resolution, SubjectType
from app.api.fields import computed, described, object_type, related
from app.api.labels import labelled
from app.api.pagination import After, Before, Connection, CursorKind, First, Last, Page, PageArguments, of_types
from app.api.types.available import AvailableAction, available_for
from app.api.types.checklists import CaseStep, snapshot_checklist
from app.api.types.evidence import Document
from app.api.types.lists import actions_of_cases, case_actions, case_documents, documents_of_cases
from app.api.types.log import CaseAction
from app.api.types.people import User
from app.db.repository.window import part_of
from app.db.rows import UserRow
from app.db.snapshots import CaseSnapshotRow, Moment, OverrideSnapshotRow, SubjectSnapshotRow
from app.domain.checklist import STEPS_MAX


@object_type(Moment, "A moment in the life of a case.")
class SnapshotMoment:
    seq: int = described("The last row of its log then.")
    time: datetime = described("When that row was written.")


@object_type(SubjectSnapshotRow, "The subject of a case as it was or would be.")
class SubjectSnapshot:
    subject_id: ID | None = described("The subject's id; null where it would be a new one.")
    type: SubjectType = described("What kind of check it is.")
    external_ref: str = described("Its reference in the system that made the check.")
    label: str = described("What to call it, as the supplier's name.")
    country_code: str | None = described("The country, by ISO 3166-1 alpha-2.")
    evaluation_status: EvaluationStatus = described("The result of the check, as the case's log had left it then.")
    type_label: str = labelled("type")
    evaluation_status_label: str = labelled("evaluation_status")
    version: int | None = described("The version it would have; null of the past, which no log tells.")


async def assigned_reviewers(parent: strawberry.Parent[OverrideSnapshotRow], info: Info) -> list[User]:
    """Return who is asked to decide."""
    (found,) = await reviewers_of([parent], info)
    return cast(list[User], found)


async def reviewers_of(parents: Sequence[OverrideSnapshotRow], info: Info) -> list[list[UserRow]]:
    """Return the same for several overrides."""
    loaders = info.context.loaders
    earlier = await loaders.reviewer_ids_by_version.collect(row.row_id for row in parents if row.reviewers_version)
    reviewer_ids: list[Sequence[UUID] | None] = [
        row.reviewer_ids if row.reviewers_version is None else earlier[row.row_id].get(row.reviewers_version, ())
        for row in parents
    ]
    named = await loaders.users.collect(id for ids in reviewer_ids for id in ids or ())
    now = (row.row_id for row, ids in zip(parents, reviewer_ids, strict=True) if ids is None)
    known = await loaders.reviewers_by_override.collect(now)
    return [
        known[row.row_id] if ids is None else [named[id] for id in ids]
        for row, ids in zip(parents, reviewer_ids, strict=True)
    ]


@object_type(OverrideSnapshotRow, "An override as it was or would be.")
class OverrideSnapshot:
    override_id: ID | None = described("The override's id; null where it would be a new one.")
    created_by: User | None = related("users", "created_by_id", "Who asks. Never one of its reviewers.")
    requested_status: RequestedStatus = described("The result that is asked for.")
    status: OverrideStatus = described("Where it stood, or would.")
    status_label: str = labelled("status")
    requested_status_label: str = labelled("requested_status")
    subject_status_at_request: EvaluationStatus = described("The subject's result when it was asked.")
    assigned_reviewers: list[User] = computed(
        assigned_reviewers,
        "Who is asked to decide, 1 to 10 people.",
        ("row_id", "reviewer_ids", "reviewers_version"),
        reviewers_of,
        loads=("users", "reviewers_by_override", "reviewer_ids_by_version"),
    )
    decided_by: User | None = related("users", "decided_by_id", "Who had accepted or refused it, or would.")
    decided_at: datetime | None = described("When it was accepted or refused.")
    version: int = described("Counts its changes, from 1.")
    created_at: datetime = described("When it was asked.")
    expires_at: datetime | None = described("From when on nobody decides on it; null where it does not expire.")


async def snapshot_overrides(
    parent: strawberry.Parent[CaseSnapshotRow],
    info: Info,
    first: First = None,
    last: Last = None,
    after: After = None,
    before: Before = None,
) -> Connection[OverrideSnapshot]:
    """Return a page of the overrides as they were, or would be."""
    loaders, changed = info.context.loaders, parent.changed
    arguments = PageArguments(first, after, last, before)
    kind = CursorKind("overrides of {}: {}, {}", (parent.row_id, parent.until, parent.supposed))
    window = arguments.window(kind, of_types([datetime, UUID]))
    rows: list[OverrideSnapshotRow] = await loaders.overrides_until.of(window, parent.until).load(parent.row_id)
    if changed is not None:
        others = [row for row in rows if row.row_id != changed.row_id]
        merged = sorted([*others, changed], key=lambda row: row.key, reverse=True)
        rows = part_of(merged, window, lambda row: row.key)

    async def count() -> int:
        written: int = await loaders.override_counts_until.of(parent.until).load(parent.row_id)
        return written + (changed is not None and changed.override_id is None)

    return cast(Connection[OverrideSnapshot], Page(rows, arguments, kind, lambda row: row.key, count))


def snapshot_available_actions(parent: strawberry.Parent[CaseSnapshotRow], info: Info) -> list[AvailableAction] | None:
    """Return what the mutations would answer then; None of the past."""
    return None if parent.facts is None else available_for(info.context, parent.facts)


@object_type(
    CaseSnapshotRow,
    "A case as it was, or would be. It is not the case itself: no `node` finds it, and no cache may keep it as that.",
)
class CaseSnapshot:
    case_id: ID | None = described("The case's id; null where it would be a new one.")
    as_of: SnapshotMoment | None = described("When it was like this; null where it only would be.")
    supposed: bool = described("Whether it only would be like this, after an action that was not done.", ("as_of",))
    reference: str = described("A short name for people, unique in the account, as in CASE-000123.", ("number",))
    subject: SubjectSnapshot = described("The check it is about.")
    title: str | None = described("What it is about, in a line; null once it is erased, of what is past too.")
    description: str | None = described("What it is about, at length; null where there is none, and once it is erased.")
    status: CaseStatus = described("Where it stood, or would.")
    resolution: Resolution | None = described("How it had ended, or would; null until it is closed.")
    status_label: str = labelled("status")
    resolution_label: str | None = labelled("resolution", nullable=True)
    created_by: User | None = related("users", "created_by_id", "Who opened it.")
    created_at: datetime = described("When it was opened.")
    updated_at: datetime = described("When the last action was.")
    closed_by: User | None = related("users", "closed_by_id", "Who had closed it, or would.")
    closed_at: datetime | None = described("When it was closed.")
    version: int = described("Counts its changes, from 1.")
    action_count: int = described("How many rows its log had, or would have.")
    head_hash: str | None = described("The hash of its log's last row; null of what is supposed, which has none.")
    owner: User | None = related("users", "owner_id", "Who worked on it then, or would; null for nobody.")
    due_at: datetime | None = described("Until when it was to be finished then, or would be; null for at no time.")
    checklist: list[CaseStep] = computed(
        snapshot_checklist,
        f"The steps of the account's present checklist, as they stood on it then, or would, {STEPS_MAX} at most.",
        ("row_id", "until"),
        loads=("recorded_steps_until",),
    )
    active_override: OverrideSnapshot | None = described("The override that waited for a decision, or would.")
    overrides: Connection[OverrideSnapshot] = computed(
        snapshot_overrides, "Its overrides as they were or would be, newest first.", ("row_id", "until")
    )
    actions: Connection[CaseAction] = computed(
        case_actions,
        "The rows of its log, newest first, up to then; the row of a supposed action is none of them.",
        ("row_id", "until"),
        actions_of_cases,
        loads=("actions_by_case",),
    )
    documents: Connection[Document] = computed(
        case_documents,
        "The files of the comments that there were then, newest first.",
        ("row_id", "until"),
        documents_of_cases,
        loads=("documents_by_case",),
    )
    available_actions: list[AvailableAction] | None = computed(
        snapshot_available_actions,
        "What the viewer could do then, every action once, and if not, why; null of the past.",
        ("facts",),
        loads=(),
    )
