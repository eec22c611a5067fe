"""The model of the case domain: its enumerations, and the sets that rules make of them.

What a decision is made on is in `facts`.
"""

from enum import StrEnum


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
