"""The manual's page of error codes: its part below the mark is made of the tables that the gateway runs on.

`python -m app.api.error_page` writes it anew.
"""

from collections.abc import Iterator
from pathlib import Path

from strawberry.utils.str_converters import to_camel_case

from app.api.error_codes import MEANINGS, REMEDIES
from app.api.errors import (
    AccessError,
    AdministrationError,
    InputError,
    NotFoundError,
    RetryError,
    StateError,
    UserError,
    VersionConflictError,
)
from app.domain.errors import (
    AccessRefused,
    AccountStateRefused,
    ErrorCode,
    NotAttempted,
    NotFound,
    Refusal,
    RequestRefused,
    RetryLater,
    StateRefused,
    TooManyDocuments,
    Unauthenticated,
    VersionConflict,
)
from app.domain.model import Language
from app.i18n import WORDS
from app.web import statuses

PAGE = Path(__file__).parent.parent / "docs/errors.md"
MARK = "<!-- Written by `python -m app.api.error_page`: the codes -->\n"


def sections() -> str:
    """Return what the page says below the mark."""
    table = ["| code | HTTP | retryable |", "| --- | --- | --- |"]
    table += [f"| [`{code}`](#{code.lower()}) | {_status(code)} | {_retryable(code)} |" for code in ErrorCode]
    return "\n".join([*table, "", *("\n".join(_section(code)) for code in ErrorCode)])


def write() -> None:
    """Write the page anew, below its mark."""
    by_hand, mark, _ = PAGE.read_text(encoding="utf-8").partition(MARK)
    PAGE.write_text(by_hand + mark + sections(), encoding="utf-8")


def kinds(kind: type[Refusal] = Refusal) -> Iterator[type[Refusal]]:
    """Yield every class of refusals that has a code."""
    for below in kind.__subclasses__():
        if hasattr(below, "code"):
            yield below
        yield from kinds(below)


_KINDS = {kind.code: kind for kind in kinds()}
# By the class of refusals, the first that fits, as `app.api.errors` makes them.
_TYPES: tuple[tuple[type[Refusal], type[UserError] | None], ...] = (
    (RetryLater, RetryError),
    (NotAttempted, RetryError),
    (RequestRefused, None),
    (Unauthenticated, AccessError),
    (NotFound, NotFoundError),
    (AccessRefused, AccessError),
    (StateRefused, StateError),
    (AccountStateRefused, AdministrationError),
    (VersionConflict, VersionConflictError),
    (Refusal, InputError),
)


def _section(code: ErrorCode) -> Iterator[str]:
    yield f"### {code}\n"
    yield f"{MEANINGS[code]}\n"
    yield f"- **HTTP**: {_status(code)}."
    type_ = _type(code)
    if type_ is not None:
        yield f"- **{_place(code)}**: `{type_.__name__}`, with {_listed(_members(type_))}."
    yield f"- **Extensions**: {_listed(_extensions(code))}."
    yield f"- **Retryable**: {_retryable(code)}."
    for language, name in ((Language.EN, "English"), (Language.FR, "French")):
        yield f"- **{name}**: {WORDS[language]['messages'][code]}"
    yield f"- **What helps**: {REMEDIES[code]}\n"


def _type(code: ErrorCode) -> type[UserError] | None:
    kind = _KINDS.get(code)
    if kind is None:
        return RetryError if code is ErrorCode.INTERNAL_ERROR else None
    return next(type_ for fitting, type_ in _TYPES if issubclass(kind, fitting))


def _place(code: ErrorCode) -> str:
    """Return where the type stands: what is about a request as a whole is told of one action of many alone."""
    kind = _KINDS.get(code)
    is_of_request = kind is None or issubclass(kind, RequestRefused | Unauthenticated | NotAttempted)
    return "In a result of `performActions`" if is_of_request else "In a payload"


def _members(type_: type[UserError]) -> list[str]:
    """Return the names of what *type_* has beside what every error has."""
    fields = type_.__strawberry_definition__.fields  # type: ignore[attr-defined]  # strawberry has put it there
    names = [to_camel_case(field.python_name) for field in fields]
    return [name for name in names if name not in ("code", "message", "path")]


def _extensions(code: ErrorCode) -> list[str]:
    kind = _KINDS.get(code)
    names = ["code"]
    if code is ErrorCode.INTERNAL_ERROR:
        names.append("requestId")
    if kind is None:
        return names
    if issubclass(kind, RequestRefused):
        names += sorted(kind.names)
    elif not issubclass(kind, Unauthenticated):
        names.append("argument")
    if issubclass(kind, RetryLater):
        names += ["retryable", "retryAfterMs"]
    return names


def _status(code: ErrorCode) -> str:
    kind = _KINDS.get(code)
    if code is ErrorCode.BAD_REQUEST:
        *others, last = statuses.BAD_REQUEST
        return f"{', '.join(map(str, others))} or {last}"
    if code is ErrorCode.INTERNAL_ERROR:
        return "500, or 200 at a field"
    if kind is None or (issubclass(kind, RequestRefused) and statuses.request_status(kind) is None):
        return "200 or 400"
    status = statuses.document_status(kind)
    if issubclass(kind, RequestRefused | Unauthenticated):
        return str(status)
    whole = " for a form that is too long, and" if statuses.request_status(kind) else ""
    return f"200; {status}{whole} at `/documents`" if status else "200"


def _retryable(code: ErrorCode) -> str:
    kind = _KINDS.get(code)
    if kind is TooManyDocuments:
        return "at `/documents`, for documents that are attached to nothing"
    return "yes" if kind is not None and issubclass(kind, RetryLater) else "no"


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    write()
