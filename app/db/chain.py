"""From rows to log entries: what an action's hash covers, put together the same way for writing and verifying."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from app.db.row_makers import changed
from app.db.rows import ActionRow, CaseRow, CommentRow, DocumentRow, OverrideRow, SubjectRow
from app.domain.action_log import (
    FORMAT,
    SEALED_FORMAT,
    CommentContent,
    Entry,
    FileContent,
    Opening,
    OverrideContent,
    Seal,
    chain_hash,
)
from app.domain.canonical_json import JsonObject, canonical_json, parsed_json
from app.domain.commitments import (
    COMMENT,
    CONTENT,
    DESCRIPTION,
    FILENAME,
    TITLE,
    ErasableContent,
    Place,
    commitments_of,
)
from app.domain.model import ActionType, OverrideStatus
from app.domain.workflow import TRANSITIONS


def sealed_action(
    account_id: UUID,
    action: ActionRow,
    authority: JsonObject,
    details: JsonObject | None,
    case: CaseRow,
    subject: SubjectRow,
    comment: CommentRow | None,
    override: OverrideRow | None,
    reviewer_ids: Sequence[UUID],
    documents: Sequence[DocumentRow],
) -> ActionRow:
    """Return *action* in format 2, with commitments to all that came with it, and its hash."""
    commitments = commitments_of(contents_of(action.type, case, comment, documents))
    seal = Seal(authority, commitments, details)
    entry = entry_of(account_id, action, case, subject, comment, override, reviewer_ids, documents, seal=seal)
    return changed(
        action,
        format=SEALED_FORMAT,
        authority=canonical_json(authority),
        commitments=canonical_json(commitments),
        details=None if details is None else canonical_json(details),
        hash=chain_hash(entry),
    )


def entry_of(
    account_id: UUID,
    action: ActionRow,
    case: CaseRow,
    subject: SubjectRow,
    comment: CommentRow | None,
    override: OverrideRow | None,
    reviewer_ids: Sequence[UUID],
    documents: Sequence[DocumentRow] = (),
    *,
    seal: Seal | None = None,
) -> Entry:
    """Return *action* with all that its hash covers; `action.hash` itself is not looked at.

    *seal*: that of a row which is being made; else it is what the row has.

    Raises: ValueError, where its format is none, or a member of its seal.
    """
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
        seal=seal or _seal(action),
    )


def _seal(action: ActionRow) -> Seal | None:
    parts = [parsed_json(text) for text in (action.authority, action.commitments, action.details)]
    authority, commitments, details = parts
    if action.format == FORMAT and parts == [None] * 3:
        return None
    if action.format != SEALED_FORMAT or authority is None or commitments is None:
        raise ValueError("a row of the log is of no format that there is")
    return Seal(authority, commitments, details)


def contents_of(
    type: ActionType, case: CaseRow, comment: CommentRow | None, documents: Sequence[DocumentRow]
) -> tuple[ErasableContent, ...]:
    """Return what came with an action and may be erased."""
    return tuple(_contents(type, case, comment, documents))


def _contents(
    type: ActionType, case: CaseRow, comment: CommentRow | None, documents: Sequence[DocumentRow]
) -> Iterator[ErasableContent]:
    if type is ActionType.OPEN:
        yield ErasableContent(TITLE, case.id, case.title_salt, case.title, case.erased_by_id)
        if case.description is not None or case.description_salt is not None or case.erased_by_id is not None:
            yield ErasableContent(DESCRIPTION, case.id, case.description_salt, case.description, case.erased_by_id)
    if comment is None:
        return
    yield ErasableContent(COMMENT, comment.id, comment.salt, comment.body, comment.erased_by_id)
    for position, document in enumerate(documents):
        for name, salt, value in (
            (FILENAME, document.filename_salt, document.filename),
            (CONTENT, document.content_salt, document.sha256),
        ):
            yield ErasableContent(Place(name, position), document.id, salt, value, document.erased_by_id)


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
