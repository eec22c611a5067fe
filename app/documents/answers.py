"""Responses of the document routes to refusals: the codes and messages of the mutations, with an HTTP status."""

from collections.abc import Awaitable, Callable

import orjson
import structlog
from starlette.requests import Request
from starlette.responses import Response

from app.db.errors import unavailable_of
from app.documents.transfers import RATE_MIN
from app.domain.errors import (
    Detail,
    ErrorCode,
    InputRefused,
    InvalidInput,
    Refusal,
    RetryLater,
    TooManyDocuments,
)
from app.domain.model import Language
from app.i18n import message, negotiate, text
from app.web.admission import Admission, AdmissionController
from app.web.statuses import document_status, headers_of

log = structlog.get_logger()


class FileRequest:
    """One request to a route for files. `language`: what its answer is in, that of the caller once they are known."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self._accepted = request.headers.get("accept-language")
        self.language = negotiate(self._accepted)

    async def authenticate(self, admission: AdmissionController) -> Admission:
        """Return who sends the request. Raises: Refusal."""
        found = await admission.authenticate(self.request, fresh=True)
        identity = found.identity
        self.language = negotiate(self._accepted, identity.user.language, identity.account.default_language)
        return found


async def answer(request: Request, serve: Callable[[FileRequest], Awaitable[Response]]) -> Response:
    """Return what *serve* answers to a request, or the answer to what it raises."""
    sent = FileRequest(request)
    try:
        return await serve(sent)
    except Refusal as refusal:
        return refused(refusal, sent.language)
    except InputRefused as refusals:
        return refused(refusals.refusals[0], sent.language)
    except Exception as error:
        return fault(error, request, sent.language)


def refused(refusal: Refusal, language: Language) -> Response:
    """Return *refusal* as `{"errors": [{code, message, path}]}`. The connection ends: its body may not all be read."""
    status = document_status(type(refusal)) or 400
    headers = {"Connection": "close", **headers_of(refusal)}
    if refusal.path == ("content-encoding",):  # RFC 9110, section 15.5.16
        status, headers["Accept-Encoding"] = 415, "identity"
    error: dict[str, object] = {"code": refusal.code, "message": message(refusal, language), "path": list(refusal.path)}
    seconds = refusal.seconds if isinstance(refusal, RetryLater | TooManyDocuments) else None
    if seconds is not None:
        error |= {"retryable": True, "retryAfterMs": seconds * 1000}
    return answered({"errors": [error]}, status, language, headers)


def late(language: Language) -> Response:
    """Return the answer to a body that did not arrive in time."""
    refusal = InvalidInput("file", detail=Detail("body_is_late", {"rate": RATE_MIN // 1024}))
    error = {"code": refusal.code, "message": message(refusal, language), "path": list(refusal.path)}
    return answered({"errors": [error]}, 408, language, {"Connection": "close"})


def fault(error: Exception, request: Request, language: Language) -> Response:
    """Log *error*, and answer with the request's id and nothing else but whether it is worth another try."""
    request_id = request.scope["request_id"]
    unavailable = unavailable_of(error, request_id)
    if unavailable is not None:
        log.warning("unavailable", request_id=request_id, exc_info=error)
        return refused(unavailable, language)
    log.error("fault", request_id=request_id, exc_info=error)
    words = text(ErrorCode.INTERNAL_ERROR, language, requestId=request_id)
    reported = {"code": ErrorCode.INTERNAL_ERROR, "message": words, "path": [], "requestId": request_id}
    return answered({"errors": [reported]}, 500, language, {"Connection": "close"})


def answered(body: object, status: int, language: Language, headers: dict[str, str] | None = None) -> Response:
    return Response(
        orjson.dumps(body),
        status,
        media_type="application/json",
        headers={
            "Cache-Control": "no-store",
            "Content-Language": language.lower(),
            "Vary": "Accept-Language, Authorization",
            "X-Content-Type-Options": "nosniff",
            **(headers or {}),
        },
    )
