"""The model of the case domain: enums, the actor, and the facts that a decision needs.

It decides nothing; `workflow` does.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Language(StrEnum):
    EN = "EN"
    FR = "FR"


class Feature(StrEnum):
    """What an account may have switched on."""

    CASES = "cases"
    OVERRIDES = "overrides"


class Role(StrEnum):
    """What a person may do."""

    CONTRIBUTOR = "CONTRIBUTOR"
    REVIEWER = "REVIEWER"
    ADMIN = "ADMIN"


PARTICIPANTS = frozenset({Role.CONTRIBUTOR, Role.REVIEWER})
"""Who works on cases."""


class UserKind(StrEnum):
    """What acts: a human, another program, or the account's own rules."""

    PERSON = "PERSON"
    SERVICE = "SERVICE"
    SYSTEM = "SYSTEM"


class IdentityOrigin(StrEnum):
    """Why a subject of an identity provider stands for a person."""

    ADDRESS = "ADDRESS"
    """It came with the person's verified address."""
    CREATED = "CREATED"
    """It came with a verified address that no person had, and the person was created."""
    ADMINISTRATOR = "ADMINISTRATOR"
    """An administrator said so."""


class Scope(StrEnum):
    """What a token may do, independent of its holder's roles."""

    CASES_READ = "cases_read"
    CASES_WRITE = "cases_write"
    DOCUMENTS_READ = "documents_read"
    DOCUMENTS_WRITE = "documents_write"
    USERS_READ = "users_read"
    ADMIN_READ = "admin_read"
    ADMIN_WRITE = "admin_write"
    SCIM = "scim"
    SUBJECTS_WRITE = "subjects_write"


ADMIN_SCOPES = frozenset({Scope.ADMIN_READ, Scope.ADMIN_WRITE})
SERVICE_SCOPES = frozenset({Scope.SCIM, Scope.SUBJECTS_WRITE})
"""What only a service account's token is for: who could record results could make one FAVORABLE alone."""

PERSON_SCOPES = tuple(scope for scope in Scope if scope not in SERVICE_SCOPES)


class TokenSource(StrEnum):
    """Where the token comes from by which something was done."""

    API_TOKEN = "API_TOKEN"
    """It was made here."""
    IDENTITY_PROVIDER = "IDENTITY_PROVIDER"
    """The company's identity provider signed it: the id is of the row that stands for all tokens of its subject."""
    SYSTEM = "SYSTEM"
    """There was none: the account's own rules had it done."""


class SubjectType(StrEnum):
    COMPANY_ACCOUNT_CHECK = "COMPANY_ACCOUNT_CHECK"
    COMPANY_ACCOUNT_AUDIT = "COMPANY_ACCOUNT_AUDIT"


class DocumentWarning(StrEnum):
    """What a document could do to the reader who opens it, as far as it was examined."""

    PDF_JAVASCRIPT = "PDF_JAVASCRIPT"
    PDF_LAUNCH_ACTION = "PDF_LAUNCH_ACTION"
    PDF_EMBEDDED_FILE = "PDF_EMBEDDED_FILE"
    PDF_FORM_SUBMIT = "PDF_FORM_SUBMIT"
    PDF_MULTIMEDIA = "PDF_MULTIMEDIA"
    EXTERNAL_TEMPLATE = "EXTERNAL_TEMPLATE"
    EXTERNAL_LINK = "EXTERNAL_LINK"
    EMBEDDED_OBJECT = "EMBEDDED_OBJECT"
    DDE = "DDE"
    CSV_FORMULA = "CSV_FORMULA"
    MAIL_ATTACHMENT = "MAIL_ATTACHMENT"
    ENCRYPTED = "ENCRYPTED"
    NOT_FULLY_EXAMINED = "NOT_FULLY_EXAMINED"
    NOT_EXAMINED = "NOT_EXAMINED"


class EvaluationStatus(StrEnum):
    PENDING = "PENDING"
    FAVORABLE = "FAVORABLE"
    UNFAVORABLE = "UNFAVORABLE"
    ANOMALY = "ANOMALY"
    UNCONFIRMED = "UNCONFIRMED"
    UNEVALUATED = "UNEVALUATED"


class RequestedStatus(StrEnum):
    """The results that an override can ask for; each is an `EvaluationStatus` of the same name."""

    FAVORABLE = "FAVORABLE"
    UNFAVORABLE = "UNFAVORABLE"


class CaseStatus(StrEnum):
    OPEN = "OPEN"
    IN_PROGRESS = "IN_PROGRESS"
    PENDING_REVIEW = "PENDING_REVIEW"
    RESOLVED = "RESOLVED"
    CLOSED = "CLOSED"


class OverrideStatus(StrEnum):
    PENDING = "PENDING"
    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"


class Resource(StrEnum):
    """What something that is not there would be."""

    CASE = "case"
    OVERRIDE = "override"
    DOCUMENT = "document"
    USER = "user"
    TOKEN = "token"
    CHANGE = "change"
    COMMENT = "comment"
    WEBHOOK = "webhook"


class InboxReason(StrEnum):
    """Why a case is in a person's inbox."""

    DECIDE = "DECIDE"
    ANSWER = "ANSWER"
    CLOSE = "CLOSE"
    ASSIGNED = "ASSIGNED"
    OVERDUE = "OVERDUE"
    ESCALATED = "ESCALATED"


class SearchField(StrEnum):
    """Where a search looks, the weightiest first."""

    REFERENCE = "REFERENCE"
    TITLE = "TITLE"
    SUBJECT = "SUBJECT"
    DOCUMENT = "DOCUMENT"
    COMMENT = "COMMENT"


