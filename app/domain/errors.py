"""The refusals: every answer other than yes, as DOMAIN.md's section 6 lists them.

A refusal is a code, the input field it is about, and the values that its message names. The words are in `app.i18n`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar
from uuid import UUID


class ErrorCode(StrEnum):
    """Stable, language-free names of refusals, faults, and what can't be read."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    TOKEN_EXPIRED = "TOKEN_EXPIRED"
    FEATURE_DISABLED = "FEATURE_DISABLED"
    INSUFFICIENT_SCOPE = "INSUFFICIENT_SCOPE"
    USER_INACTIVE = "USER_INACTIVE"
    ROLE_REQUIRED = "ROLE_REQUIRED"
    SELF_REVIEW_FORBIDDEN = "SELF_REVIEW_FORBIDDEN"
    NOT_ASSIGNED_REVIEWER = "NOT_ASSIGNED_REVIEWER"
    NOT_OVERRIDE_CREATOR = "NOT_OVERRIDE_CREATOR"
    REVIEWER_TOO_RECENT = "REVIEWER_TOO_RECENT"
    PERSON_REQUIRED = "PERSON_REQUIRED"
    SERVICE_ACCOUNT_REQUIRED = "SERVICE_ACCOUNT_REQUIRED"
    OWN_ACCOUNT = "OWN_ACCOUNT"
    SECOND_ADMIN_REQUIRED = "SECOND_ADMIN_REQUIRED"
    NOT_FOUND = "NOT_FOUND"
    CASE_CLOSED = "CASE_CLOSED"
    ACTIVE_CASE_EXISTS = "ACTIVE_CASE_EXISTS"
    OVERRIDE_PENDING = "OVERRIDE_PENDING"
    OVERRIDE_ALREADY_ACTIVE = "OVERRIDE_ALREADY_ACTIVE"
    NO_PENDING_OVERRIDE = "NO_PENDING_OVERRIDE"
    OVERRIDE_NOT_PENDING = "OVERRIDE_NOT_PENDING"
    OVERRIDE_EXPIRED = "OVERRIDE_EXPIRED"
    REVIEWERS_AVAILABLE = "REVIEWERS_AVAILABLE"
    SUBJECT_CHANGED = "SUBJECT_CHANGED"
    CHECKLIST_OPEN = "CHECKLIST_OPEN"
    SUBJECT_NOT_OVERRIDABLE = "SUBJECT_NOT_OVERRIDABLE"
    OVERRIDE_NO_CHANGE = "OVERRIDE_NO_CHANGE"
    LEGAL_HOLD = "LEGAL_HOLD"
    ERASED = "ERASED"
    LAST_ADMIN = "LAST_ADMIN"
    CHANGE_NOT_PENDING = "CHANGE_NOT_PENDING"
    CHANGE_ALREADY_PENDING = "CHANGE_ALREADY_PENDING"
    EMAIL_TAKEN = "EMAIL_TAKEN"
    VERSION_CONFLICT = "VERSION_CONFLICT"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    NOT_ATTEMPTED = "NOT_ATTEMPTED"
    REQUIRED = "REQUIRED"
    INVALID_ID = "INVALID_ID"
    INVALID_INPUT = "INVALID_INPUT"
    TOO_LONG = "TOO_LONG"
    REVIEWER_REQUIRED = "REVIEWER_REQUIRED"
    TOO_MANY_REVIEWERS = "TOO_MANY_REVIEWERS"
    CREATOR_CANNOT_REVIEW = "CREATOR_CANNOT_REVIEW"
    SELF_ASSIGNMENT_FORBIDDEN = "SELF_ASSIGNMENT_FORBIDDEN"
    INVALID_REVIEWER = "INVALID_REVIEWER"
    INVALID_ASSIGNEE = "INVALID_ASSIGNEE"
    INVALID_STEP = "INVALID_STEP"
    INVALID_CURSOR = "INVALID_CURSOR"
    DOCUMENT_UNAVAILABLE = "DOCUMENT_UNAVAILABLE"
    TOO_MANY_DOCUMENTS = "TOO_MANY_DOCUMENTS"
    DOCUMENT_TOO_LARGE = "DOCUMENT_TOO_LARGE"
    DOCUMENT_EMPTY = "DOCUMENT_EMPTY"
    DOCUMENT_TYPE_UNSUPPORTED = "DOCUMENT_TYPE_UNSUPPORTED"
    RATE_LIMITED = "RATE_LIMITED"
    OVERLOADED = "OVERLOADED"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    STREAM_LIMIT = "STREAM_LIMIT"
    STREAM_TOO_SLOW = "STREAM_TOO_SLOW"
    QUERY_TOO_COMPLEX = "QUERY_TOO_COMPLEX"
    DOCUMENT_NOT_TRUSTED = "DOCUMENT_NOT_TRUSTED"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    PERSISTED_QUERY_NOT_SUPPORTED = "PERSISTED_QUERY_NOT_SUPPORTED"
    PERSISTED_QUERY_MISMATCH = "PERSISTED_QUERY_MISMATCH"
    IDENTITY_UNAVAILABLE = "IDENTITY_UNAVAILABLE"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    BAD_REQUEST = "BAD_REQUEST"
    GRAPHQL_INVALID = "GRAPHQL_INVALID"
    BAD_USER_INPUT = "BAD_USER_INPUT"


