"""Problems: why a request of SCIM was refused, with its HTTP status and scimType (RFC 7644, section 3.12)."""

from enum import StrEnum
from typing import NamedTuple

from app.domain.errors import (
    AccountStateRefused,
    ChangeAlreadyPending,
    ChangeNotPending,
    Detail,
    EmailTaken,
    ErrorCode,
    InvalidInput,
    NotFound,
    Refusal,
    VersionConflict,
)
from app.domain.model import Language
from app.i18n import message
from app.web.statuses import resource_status

FOUND_MAX = 100
"""In characters: no more of what was sent is repeated."""


_ATTRIBUTES = {"email": "emails"}
"""What SCIM calls an input of a mutation, where it is another name."""


class ScimType(StrEnum):
    """What kind of a problem it is, for a program."""

    INVALID_FILTER = "invalidFilter"
    TOO_MANY = "tooMany"
    UNIQUENESS = "uniqueness"
    MUTABILITY = "mutability"
    INVALID_SYNTAX = "invalidSyntax"
    INVALID_PATH = "invalidPath"
    NO_TARGET = "noTarget"
    INVALID_VALUE = "invalidValue"


class ScimRefused(Exception):
    """A request is refused for a reason that SCIM has a word for."""

    def __init__(self, kind: ScimType, refusal: Refusal) -> None:
        super().__init__(f"{kind.value}: {refusal.code}")
        self.kind = kind
        self.refusal = refusal


class ScimProblem(NamedTuple):
    """One refusal as it is answered."""

    status: int
    kind: ScimType | None
    code: ErrorCode
    detail: str


def refused(kind: ScimType, detail: str, *path: str, **params: object) -> ScimRefused:
    """Return the refusal with this *detail*, about the attribute at *path*."""
    shown = {name: shortened(value) if isinstance(value, str) else value for name, value in params.items()}
    return ScimRefused(kind, InvalidInput(*path, detail=Detail(detail, shown)))


def shortened(text: str) -> str:
    return text if len(text) <= FOUND_MAX else f"{text[:FOUND_MAX]}…"


def written(value: object) -> str:
    """Return a value that was sent as text; none of an array or an object, which may be too deep to be written."""
    match value:
        case list():
            return "[…]"
        case dict():
            return "{…}"
    return str(value)


def problem_of(refusal: Refusal, language: Language, kind: ScimType | None = None) -> ScimProblem:
    """Return *refusal* as it is answered: by its own class, where no *kind* says it."""
    status, kind = (409 if kind is ScimType.UNIQUENESS else 400, kind) if kind else _classified(refusal)
    where = ".".join(_ATTRIBUTES.get(part, part) for part in refusal.path if part not in ("input", "userId"))
    words = message(refusal, language)
    detail = ": ".join(filter(None, (refusal.code, where, words)))
    return ScimProblem(status, kind, refusal.code, detail)


def _classified(refusal: Refusal) -> tuple[int, ScimType | None]:
    match refusal:
        case EmailTaken():
            return 409, ScimType.UNIQUENESS
        case ChangeAlreadyPending() | ChangeNotPending():
            return 409, None
        case AccountStateRefused():  # what the state of the account does not allow: RFC 7644, table 9
            return 400, ScimType.MUTABILITY
        case VersionConflict():
            return 412, None
        case NotFound():
            return 404, None
    status = resource_status(refusal.code)
    return (400, ScimType.INVALID_VALUE) if status == 422 else (status, None)
