"""From rows to log entries: what an action's hash covers, put together the same way for writing and verifying."""

from collections.abc import Sequence
from uuid import UUID

from app.db.rows import ActionRow, CaseRow, CommentRow, DocumentRow, OverrideRow, SubjectRow
from app.domain.action_log import CommentContent, Entry, FileContent, Opening, OverrideContent
from app.domain.model import ActionType, OverrideStatus
from app.domain.workflow import TRANSITIONS


def entry_of(
    account_id: UUID,
    action: ActionRow,
    case: CaseRow,
    subject: SubjectRow,
    comment: CommentRow | None,
    override: OverrideRow | None,
    reviewer_ids: Sequence[UUID],
    documents: Sequence[DocumentRow] = (),
) -> Entry:
    """Return *action* with all that its hash covers; `action.hash` itself is not looked at."""
    return Entry(
        account_id=account_id,
        case_id=action.case_id,
        seq=action.seq,
        type=action.type,
        user_id=action.user_id,
        status_before=action.status_before,
        status_after=action.status_after,
        created_at=action.created_at,
        request_id=action.request_id,
        prev_hash=action.prev_hash,
        opening=_opening(case, subject) if action.type is ActionType.OPEN else None,
        comment=_comment(comment, documents) if comment else None,
        override=_override(action, override, reviewer_ids) if override else None,
        resolution=action.resolution,
    )


def _opening(case: CaseRow, subject: SubjectRow) -> Opening:
    return Opening(
        number=case.number,
        title=case.title,
        description=case.description,
        subject_id=subject.id,
        subject_type=subject.type,
        external_ref=subject.external_ref,
        subject_status=case.subject_status_at_opening,
    )


def _comment(comment: CommentRow, documents: Sequence[DocumentRow]) -> CommentContent:
    digests = tuple(document.sha256 for document in documents)
    files = tuple(
        FileContent(
            id=document.id,
            uploader_id=document.uploader_id,
            filename=document.filename,
            content_type=document.content_type,
            size_bytes=document.size_bytes,
            created_at=document.created_at,
        )
        for document in documents
    )
    return CommentContent(comment.id, comment.author_id, comment.body, comment.created_at, digests, files)


def _override(action: ActionRow, override: OverrideRow, reviewer_ids: Sequence[UUID]) -> OverrideContent:
    decision = TRANSITIONS[action.type].decision
    return OverrideContent(
        id=override.id,
        creator_id=override.created_by_id,
        subject_id=override.subject_id,
        requested_status=override.requested_status,
        subject_status_at_request=override.subject_status_at_request,
        reviewer_ids=tuple(reviewer_ids),
        status=decision or OverrideStatus.PENDING,
        decided_by=override.decided_by_id if decision else None,
    )