@dataclass(frozen=True, slots=True)
class Enumeration:
    """Several things of which a message names each, where any one of a tuple's would do."""

    items: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class MessageWord:
    """A word of the language, by its name, for a detail: all other texts in one are named as they are."""

    name: str


class Refusal(Exception):
    """One reason why something was not done.

    `path` leads to the argument it is about, as in `("input", "reviewerIds", "0")`. The keyword arguments are the
    values that the message names; they must be just the ones that the class declares in `names`.
    """

    code: ClassVar[ErrorCode]
    names: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *path: str, **params: object) -> None:
        if params.keys() != self.names:
            raise TypeError(f"{type(self).__name__} takes {sorted(self.names)}, not {sorted(params)}")
        super().__init__(self.code.value)
        self.path = path
        self.params = params


class InputRefused(Exception):
    """All that is wrong with the shape of one input, together."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__(", ".join(refusal.code for refusal in refusals))
        self.refusals = tuple(refusals)


# --- Authentication --------------------------------------------------------------------------------------------------


class Unauthenticated(Refusal):
    code = ErrorCode.UNAUTHENTICATED


class TokenExpired(Unauthenticated):
    code = ErrorCode.TOKEN_EXPIRED


# --- Permissions -----------------------------------------------------------------------------------------------------


class AccessRefused(Refusal):
    """The account, the token or the person may not, whatever the state of the case."""


class FeatureDisabled(AccessRefused):
    code = ErrorCode.FEATURE_DISABLED
    names = frozenset({"feature"})


class InsufficientScope(AccessRefused):
    code = ErrorCode.INSUFFICIENT_SCOPE
    names = frozenset({"scope"})


class UserInactive(AccessRefused):
    code = ErrorCode.USER_INACTIVE


class RoleRequired(AccessRefused):
    code = ErrorCode.ROLE_REQUIRED
    names = frozenset({"roles"})


class SelfReviewForbidden(AccessRefused):
    code = ErrorCode.SELF_REVIEW_FORBIDDEN


class NotAssignedReviewer(AccessRefused):
    code = ErrorCode.NOT_ASSIGNED_REVIEWER


class NotOverrideCreator(AccessRefused):
    code = ErrorCode.NOT_OVERRIDE_CREATOR


class ReviewerTooRecent(AccessRefused):
    """The override was requested before they became a reviewer."""

    code = ErrorCode.REVIEWER_TOO_RECENT


class PersonRequired(AccessRefused):
    """A service account may not, whatever its roles."""

    code = ErrorCode.PERSON_REQUIRED


class ServiceAccountRequired(AccessRefused):
    """No person may, whatever their roles and the token's scopes."""

    code = ErrorCode.SERVICE_ACCOUNT_REQUIRED


class OwnAccount(AccessRefused):
    """Nobody may do this to themselves."""

    code = ErrorCode.OWN_ACCOUNT


class SecondAdminRequired(AccessRefused):
    """Another admin has to decide: not who asked for it, nor whom it favours."""

    code = ErrorCode.SECOND_ADMIN_REQUIRED


# --- Not found -------------------------------------------------------------------------------------------------------


class NotFound(Refusal):
    """Absent, or another account's: the same answer."""

    code = ErrorCode.NOT_FOUND
    names = frozenset({"resource"})


# --- Wrong state -----------------------------------------------------------------------------------------------------


class StateRefused(Refusal):
    """The case, its override or its subject is not in a state that allows it; `case_id` is set where it is known."""

    case_id: UUID | None = None


class CaseClosed(StateRefused):
    code = ErrorCode.CASE_CLOSED


class ActiveCaseExists(StateRefused):
    code = ErrorCode.ACTIVE_CASE_EXISTS


class OverridePending(StateRefused):
    code = ErrorCode.OVERRIDE_PENDING


class OverrideAlreadyActive(StateRefused):
    code = ErrorCode.OVERRIDE_ALREADY_ACTIVE


