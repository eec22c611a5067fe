"""The outcome of an action: what it made, of one that was made before too, or what it would make."""

from dataclasses import dataclass
from uuid import UUID

from app.db.reader import Reader
from app.db.repository import cases, documents, log, overrides
from app.db.rows import ActionRow, CaseRow, CommentRow, DocumentRow, OverrideRow, SubjectRow
from app.domain.facts import Actor, ChecklistStep, OverrideFacts


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an action left behind: the case as it is now, the log row, and what came with it.

    `replayed`: it was done before, by another request with the same key.
    """

    case: CaseRow
    action: ActionRow
    comment: CommentRow | None = None
    override: OverrideRow | None = None
    subject: SubjectRow | None = None
    documents: tuple[DocumentRow, ...] = ()
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Supposed:
    """What an action would make; nothing of it is there.

    `subject_is_new`: the subject is not there either. `reviewer_ids` are of the action's override. `latest` is the
    override that would wait for a decision then, or else was finished last, and `latest_facts` are of it. `open_steps`
    of the checklist would be open.
    """

    outcome: Outcome
    subject_is_new: bool
    reviewer_ids: tuple[UUID, ...]
    latest: OverrideRow | None
    latest_reviewer_ids: tuple[UUID, ...]
    latest_facts: OverrideFacts | None
    has_checklist: bool = False
    open_steps: tuple[ChecklistStep, ...] = ()


async def outcome_of(connection: Reader, actor: Actor, action_id: UUID) -> Outcome:
    """Return what an earlier action made, with the case as it is now."""
    account_id = actor.account_id
    (action,) = await log.actions_by_id(connection, account_id, [action_id])
    assert action is not None
    (case,) = await cases.cases_by_id(connection, account_id, [action.case_id])
    assert case is not None
    comment = override = None
    attached: list[list[DocumentRow]] = [[]]
    if action.comment_id is not None:
        (comment,) = await log.comments_by_id(connection, account_id, [action.comment_id])
        attached = await documents.documents_by_comment(connection, account_id, [action.comment_id])
    if action.override_id is not None:
        (override,) = await overrides.overrides_by_id(connection, account_id, [action.override_id])
    return Outcome(case, action, comment, override, documents=tuple(attached[0]), replayed=True)
