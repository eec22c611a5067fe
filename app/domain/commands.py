"""The commands: what an actor asks for, already of the right shape. Whether it may be done is decided elsewhere."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from app.domain.bank_accounts import Iban
from app.domain.errors import InputRefused, Required
from app.domain.model import (
    ActionType,
    DocumentWarning,
    EvaluationStatus,
    RequestedStatus,
    Resolution,
    StepState,
    SubjectType,
)
from app.domain.reminders import Reminder


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What all commands share. `comment` is trimmed and 1..10 000 characters long, or None."""

    action: ClassVar[ActionType]
    comment: str | None = None
    expected_version: int | None = None
    idempotency_key: str | None = None

    @property
    def brings_documents(self) -> bool:
        """Whether files came along, which need a scope of their own."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDocument:
    """A file that came along with a command and was looked at; `content_type` is what it is, not what it says."""

    id: UUID
    filename: str
    content_type: str
    size_bytes: int
    sha256: str
    warnings: tuple[DocumentWarning, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectDetails:
    """The check that a case is about. `evaluation_status` None: keep what is known, else UNEVALUATED."""

    type: SubjectType
    external_ref: str
    label: str
    country_code: str | None = None
    evaluation_status: EvaluationStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCase(Command):
    """Open a case; `expected_version` is the known subject's, 0 for one that must be new.

    `iban`: the bank account's number, of which `bank_account` takes the place before anything is done: what the
    account's own key makes of it (`app.actions.bank_accounts`).
    """

    action = ActionType.OPEN
    subject: SubjectDetails
    title: str
    description: str | None = None
    iban: Iban | None = None
    bank_account: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordEvaluation(Command):
    """Record what a check has found; `expected_version` is the known subject's, 0 for one that must be new.

    The details have a result. Without a country, a known subject keeps its own.
    """

    action = ActionType.EVALUATION
    subject: SubjectDetails


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseCommand(Command):
    """A command on an existing case; `expected_version` is the case's."""

    case_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentedCommand(CaseCommand):
    """A command whose comment brings documents: those uploaded before, by id, then those that came along."""

    document_ids: tuple[UUID, ...] = ()
    new_documents: tuple[NewDocument, ...] = ()

    @property
    def brings_documents(self) -> bool:
        return bool(self.new_documents)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddComment(DocumentedCommand):
    action = ActionType.COMMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOverride(DocumentedCommand):
    """Ask reviewers (1..10, distinct) for another result; the comment is the reason."""

    action = ActionType.REQUEST_OVERRIDE
    requested_status: RequestedStatus
    reviewer_ids: tuple[UUID, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionCommand(CaseCommand):
    """A command on the named override, or else on the pending one; most of them end it."""

    override_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewCommand(DecisionCommand):
    """A reviewer's decision on what they have read: the named override, and the case as it was in that version.

    `requires_version`: both have to be named, whichever way it came in; the account's policy may let the JSON:API do
    without. Raises: InputRefused, where either is missing then.
    """

    override_id: UUID | None
    expected_version: int | None
    requires_version: bool = True

    def __post_init__(self) -> None:
        if not self.requires_version:
            return
        named = {"overrideId": self.override_id, "expectedVersion": self.expected_version}
        missing = [Required("input", name) for name, value in named.items() if value is None]
        if missing:
            raise InputRefused(missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptOverride(ReviewCommand):
    action = ActionType.ACCEPT


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseOverride(ReviewCommand):
    action = ActionType.REFUSE


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOverride(DecisionCommand):
    action = ActionType.CANCEL


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpireOverride(DecisionCommand):
    """End the pending override, whose time is over; by the account's own rules."""

    action = ActionType.EXPIRE


@dataclass(frozen=True, slots=True, kw_only=True)
class Remind(CaseCommand):
    """Say what is due soon; by the account's own rules."""

    action = ActionType.REMIND
    reminder: Reminder


@dataclass(frozen=True, slots=True, kw_only=True)
class Escalate(CaseCommand):
    """Say what is late; by the account's own rules."""

    action = ActionType.ESCALATE
    reminder: Reminder


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseCase(CaseCommand):
    action = ActionType.CLOSE
    resolution: Resolution | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseContent(CaseCommand):
    """Erase comments and documents by id (at least one), or `everything` of a closed case; the reason is kept."""

    action = ActionType.REDACT
    reason: str
    comment_ids: tuple[UUID, ...] = ()
    document_ids: tuple[UUID, ...] = ()
    everything: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLegalHold(CaseCommand):
    """Hold the case's content, or hold it no longer; the reason is kept."""

    action = ActionType.HOLD
    held: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignCase(CaseCommand):
    """Make somebody the case's owner, who works on it; None: nobody."""

    action = ActionType.ASSIGN
    assignee_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDueDate(CaseCommand):
    """Say until when the case is to be finished, in UTC; None: at no time."""

    action = ActionType.SET_DUE_DATE
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStep(CaseCommand):
    """Say where a step of the account's checklist stands on the case; the comment says who was reached, or why."""

    action = ActionType.RECORD_STEP
    step: str
    state: StepState
    comment: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReassignReviewers(DecisionCommand):
    """Ask other reviewers (1..10, distinct) to decide on the named override, which none of those asked can."""

    action = ActionType.REASSIGN
    override_id: UUID
    reviewer_ids: tuple[UUID, ...]
