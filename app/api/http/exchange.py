"""One request and its response: the negotiated language and media type, and the response's headers."""

from collections.abc import Mapping

from starlette.responses import Response

from app.api.http.decoding import BadRequest
from app.api.masking import refusal_error, request_error
from app.db.errors import unavailable_of
from app.domain.errors import ErrorCode, Refusal
from app.web.base_exchange import BaseExchange
from app.web.faults import Formatted, fault_error, log_unavailable
from app.web.negotiation import JSON, media_type, takes_events
from app.web.requests import HttpRequest
from app.web.responses import Body, answer
from app.web.statuses import headers_of, request_status

METHODS = ("GET", "HEAD", "POST")


class Exchange(BaseExchange):
    """What is known of a request so far."""

    def __init__(self, request: HttpRequest) -> None:
        super().__init__(request)
        accept = request.headers.get("accept")
        self._media_type = media_type(accept)
        self.takes_events = takes_events(accept)

    def demand_method(self) -> None:
        """Refuse what this address has no answer to. Raises: BadRequest."""
        if self._media_type is None and not self.takes_events:
            raise BadRequest(406, "Accept application/json, application/graphql-response+json or text/event-stream.")
        if self.request.method not in METHODS:
            allowed = ", ".join(METHODS)
            raise BadRequest(405, f"Use {allowed}.", {"Allow": allowed})

    @property
    def takes_events_alone(self) -> bool:
        return self.takes_events and self._media_type is None

    def answer(
        self, status: int, body: Body, headers: dict[str, str] | None = None, content: bytes | memoryview | None = None
    ) -> Response:
        """Return the answer; *content* is its body as it is written, where it is."""
        kind = self._media_type or JSON
        if "errors" in body:
            self.codes.extend(error["extensions"]["code"] for error in body["errors"])
        return answer(
            status,
            body if content is None else content,
            self.language,
            media_type=kind,
            headers=self.headers | (headers or {}),
        )

    def request_error_status(self) -> int:
        """Return the status of an answer without data: the older media type has none of its own for it."""
        return 200 if self._media_type in (JSON, None) else 400

    def refuse(self, refused: Exception) -> Response:
        """Answer what stopped the request before it became an operation, or a fault, which is logged here."""
        match refused:
            case BadRequest():
                error = request_error(ErrorCode.BAD_REQUEST, refused.words, self.language)
                return self._error(refused.status, error, refused.headers)
            case Refusal():
                return self._refusal(refused)
        return self._fault(refused)

    def _fault(self, fault: Exception) -> Response:
        unavailable = unavailable_of(fault, self.request_id)
        if unavailable is None:
            return self._error(500, fault_error(fault, self.language, self.request_id))
        log_unavailable(fault, self.request_id)
        return self._refusal(unavailable)

    def _refusal(self, refusal: Refusal) -> Response:
        status = request_status(type(refusal)) or self.request_error_status()
        return self._error(status, refusal_error(refusal, self.language), headers_of(refusal))

    def _error(self, status: int, error: Formatted, headers: Mapping[str, str] | None = None) -> Response:
        return self.answer(status, {"errors": [error]}, {**self.closing(), **(headers or {})})
