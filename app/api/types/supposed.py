"""What an action would make, as the payload of a dry run shows it: without ids, hashes or links."""

from datetime import datetime
from typing import cast

import strawberry

from app.actions.evaluation import EvaluationOutcome
from app.actions.outcome import Supposed
from app.api.enums import ActionType, CaseStatus, DocumentWarning, Resolution
from app.api.fields import described, object_type, related
from app.api.labels import labelled
from app.api.types.evaluations import RecordedEvaluation
from app.api.types.evidence import WARNINGS
from app.api.types.people import User
from app.api.types.snapshots import CaseSnapshot, OverrideSnapshot, SubjectSnapshot
from app.db.rows import ActionRow, CommentRow, DocumentRow
from app.db.snapshots import (
    CaseSnapshotRow,
    OverrideSnapshotRow,
    SubjectSnapshotRow,
    case_snapshot,
    override_snapshot,
    subject_snapshot,
)
from app.domain.canonical_json import parsed_json
from app.domain.checklist import step_record_of
from app.domain.facts import CaseFacts
from app.domain.model import ActionType as Action
from app.domain.model import OverrideStatus


@object_type(DocumentRow, "A file that would come with a supposed comment.")
class SupposedDocument:
    filename: str | None = described("What its uploader called it; up to 255 bytes of UTF-8, without a path.")
    content_type: str = described("What it is by its content, as a media type.")
    size_bytes: int = described("How long it is, up to 10 MiB.")
    sha256: str | None = described("The SHA-256 of its bytes, 64 hexadecimal digits.")
    warnings: list[DocumentWarning] = described(WARNINGS)


@object_type(CommentRow, "Words that would come with a supposed action.")
class SupposedComment:
    body: str | None = described("The text, 1 to 10 000 characters.")
    author: User | None = related("users", "author_id", "Who would have written it.")
    documents: list[SupposedDocument] = related(
        "documents_by_comment", "id", "The files that would come with it, 10 at most."
    )
    created_at: datetime = described("When.")


@object_type(ActionRow, "The row that a case's log would get.")
class SupposedAction:
    seq: int = described("Its place in the case's log.")
    type: ActionType = described("What would be done.")
    type_label: str = labelled("type")
    user: User | None = related("users", "user_id", "Who would do it.")
    status_before: CaseStatus | None = described("The case's status before; null for the first row.")
    status_after: CaseStatus = described("The case's status after.")
    resolution: Resolution | None = described("How the case would end, where this row closes it.")
    created_at: datetime = described("When, never earlier than the row before.")


@strawberry.type(
    description="What an action would make. Nothing of it is there, so that nothing of it has an id of its own; when it"
    " is done, times will be others, and where somebody is faster, places and references too."
)
class SupposedOutcome:
    case: CaseSnapshot | None = described("The case as it would be.")
    action: SupposedAction = described("The row that its log would get.")
    comment: SupposedComment | None = described("The comment that would come with it.")
    override: OverrideSnapshot | None = described("The override that would be made or decided, as it would be.")


def supposed_outcome(supposed: Supposed) -> SupposedOutcome:
    """Return *supposed* as the API shows it."""
    outcome = supposed.outcome
    override = _override(supposed)
    return SupposedOutcome(
        case=cast(CaseSnapshot, _case(supposed, override)),
        action=cast(SupposedAction, outcome.action),
        comment=cast(SupposedComment | None, outcome.comment),
        override=cast(OverrideSnapshot | None, override),
    )


def _override(supposed: Supposed) -> OverrideSnapshotRow | None:
    outcome = supposed.outcome
    if outcome.override is None:
        return None
    is_new = outcome.action.type is Action.REQUEST_OVERRIDE
    return override_snapshot(
        outcome.override,
        override_id=None if is_new else outcome.override.id,
        reviewer_ids=supposed.reviewer_ids,
    )


def _case(supposed: Supposed, override: OverrideSnapshotRow | None) -> CaseSnapshotRow:
    case, latest = supposed.outcome.case, supposed.latest
    is_pending = latest is not None and latest.status is OverrideStatus.PENDING
    subject = _subject(supposed)
    active = override
    if latest is None or not is_pending:
        active = None
    elif override is None or latest.id != override.row_id:
        active = override_snapshot(latest, reviewer_ids=supposed.latest_reviewer_ids)
    facts = supposed.latest_facts
    return case_snapshot(
        case,
        case_id=None if supposed.outcome.action.type is Action.OPEN else case.id,
        subject=subject,
        head_hash=None,
        active_override=active,
        until=case.action_count - 1,
        changed=override,
        changed_step=step_record_of(parsed_json(supposed.outcome.action.details)),
        facts=CaseFacts(
            case.status,
            subject.evaluation_status,
            override=facts if is_pending else None,
            finished=None if is_pending else facts,
            is_held=case.held_by_id is not None,
            has_checklist=supposed.has_checklist,
            open_steps=supposed.open_steps,
        ),
    )


def _subject(supposed: Supposed) -> SubjectSnapshotRow:
    subject = supposed.outcome.subject
    assert subject is not None  # only a replay does without
    return subject_snapshot(subject, subject_id=None if supposed.subject_is_new else subject.id)


@strawberry.type(description="What an evaluation would make. Nothing of it is there.")
class SupposedEvaluation:
    changed: bool = described("Whether it would change anything.")
    subject: SubjectSnapshot = described("The subject as it would be.")
    evaluation: RecordedEvaluation | None = described("What it would change; null for nothing.")
    action: SupposedAction | None = described("The row that the open case's log would get; null where none is open.")


def supposed_evaluation(outcome: EvaluationOutcome) -> SupposedEvaluation:
    """Return what a dry run of an evaluation shows."""
    subject = subject_snapshot(outcome.subject, subject_id=None if outcome.is_new else outcome.subject.id)
    return SupposedEvaluation(
        changed=outcome.evaluation is not None,
        subject=cast(SubjectSnapshot, subject),
        evaluation=cast(RecordedEvaluation | None, outcome.evaluation),
        action=cast(SupposedAction | None, outcome.action),
    )
