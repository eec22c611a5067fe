"""What each action writes beside its log row and the case's status.

Each effect gets the draft of an action that is already allowed, writes its rows, and leaves the new state in the draft.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Table

from app import clock
from app.actions.draft import Draft
from app.actions.erasure import erase_content, set_legal_hold
from app.actions.results import new_subject, record_result
from app.db import tables
from app.db.prepared import Write
from app.db.repository import overrides
from app.db.row_makers import changed
from app.db.rows import OverrideRow, SubjectRow
from app.db.writes import inserted, updated
from app.domain.assignment import Assignment
from app.domain.checklist import StepRecord, open_steps_details
from app.domain.commands import (
    AssignCase,
    CloseCase,
    Escalate,
    ReassignReviewers,
    RecordStep,
    Remind,
    RequestOverride,
    SetDueDate,
    SubjectDetails,
)
from app.domain.due_dates import DueDate, due_hours_of
from app.domain.errors import SubjectChanged
from app.domain.expiry import Expiry
from app.domain.facts import Actor
from app.domain.model import ActionType, EvaluationStatus, OverrideStatus, Resolution
from app.domain.workflow import TRANSITIONS


def make_override(draft: Draft) -> None:
    """Insert the override, PENDING, and the people who are asked to decide."""
    command = draft.command
    assert isinstance(command, RequestOverride) and isinstance(draft.actor, Actor)
    hours = draft.actor.override_expiry_hours
    expiry = None if hours is None else Expiry(draft.now + timedelta(hours=hours))
    draft.details = None if expiry is None else expiry.details()
    draft.override = OverrideRow(
        id=clock.new_id(),
        case_id=draft.case.id,
        subject_id=draft.subject.id,
        created_by_id=draft.actor.user_id,
        requested_status=command.requested_status,
        status=OverrideStatus.PENDING,
        subject_status_at_request=draft.subject.evaluation_status,
        decided_by_id=None,
        decided_at=None,
        version=1,
        created_at=draft.now,
        expires_at=None if expiry is None else expiry.expires_at,
    )
    draft.reviewer_ids = command.reviewer_ids
    draft.insert(tables.overrides, draft.override)
    _write_reviewers(draft, tables.override_reviewers)


def reassign_reviewers(draft: Draft) -> None:
    """Give the override its next version, and insert the people who are asked to decide from that one on."""
    command = draft.command
    assert isinstance(command, ReassignReviewers) and draft.override is not None
    draft.override = changed(draft.override, version=draft.override.version + 1)
    draft.reviewer_ids = command.reviewer_ids
    draft.update(tables.overrides, draft.override.id, version=draft.override.version)
    _write_reviewers(draft, tables.reassigned_reviewers, version=draft.override.version)


def _write_reviewers(draft: Draft, table: Table, **more: object) -> None:
    assert draft.override is not None
    more |= {"override_id": draft.override.id, "created_by_id": draft.override.created_by_id}
    for position, reviewer_id in enumerate(draft.reviewer_ids):
        draft.writes.append(inserted(table, None, reviewer_id=reviewer_id, position=position, **more))


def finish_override(draft: Draft) -> None:
    """Give the override its last status. Where it is taken back, or expires, nobody decides, and none is recorded."""
    status = TRANSITIONS[draft.command.action].decision
    assert draft.override is not None and status is not None
    is_decided = status in (OverrideStatus.ACCEPTED, OverrideStatus.REFUSED)
    draft.override = changed(
        draft.override,
        status=status,
        decided_by_id=draft.actor.user_id if is_decided else None,
        decided_at=draft.now if is_decided else None,
        version=draft.override.version + 1,
    )
    draft.update(
        tables.overrides,
        draft.override.id,
        status=draft.override.status,
        decided_by_id=draft.override.decided_by_id,
        decided_at=draft.override.decided_at,
        version=draft.override.version,
    )


def apply_override(draft: Draft) -> None:
    """Set the subject to the status that the override asked for."""
    assert draft.override is not None
    status = EvaluationStatus(draft.override.requested_status.value)
    draft.subject = _set_status(draft.writes, draft.subject, status, draft.override.id)


async def close_case(draft: Draft) -> None:
    """Close with the resolution that was given, or with the one that the case's history suggests."""
    assert isinstance(draft.command, CloseCase)
    resolution = draft.command.resolution
    if resolution is None:
        accepted = await overrides.has_accepted_override(draft.connection, draft.case.id)
        resolution = Resolution.OVERRIDE_APPLIED if accepted else Resolution.NOT_CONCLUSIVE
    draft.case = changed(draft.case, resolution=resolution, closed_by_id=draft.actor.user_id, closed_at=draft.now)


