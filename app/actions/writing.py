"""The rows that every action writes, in their order: the case's, the log's, its comment's.

What an action writes beside them is in `effects`.
"""

from dataclasses import fields

from app.actions.attachments import attach
from app.actions.authority import frozen_authority
from app.actions.draft import Draft
from app.actions.outcome import Outcome
from app.db import tables
from app.db.chain import sealed_action
from app.db.row_makers import changed
from app.db.rows import ActionRow, CaseRow, CommentRow
from app.domain.action_log import SEALED_FORMAT
from app.domain.folding import lexemes, reference_lexemes
from app.domain.model import SearchField

_OF_CASE = tuple(field.name for field in fields(CaseRow))


def build_outcome(draft: Draft, request_id: str) -> Outcome:
    """Have the case row, the log row, and then what hangs on it written, and return what the action makes.

    In this order: the database takes nothing that no row of the log has; what its details say of the case comes last.
    """
    comment = draft.new_comment()
    action = _log_row(draft, comment, request_id)
    case = changed(
        draft.case,
        version=draft.case.version + 1,
        action_count=action.seq,
        head_hash=action.hash,
        updated_at=draft.now,
    )
    effects, draft.writes = draft.writes, draft.first
    _write_case(draft, case)
    draft.log(action, **({"document_count": len(draft.documents)} if draft.documents else {}))
    if draft.log_comes_first:
        draft.writes.reverse()
    draft.writes.extend(effects)
    if comment is not None:
        draft.index(SearchField.COMMENT, comment.id, lexemes(comment.body or ""))
        draft.insert(tables.comments, comment)
        draft.documents = attach(draft, comment)
    return Outcome(case, action, comment, draft.override, draft.subject, draft.documents)


def _log_row(draft: Draft, comment: CommentRow | None, request_id: str) -> ActionRow:
    """Return the row of the log, with what it commits to and its hash."""
    row = ActionRow(
        id=draft.action_id,
        case_id=draft.case.id,
        seq=draft.case.action_count + 1,
        type=draft.command.action,
        user_id=draft.actor.user_id,
        comment_id=comment.id if comment else None,
        override_id=draft.override.id if draft.override else None,
        status_before=draft.before.status if draft.before else None,
        status_after=draft.case.status,
        resolution=draft.case.resolution,
        created_at=draft.now,
        request_id=request_id,
        prev_hash=draft.case.head_hash,
        hash="",
        format=SEALED_FORMAT,
        authority=None,
        commitments=None,
        details=None,
    )
    return sealed_action(
        draft.actor.account_id,
        row,
        frozen_authority(draft.actor, draft.command, draft.represented_id),
        draft.details,
        draft.case,
        draft.subject,
        comment,
        draft.override,
        draft.reviewer_ids,
        draft.documents,
    )


def _write_case(draft: Draft, case: CaseRow) -> None:
    if draft.before is None:
        draft.index(SearchField.REFERENCE, case.id, reference_lexemes(case.reference))
        draft.index(SearchField.TITLE, case.id, lexemes(case.title or ""))
        draft.index(SearchField.SUBJECT, draft.subject.id, lexemes(draft.subject.label))
        draft.insert(tables.cases, case)
        return
    changes = {name: getattr(case, name) for name in _OF_CASE if getattr(case, name) != getattr(draft.before, name)}
    draft.update(tables.cases, case.id, **changes)
