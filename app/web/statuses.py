"""The HTTP status of each kind of refusal, and the headers that go with it, at every address."""

from collections.abc import Iterator
from functools import cache

from app.domain.errors import (
    AccessRefused,
    DocumentEmpty,
    DocumentTooLarge,
    DocumentTypeUnsupported,
    Erased,
    ErrorCode,
    IdempotencyKeyReused,
    InvalidInput,
    NotFound,
    RateLimited,
    Refusal,
    RequestRefused,
    Required,
    RetryLater,
    StateRefused,
    StreamLimit,
    TooLong,
    TooManyDocuments,
    Unauthenticated,
    VersionConflict,
)

Table = tuple[tuple[type[Refusal], int], ...]

# The first class that fits.
_OF_REQUESTS: Table = (
    (Unauthenticated, 401),
    (RateLimited, 429),
    (StreamLimit, 429),
    (RetryLater, 503),
    (DocumentTooLarge, 413),
)
_OF_DOCUMENTS: Table = (
    *_OF_REQUESTS,
    (AccessRefused, 403),
    (NotFound, 404),
    (Erased, 410),
    (DocumentTypeUnsupported, 415),
    (TooManyDocuments, 429),
    (DocumentEmpty, 400),
    (InvalidInput, 400),
    (TooLong, 400),
    (Required, 400),
)
# JSON:API: what can be repaired in the request alone is 422, as is a key that was used for another request
# (draft-ietf-httpapi-idempotency-key-header-07, section 2.7).
_OF_RESOURCES: Table = (
    (Unauthenticated, 401),
    (AccessRefused, 403),
    (NotFound, 404),
    (Erased, 410),
    (StateRefused, 409),
    (VersionConflict, 409),
    (IdempotencyKeyReused, 422),
    (RateLimited, 429),
    (RetryLater, 503),
    (RequestRefused, 400),
    (DocumentTooLarge, 413),
    (DocumentTypeUnsupported, 415),
    (Refusal, 422),
)
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="casegate"'}
"""RFC 6750, section 3."""
BAD_REQUEST = (400, 405, 406, 408, 413, 415, 431)
"""What a request is answered of which no operation could be read."""


def request_status(kind: type[Refusal]) -> int | None:
    """Return the status of a whole request that is refused; None where it is that of an operation without data."""
    return _first(_OF_REQUESTS, kind)


def document_status(kind: type[Refusal]) -> int | None:
    """Return the status of a refusal by the routes of documents; None where they refuse nothing so."""
    return _first(_OF_DOCUMENTS, kind)


def resource_status(code: str) -> int:
    """Return the status of an answer of JSON:API that refuses with *code*."""
    kind = _kinds().get(ErrorCode(code))
    if kind is None:  # what no refusal stands for: a fault, or what can't be read
        return 500 if code == ErrorCode.INTERNAL_ERROR else 400
    return _first(_OF_RESOURCES, kind) or 422


@cache
def _kinds() -> dict[ErrorCode, type[Refusal]]:
    """Return the classes of refusals by their codes."""
    return {kind.code: kind for kind in _below(Refusal) if hasattr(kind, "code")}


def _below(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for below in kind.__subclasses__():
        yield below
        yield from _below(below)


def headers_of(refusal: Refusal) -> dict[str, str]:
    """Return the headers of an answer that *refusal* is the whole of."""
    if isinstance(refusal, Unauthenticated):
        return dict(CHALLENGE)
    if isinstance(refusal, RetryLater | TooManyDocuments) and refusal.seconds is not None:
        return {"Retry-After": str(refusal.seconds)}
    return {}


def _first(table: Table, kind: type[Refusal]) -> int | None:
    return next((status for fitting, status in table if issubclass(kind, fitting)), None)