class Resolution(StrEnum):
    OVERRIDE_APPLIED = "OVERRIDE_APPLIED"
    RESULT_CONFIRMED = "RESULT_CONFIRMED"
    NOT_CONCLUSIVE = "NOT_CONCLUSIVE"
    DUPLICATE = "DUPLICATE"
    OPENED_IN_ERROR = "OPENED_IN_ERROR"


class ActionType(StrEnum):
    OPEN = "OPEN"
    COMMENT = "COMMENT"
    REQUEST_OVERRIDE = "REQUEST_OVERRIDE"
    ACCEPT = "ACCEPT"
    REFUSE = "REFUSE"
    CANCEL = "CANCEL"
    CLOSE = "CLOSE"
    REASSIGN = "REASSIGN"
    REDACT = "REDACT"
    HOLD = "HOLD"
    EVALUATION = "EVALUATION"
    ASSIGN = "ASSIGN"
    SET_DUE_DATE = "SET_DUE_DATE"
    EXPIRE = "EXPIRE"
    REMIND = "REMIND"
    ESCALATE = "ESCALATE"
    RECORD_STEP = "RECORD_STEP"


REMINDERS = frozenset({ActionType.REMIND, ActionType.ESCALATE})
"""What the account's own rules write to tell people something, and not to change anything."""


class StepState(StrEnum):
    """Where a step of the checklist stands on a case."""

    OPEN = "OPEN"
    DONE = "DONE"
    NOT_NEEDED = "NOT_NEEDED"


@dataclass(frozen=True, slots=True)
class ChecklistStep:
    """A step of an account's checklist. `required_for`: the actions that are refused while it is open."""

    key: str
    label_en: str
    label_fr: str
    required_for: frozenset[ActionType] = frozenset()

    def label(self, language: Language) -> str:
        """Return what to call it."""
        return self.label_fr if language is Language.FR else self.label_en


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: one person, through one token, in one account.

    `authority`: the count of changes of what the person may do that all this was looked up with. `role_limit`: the only
    roles that the token gives them; None where it has no say. `token_source`: who made the token. `reviewer_since`:
    when they became a reviewer; None where they are none, or nobody knows. `override_expiry_hours`, `due_hours` and
    `checklist`: the account's policies.
    """

    account_id: UUID
    user_id: UUID
    token_id: UUID
    active: bool
    roles: frozenset[Role]
    scopes: frozenset[Scope]
    features: frozenset[Feature]
    restrict_to_assigned_reviewers: bool = False
    authority: int = 0
    expires_at: datetime | None = None
    role_limit: frozenset[Role] | None = None
    token_source: TokenSource = TokenSource.API_TOKEN
    kind: UserKind = UserKind.PERSON
    reviewer_since: datetime | None = None
    override_expiry_hours: int | None = None
    due_hours: str | None = None
    checklist: str | None = None


@dataclass(frozen=True, slots=True)
class SystemActor:
    """What acts by an account's own rules: its system identity, which has no token, no role, and can get none."""

    account_id: UUID
    user_id: UUID


@dataclass(frozen=True, slots=True)
class OverrideFacts:
    """What a decision must know of one override.

    `has_able_reviewer`: whether any of those who are asked is active and still a reviewer; of no meaning where who asks
    may not name others in their place. `is_expired`: the time is over in which it can be decided. `represented_id`: the
    reviewer in whose place the actor decides, if any; looked for where the account leaves decisions to those who are
    asked, or a decision is to be logged.
    """

    id: UUID
    creator_id: UUID
    status: OverrideStatus
    requested_status: RequestedStatus
    subject_status_at_request: EvaluationStatus
    reviewer_ids: frozenset[UUID]
    created_at: datetime
    has_able_reviewer: bool = True
    is_expired: bool = False
    represented_id: UUID | None = None

    def asks(self, user_id: UUID) -> bool:
        """Tell whether the actor, who is *user_id*, was asked to decide, or stands in for somebody who was."""
        return user_id in self.reviewer_ids or self.represented_id is not None


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What a decision must know of one case.

    `override` is the one that the actor named, else the pending one; None where there is neither. `finished` is the one
    that was finished last, where none is pending: who must name one, and sees the case, can name no other. `is_held`: a
    legal hold keeps its texts. `has_checklist`: the account has one. `open_steps`: its steps that are open on the case;
    looked for where any is required for an action, or an action is to be logged.
    """

    status: CaseStatus
    subject_status: EvaluationStatus
    override: OverrideFacts | None = None
    finished: OverrideFacts | None = None
    is_held: bool = False
    has_checklist: bool = False
    open_steps: tuple[ChecklistStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who was named as a reviewer, or as who is to work on a case."""

    user_id: UUID
    active: bool
    roles: frozenset[Role]
    reviewer_since: datetime | None = None
    kind: UserKind = UserKind.PERSON

    @property
    def is_able(self) -> bool:
        """Whether they can decide on anything."""
        return self.active and Role.REVIEWER in self.roles

    @property
    def can_own(self) -> bool:
        """Whether they can work on cases, as who owns one does."""
        return self.active and self.kind is UserKind.PERSON and bool(PARTICIPANTS & self.roles)

    def can_decide(self, created_at: datetime) -> bool:
        """Tell whether they can decide on an override that was requested then."""
        return self.is_able and self.is_early_enough(created_at)

    def is_early_enough(self, created_at: datetime) -> bool:
        """Tell whether they were a reviewer already when an override was requested."""
        return self.reviewer_since is not None and self.reviewer_since <= created_at