def assign_case(draft: Draft) -> None:
    """Make somebody the case's owner, or nobody, by the row of the log that says so."""
    assert isinstance(draft.command, AssignCase)
    draft.details = Assignment(draft.command.assignee_id).details()
    draft.case = changed(draft.case, owner_id=draft.command.assignee_id)


def set_due_date(draft: Draft) -> None:
    """Say until when the case is to be finished, by the row of the log that says so."""
    assert isinstance(draft.command, SetDueDate)
    draft.details = DueDate(draft.command.due_at).details()
    draft.case = changed(draft.case, due_at=draft.command.due_at)


def set_first_due_date(draft: Draft) -> None:
    """Give a new case the due date that the account's policy has for its subject's result, if any."""
    assert isinstance(draft.actor, Actor)
    hours = due_hours_of(draft.actor.due_hours).get(draft.subject.evaluation_status)
    if hours is not None:
        due_at = draft.now + timedelta(hours=hours)
        draft.details = DueDate(due_at).details()
        draft.case = changed(draft.case, due_at=due_at)


def say_what_is_due(draft: Draft) -> None:
    """Have the row of the log say what it reminds of, or what is late."""
    assert isinstance(draft.command, Remind | Escalate)
    draft.details = draft.command.reminder.details()


def record_step(draft: Draft) -> None:
    """Say where a step of the checklist stands, by the row of the log: nothing else has it."""
    assert isinstance(draft.command, RecordStep)
    draft.details = StepRecord(draft.command.step, draft.command.state).details()


def note_open_steps(draft: Draft) -> None:
    """Have the row of the log say what of the checklist was open, where the account has one."""
    if draft.open_steps is not None:
        draft.details = open_steps_details(draft.open_steps)


Effect = Callable[[Draft], Awaitable[None] | None]

EFFECTS: Mapping[ActionType, Sequence[Effect]] = {
    ActionType.OPEN: (set_first_due_date,),
    ActionType.COMMENT: (),
    ActionType.REQUEST_OVERRIDE: (make_override,),
    ActionType.ACCEPT: (finish_override, apply_override, note_open_steps),
    ActionType.REFUSE: (finish_override,),
    ActionType.CANCEL: (finish_override,),
    ActionType.CLOSE: (close_case, note_open_steps),
    ActionType.REASSIGN: (reassign_reviewers,),
    ActionType.REDACT: (erase_content,),
    ActionType.HOLD: (set_legal_hold,),
    ActionType.EVALUATION: (record_result,),
    ActionType.ASSIGN: (assign_case,),
    ActionType.SET_DUE_DATE: (set_due_date,),
    ActionType.EXPIRE: (finish_override,),
    ActionType.REMIND: (say_what_is_due,),
    ActionType.ESCALATE: (say_what_is_due,),
    ActionType.RECORD_STEP: (record_step,),
}


def find_or_make_subject(
    first: list[Write], writes: list[Write], actor: Actor, details: SubjectDetails, known: SubjectRow | None
) -> SubjectRow:
    """Return the subject of a new case. A known one keeps its label and country; its newer status is taken over.

    *first* gets what makes a new one, *writes* what changes a known one.

    But opening a case makes no subject FAVORABLE that was not: that would be an override without a second person.

    Raises: SubjectChanged.
    """
    status = details.evaluation_status
    if known is None:
        subject, write = new_subject(actor.account_id, details)
        first.append(write)
        return subject
    if status is None or status is known.evaluation_status:
        return known
    if status is EvaluationStatus.FAVORABLE:
        raise SubjectChanged("input", "subject", "evaluationStatus")
    return _set_status(writes, known, status)


def _set_status(
    writes: list[Write], subject: SubjectRow, status: EvaluationStatus, override_id: UUID | None = None
) -> SubjectRow:
    """Give the subject another result, which rests on the override, if any."""
    values = {"evaluation_status": status, "version": subject.version + 1, "override_id": override_id}
    writes.append(updated(tables.subjects, subject.id, **values))
    return changed(subject, evaluation_status=status, version=subject.version + 1, override_id=override_id)
