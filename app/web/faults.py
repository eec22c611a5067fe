"""Faults: each is logged once with the id of its request, which is all that the client is shown of it."""

from collections.abc import Sequence
from typing import Any

import structlog

from app.domain.errors import ErrorCode
from app.domain.model import Language
from app.i18n import text

log = structlog.get_logger()

Formatted = dict[str, Any]
"""An error as it stands in the answer's body."""


def fault_error(
    cause: BaseException, language: Language, request_id: str, path: Sequence[str | int] | None = None
) -> Formatted:
    """Log *cause*, and return what the client is shown of it: the request's id."""
    log.error("fault", request_id=request_id, path=path, exc_info=cause)
    code = ErrorCode.INTERNAL_ERROR
    words = text(code, language, requestId=request_id)
    return {"message": words, "extensions": {"code": code, "requestId": request_id}}


def log_unavailable(cause: BaseException, request_id: str) -> None:
    """Log that something was unavailable; the client is asked to retry."""
    log.warning("unavailable", request_id=request_id, exc_info=cause)
