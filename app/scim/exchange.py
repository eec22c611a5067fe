"""One request of SCIM and its response: the negotiated language and media type, and errors as RFC 7644 has them."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import orjson
from starlette.responses import Response

from app.api.http.decoding import BadRequest
from app.db.errors import unavailable_of
from app.domain.errors import ErrorCode, InputRefused, Refusal
from app.i18n import text
from app.scim.problems import ScimProblem, ScimRefused, ScimType, problem_of
from app.scim.resources import ERROR_SCHEMA, PREFIX, Resource
from app.web.base_exchange import BaseExchange
from app.web.faults import fault_error, log_unavailable
from app.web.negotiation import JSON
from app.web.qualities import items_of
from app.web.requests import HttpRequest
from app.web.statuses import headers_of

SCIM_JSON = "application/scim+json"
ACCEPTED = f"{SCIM_JSON}, {JSON}"
_RANGES_MAX = 50


class Unsupported(Exception):
    """What RFC 7644 has, and the gateway does not."""


class ScimExchange(BaseExchange):
    """What is known of a request so far."""

    def __init__(self, request: HttpRequest, public_url: str) -> None:
        super().__init__(request, public_url)
        self._media_type = _media_type(request.headers.get("accept"))

    @cached_property
    def path(self) -> str:
        """The path below the prefix."""
        return self.path_below(PREFIX)

    def demand_method(self, methods: Sequence[str]) -> None:
        """Refuse what this address has no answer to. Raises: BadRequest."""
        if self._media_type is None:
            raise BadRequest(406, f"Accept {ACCEPTED}.")
        if self.request.method not in methods:
            allowed = ", ".join(methods)
            raise BadRequest(405, f"Use {allowed}.", {"Allow": allowed})

    def demand_content_type(self) -> None:
        """Refuse a body of another type, among them all that a page of another origin can send. Raises: BadRequest."""
        content_type = self.request.headers.get("content-type", "")
        named = next((name for name, _, _ in items_of(content_type, 1)), "")
        if named not in (SCIM_JSON, JSON):
            raise BadRequest(415, f"Send the request as {SCIM_JSON} or {JSON}.", {"Accept-Post": ACCEPTED})
        if self.request.headers.get("content-encoding", "identity").strip().lower() != "identity":
            raise BadRequest(415, "Send the request uncompressed.", {"Accept-Encoding": "identity"})

    def answer(self, status: int, body: Resource | None, headers: Mapping[str, str] | None = None) -> Response:
        """Return a resource, or nothing, as the answer."""
        usual = {
            "Content-Language": self.language.lower(),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "Vary": "Accept, Accept-Encoding, Accept-Language, Authorization",
        }
        if body is not None:
            usual["Content-Type"] = self._media_type or SCIM_JSON
        content = b"" if body is None else orjson.dumps(body)
        return Response(content, status, {**usual, **self.headers, **(headers or {})})

    def shown(self, status: int, resource: Resource, shown: Resource, *, is_new: bool = False) -> Response:
        """Return *resource* as the answer, of which *shown* is to be seen; 304 where the client has it already."""
        version, location = resource["meta"].get("version"), resource["meta"]["location"]
        headers = ({"ETag": version} if version else {}) | ({"Location": location} if is_new else {})
        wanted = tags(self.request.headers.get("if-none-match", ""))
        if self.request.method in ("GET", "HEAD") and version and wanted & {"*", version.removeprefix("W/")}:
            return self.answer(304, None, headers)
        return self.answer(status, shown, headers)

    def refuse(self, refused: Exception) -> Response:
        """Answer what stopped the request, or a fault, which is logged here."""
        match refused:
            case ScimRefused():
                return self._error(problem_of(refused.refusal, self.language, refused.kind))
            case BadRequest():
                words = text(ErrorCode.BAD_REQUEST, self.language, problem=refused.words)
                kind = ScimType.INVALID_SYNTAX if refused.status == 400 else None
                return self._error(ScimProblem(refused.status, kind, ErrorCode.BAD_REQUEST, words), refused.headers)
            case Unsupported():
                words = text(
                    ErrorCode.BAD_REQUEST, self.language, problem="/ServiceProviderConfig says what is supported."
                )
                return self._error(ScimProblem(501, None, ErrorCode.BAD_REQUEST, words))
            case Refusal():
                return self._error(problem_of(refused, self.language), headers_of(refused))
            case InputRefused():
                return self._error(problem_of(refused.refusals[0], self.language))
        return self._fault(refused)

    def _fault(self, fault: Exception) -> Response:
        unavailable = unavailable_of(fault, self.request_id)
        if unavailable is not None:
            log_unavailable(fault, self.request_id)
            return self._error(problem_of(unavailable, self.language), headers_of(unavailable))
        error = fault_error(fault, self.language, self.request_id)
        return self._error(ScimProblem(500, None, ErrorCode.INTERNAL_ERROR, error["message"]))

    def _error(self, problem: ScimProblem, headers: Mapping[str, str] | None = None) -> Response:
        self.codes.append(problem.code)
        body: dict[str, Any] = {"schemas": [ERROR_SCHEMA], "status": str(problem.status)}
        if problem.kind is not None:
            body["scimType"] = problem.kind.value
        return self.answer(problem.status, body | {"detail": problem.detail}, {**self.closing(), **(headers or {})})


def tags(header: str) -> set[str]:
    """Return the entity tags of a header, without the mark of weak ones: it is their content that is compared."""
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}


def _media_type(accept: str | None) -> str | None:
    """Return the media type to answer with, None where the client takes neither."""
    ranges = {name: quality for name, quality, _ in items_of(accept or "*/*", _RANGES_MAX)}
    rest = ranges.get("application/*", ranges.get("*/*", 0.0))
    own, plain = ranges.get(SCIM_JSON, rest), ranges.get(JSON, rest)
    if plain > own or (plain == own > 0 and JSON in ranges and SCIM_JSON not in ranges):
        return JSON
    return SCIM_JSON if own > 0 else None