class NoPendingOverride(StateRefused):
    code = ErrorCode.NO_PENDING_OVERRIDE


class OverrideNotPending(StateRefused):
    code = ErrorCode.OVERRIDE_NOT_PENDING
    names = frozenset({"status"})


class OverrideExpired(StateRefused):
    """The time is over in which it could be decided."""

    code = ErrorCode.OVERRIDE_EXPIRED


class ReviewersAvailable(StateRefused):
    code = ErrorCode.REVIEWERS_AVAILABLE


class SubjectChanged(StateRefused):
    code = ErrorCode.SUBJECT_CHANGED


class ChecklistOpen(StateRefused):
    """Steps of the account's checklist are open that it requires."""

    code = ErrorCode.CHECKLIST_OPEN
    names = frozenset({"steps"})


class SubjectNotOverridable(StateRefused):
    code = ErrorCode.SUBJECT_NOT_OVERRIDABLE
    names = frozenset({"status"})


class OverrideNoChange(StateRefused):
    code = ErrorCode.OVERRIDE_NO_CHANGE


class LegalHold(StateRefused):
    """A legal hold keeps the case's content."""

    code = ErrorCode.LEGAL_HOLD


# --- Administration: not now -----------------------------------------------------------------------------------------


class AccountStateRefused(Refusal):
    """The account, its people or a change that waits are not in a state that allows it."""


class LastAdmin(AccountStateRefused):
    code = ErrorCode.LAST_ADMIN


class ChangeNotPending(AccountStateRefused):
    code = ErrorCode.CHANGE_NOT_PENDING
    names = frozenset({"status"})


class ChangeAlreadyPending(AccountStateRefused):
    code = ErrorCode.CHANGE_ALREADY_PENDING


class EmailTaken(AccountStateRefused):
    """Somebody of the account has this address, or one that is the same by the comparison of addresses."""

    code = ErrorCode.EMAIL_TAKEN


# --- Conflicts -------------------------------------------------------------------------------------------------------


class VersionConflict(Refusal):
    code = ErrorCode.VERSION_CONFLICT
    names = frozenset({"expected", "actual"})


class IdempotencyKeyReused(Refusal):
    code = ErrorCode.IDEMPOTENCY_KEY_REUSED


# --- Wrong input -----------------------------------------------------------------------------------------------------


class Required(Refusal):
    code = ErrorCode.REQUIRED


class InvalidId(Refusal):
    """`expected` names the form that would do: that of a UUID, or of a case's reference."""

    code = ErrorCode.INVALID_ID
    names = frozenset({"expected"})

    def __init__(self, *path: str, expected: str = "uuid_form") -> None:
        super().__init__(*path, expected=expected)


@dataclass(frozen=True, slots=True)
class Detail:
    """What was found and what would be accepted: the name of a sentence, and the values that it names.

    A text among these is a client's or a program's, as `case` of JSON:API, and is no word to be translated.
    """

    name: str
    params: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of_range(cls, minimum: int, maximum: int) -> "Detail":
        return cls("range", {"minimum": minimum, "maximum": maximum})

    @classmethod
    def of_length(cls, actual: int, maximum: int) -> "Detail":
        return cls("length", {"actual": actual, "maximum": maximum})


class InvalidInput(Refusal):
    """`detail` says what is wrong; without it the argument's description has to."""

    code = ErrorCode.INVALID_INPUT
    names = frozenset({"detail"})

    def __init__(self, *path: str, detail: Detail | None = None) -> None:
        super().__init__(*path, detail=detail or Detail("description"))


class TooLong(Refusal):
    """`max` is in `unit`."""

    code = ErrorCode.TOO_LONG
    names = frozenset({"max", "unit"})

    def __init__(self, *path: str, max: int, unit: Detail = Detail("characters")) -> None:
        super().__init__(*path, max=max, unit=unit)


class ReviewerRequired(Refusal):
    code = ErrorCode.REVIEWER_REQUIRED


class TooManyReviewers(Refusal):
    code = ErrorCode.TOO_MANY_REVIEWERS
    names = frozenset({"max"})


class CreatorCannotReview(Refusal):
    code = ErrorCode.CREATOR_CANNOT_REVIEW


class SelfAssignmentForbidden(Refusal):
    code = ErrorCode.SELF_ASSIGNMENT_FORBIDDEN


class InvalidReviewer(Refusal):
    code = ErrorCode.INVALID_REVIEWER
    names = frozenset({"id"})


class InvalidAssignee(Refusal):
    code = ErrorCode.INVALID_ASSIGNEE
    names = frozenset({"id"})


