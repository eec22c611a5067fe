"""The HTTP status of each kind of refusal, and the headers that go with it, at every address."""

from app.domain.errors import (
    AccessRefused,
    DocumentEmpty,
    DocumentTooLarge,
    DocumentTypeUnsupported,
    InvalidInput,
    NotFound,
    RateLimited,
    Refusal,
    Required,
    RetryLater,
    StreamLimit,
    TooLong,
    TooManyDocuments,
    Unauthenticated,
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
    (DocumentTypeUnsupported, 415),
    (TooManyDocuments, 429),
    (DocumentEmpty, 400),
    (InvalidInput, 400),
    (TooLong, 400),
    (Required, 400),
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


def headers_of(refusal: Refusal) -> dict[str, str]:
    """Return the headers of an answer that *refusal* is the whole of."""
    if isinstance(refusal, Unauthenticated):
        return dict(CHALLENGE)
    if isinstance(refusal, RetryLater | TooManyDocuments) and refusal.seconds is not None:
        return {"Retry-After": str(refusal.seconds)}
    return {}


def _first(table: Table, kind: type[Refusal]) -> int | None:
    return next((status for fitting, status in table if issubclass(kind, fitting)), None)
