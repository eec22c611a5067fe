"""One request of JSON:API and its response: the negotiated language and media type, and errors as its documents."""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import quote

import orjson
from starlette.responses import Response

from app.api.http.decoding import BadRequest
from app.db.errors import unavailable_of
from app.domain.errors import ErrorCode, InputRefused, Refusal
from app.domain.model import Language
from app.i18n import message, text
from app.jsonapi.negotiation import ACCEPTED, media_type
from app.jsonapi.parameters import QUERY_LENGTH_KEPT
from app.jsonapi.problems import Problem, ProblemsFound, common_status, error_objects
from app.jsonapi.resources import PREFIX
from app.web.base_exchange import BaseExchange
from app.web.etag import is_known
from app.web.faults import fault_error, log_unavailable
from app.web.negotiation import JSON
from app.web.requests import HttpRequest
from app.web.statuses import headers_of, resource_status

VERSION = {"version": "1.1"}
DIGEST_LENGTH = 24
"""In hexadecimal digits, of the digest in an entity tag; the last one is that of the language and the media type."""

_NO_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
Pairs = tuple[tuple[bytes, bytes], ...]


class ResourceExchange(BaseExchange):
    """What is known of a request so far. `path`: its path below the prefix."""

    def __init__(self, request: HttpRequest, public_url: str) -> None:
        super().__init__(request, public_url)
        self.path = self.path_below(PREFIX)
        self._media_type = media_type(request.headers.get("accept"))

    @property
    def address(self) -> str:
        """The address that was asked for, as a client reaches it."""
        query = self.query
        return self.base_url + PREFIX + self.path + (f"?{query}" if query else "")

    @property
    def query(self) -> str:
        """The query of that address as a URI has it: brackets encoded, as is all else that can't stand in it."""
        sent: bytes = self.request.scope["query_string"]
        if not sent:
            return ""
        return (as_in_uri if len(sent) <= QUERY_LENGTH_KEPT else as_in_uri.__wrapped__)(sent)

    def demand_method(self, methods: Collection[str]) -> None:
        """Refuse what this address has no answer to. Raises: BadRequest."""
        if self._media_type is None:
            raise BadRequest(406, f"Accept {ACCEPTED}, without parameters but ext, which must be empty, and profile.")
        if self.request.method not in methods:
            allowed = ", ".join(methods)
            raise BadRequest(405, f"Use {allowed}.", {"Allow": allowed})

    def answer(
        self, status: int, document: dict[str, Any] | bytes | memoryview, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Return a document, written already or not, as the answer."""
        body = orjson.dumps({"jsonapi": VERSION, **document}) if isinstance(document, dict) else document
        response = Response(body, status, self.headers | dict(headers or {}))
        response.raw_headers += _content(self.language, self._media_type or JSON)
        response.raw_headers += _UNSTORED
        return response

    def shown(self, document: bytes | memoryview, version: int | None = None) -> Response:
        """Return what was read as the answer with its tag, or 304 where the client has it already.

        The tag begins with the *version* of the case that it shows, if any, and ends with a digest of all that does: a
        name that is shown with a case is changed without it.
        """
        variant, usual = _variant(self.language, self._media_type or JSON)
        digest = hashlib.sha256(document).hexdigest()[: DIGEST_LENGTH - 1] + variant
        tag = f'"{digest}"' if version is None else f'"{version}-{digest}"'
        sent = self.request.headers.get("if-none-match")
        if sent is not None and is_known(sent, tag):
            weak = f"W/{tag}"  # as it was sent with a compressed answer, which is found again by the same tag
            response = Response(None, 304, self.headers | {"ETag": weak if weak in sent else tag})
            response.raw_headers += _REVALIDATED
        else:
            response = Response(document, 200, self.headers | {"ETag": tag})
            response.raw_headers += usual
        return response

    def refuse(self, refused: Exception) -> Response:
        """Answer what stopped the request, or a fault, which is logged here."""
        match refused:
            case ProblemsFound():
                return self.errors([finding.problem(self.language) for finding in refused.findings])
            case BadRequest():
                words = text(ErrorCode.BAD_REQUEST, self.language, problem=refused.words)
                source = _header_at_fault(refused.status)
                return self.errors([Problem(refused.status, ErrorCode.BAD_REQUEST, words, source)], refused.headers)
            case Refusal():
                return self._refusal(refused)
            case InputRefused():
                return self._refusal(refused.refusals[0])
        return self._fault(refused)

    def errors(self, problems: Sequence[Problem], headers: Mapping[str, str] | None = None) -> Response:
        """Return an answer of errors."""
        self.codes.extend(problem.code for problem in problems)
        errors = error_objects(problems, self.language, self.request_id, self.base_url)
        return self.answer(common_status(problems), {"errors": errors}, {**self.closing(), **(headers or {})})

    def _refusal(self, refusal: Refusal) -> Response:
        problem = Problem(resource_status(refusal.code), refusal.code, message(refusal, self.language))
        return self.errors([problem], headers_of(refusal))

    def _fault(self, fault: Exception) -> Response:
        unavailable = unavailable_of(fault, self.request_id)
        if unavailable is not None:
            log_unavailable(fault, self.request_id)
            return self._refusal(unavailable)
        error = fault_error(fault, self.language, self.request_id)
        return self.errors([Problem(500, ErrorCode.INTERNAL_ERROR, error["message"])])


# Few of them are ever sent; a long one is somebody's own, and is not kept.
@lru_cache(maxsize=1000)
def as_in_uri(query: bytes) -> str:
    """Return a query as a URI has it (RFC 3986, section 3.4)."""
    return quote(_NO_ESCAPE.sub(b"%25", query), safe="!$&'()*+,;=:@/?%")


def _header_at_fault(status: int) -> Mapping[str, str]:
    return {406: {"header": "Accept"}, 415: {"header": "Content-Type"}}.get(status, {})


@lru_cache
def _content(language: Language, media_type: str) -> Pairs:
    """Return the headers of a document in this language and of this type, encoded once.

    The media type has no charset: JSON:API has no such parameter, and JSON is UTF-8.
    """
    return _encoded({"Content-Type": media_type, "Content-Language": language.lower()})


def _encoded(headers: Mapping[str, str]) -> Pairs:
    return tuple((name.lower().encode(), value.encode()) for name, value in headers.items())


_USUAL = {
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept, Accept-Encoding, Accept-Language, Authorization",
}
_UNSTORED = _encoded({"Cache-Control": "no-store"} | _USUAL)
_REVALIDATED = _encoded({"Cache-Control": "private, no-cache"} | _USUAL)


@lru_cache
def _variant(language: Language, media_type: str) -> tuple[str, Pairs]:
    """Return the digit of an entity tag that tells answers in this language and of this type, and their headers."""
    number = 2 * list(Language).index(language) + (media_type == JSON)
    return f"{number:x}", _content(language, media_type) + _REVALIDATED