class InvalidStep(Refusal):
    """The account's checklist has no such step, or there is none; *keys* are those of its steps."""

    code = ErrorCode.INVALID_STEP
    names = frozenset({"detail"})

    def __init__(self, *path: str, keys: Iterable[str] = ()) -> None:
        known = ", ".join(keys)
        detail = Detail("known_steps", {"keys": known}) if known else Detail("no_checklist")
        super().__init__(*path, detail=detail)


class InvalidCursor(Refusal):
    code = ErrorCode.INVALID_CURSOR


# --- Documents -------------------------------------------------------------------------------------------------------


class DocumentUnavailable(Refusal):
    """Unknown, another person's, another account's, attached already or deleted: the same answer."""

    code = ErrorCode.DOCUMENT_UNAVAILABLE
    names = frozenset({"id"})


class TooManyDocuments(Refusal):
    """`which` says of which documents there may be `max`; `seconds` when there may be another one, if time does it."""

    code = ErrorCode.TOO_MANY_DOCUMENTS
    names = frozenset({"max", "which"})

    def __init__(
        self, *path: str, max: int, which: Detail = Detail("documents_of_action"), seconds: int | None = None
    ) -> None:
        super().__init__(*path, max=max, which=which)
        self.seconds = seconds


class DocumentTooLarge(Refusal):
    """`max` is in bytes."""

    code = ErrorCode.DOCUMENT_TOO_LARGE
    names = frozenset({"max"})


class DocumentEmpty(Refusal):
    code = ErrorCode.DOCUMENT_EMPTY


class DocumentTypeUnsupported(Refusal):
    """`type` is the media type that was found, `problem` why it can't be accepted and what would be."""

    code = ErrorCode.DOCUMENT_TYPE_UNSUPPORTED
    names = frozenset({"type", "problem"})

    def __init__(self, *path: str, type: str, problem: Detail = Detail("type_not_accepted")) -> None:
        super().__init__(*path, type=type, problem=problem)


# --- Limits and faults -----------------------------------------------------------------------------------------------


class NotAttempted(Refusal):
    """Another action of the same request, the one with this *number* from 1, was not done, and ended it."""

    code = ErrorCode.NOT_ATTEMPTED
    names = frozenset({"number"})


class Erased(Refusal):
    """It was there, and its content was erased."""

    code = ErrorCode.ERASED


class RequestRefused(Refusal):
    """About the request as a whole; the values of the message are extensions of the error too."""


class QueryTooComplex(RequestRefused):
    code = ErrorCode.QUERY_TOO_COMPLEX
    names = frozenset({"what", "limit", "actual"})


class DocumentNotTrusted(RequestRefused):
    code = ErrorCode.DOCUMENT_NOT_TRUSTED


class PersistedQueryNotFound(RequestRefused):
    """Apollo's and urql's clients compare the message, which is the same in each language: they send the text then."""

    code = ErrorCode.PERSISTED_QUERY_NOT_FOUND


class PersistedQueryNotSupported(RequestRefused):
    """The same clients stop to send hashes then, where otherwise they would send everything twice for ever."""

    code = ErrorCode.PERSISTED_QUERY_NOT_SUPPORTED


class PersistedQueryMismatch(RequestRefused):
    """A text came with a hash that is not its own."""

    code = ErrorCode.PERSISTED_QUERY_MISMATCH


class StreamLimit(RequestRefused):
    """Of one token, or of the process, as many streams as may be are open: `max`."""

    code = ErrorCode.STREAM_LIMIT
    names = frozenset({"max"})


class StreamTooSlow(RequestRefused):
    """The reader of a stream has taken nothing for too long. It goes on from its last cursor."""

    code = ErrorCode.STREAM_TOO_SLOW


class RetryLater(RequestRefused):
    """Nothing is wrong with the request: it may be sent again after so many `seconds`."""

    names = frozenset({"seconds"})

    @property
    def seconds(self) -> int:
        seconds = self.params["seconds"]
        assert isinstance(seconds, int)
        return seconds


class RateLimited(RetryLater):
    code = ErrorCode.RATE_LIMITED


class Overloaded(RetryLater):
    code = ErrorCode.OVERLOADED


class DeadlineExceeded(RetryLater):
    code = ErrorCode.DEADLINE_EXCEEDED


class IdentityUnavailable(RetryLater):
    code = ErrorCode.IDENTITY_UNAVAILABLE


class Unavailable(RetryLater):
    """The database is away or full. What was asked for may have been done: only an idempotency key tells."""

    code = ErrorCode.UNAVAILABLE
    names = frozenset({"seconds", "requestId"})
