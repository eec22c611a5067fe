"""Cross-origin requests (CORS): pages of other origins may call if they are listed, and else none.

A listed page may send any header field. That is safe because nothing that a browser adds by itself authenticates a
request: there are no cookies, and `Access-Control-Allow-Credentials` is never sent. The token is in a header field that
the page has to set, and a program that is no browser can send any field anyway.
"""

import re
from collections.abc import Awaitable, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

Pairs = list[tuple[bytes, bytes]]

ANY = "*"
METHODS = ("GET", "HEAD", "POST")
EXPOSED = (
    "Accept-Ranges",
    "Allow",
    "Casegate-Position",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Content-Range",
    "ETag",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Repr-Digest",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-ID",
)
PREFLIGHT_KEPT_S = 7200  # what Chromium keeps at most
FIELDS_MAX = 100

_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")  # RFC 9110, section 5.6.2
_SHOWN = re.compile(r"[^\x21-\x7e ]")


class AllowedOrigins:
    """The origins whose pages may read answers, and the header fields that let them."""

    def __init__(self, origins: Sequence[str] = ()) -> None:
        self._origins = frozenset(origins)
        self._exposed = ", ".join(EXPOSED).encode()

    def __contains__(self, origin: str) -> bool:
        return origin in self._origins or ANY in self._origins

    def readable(self, origin: bytes) -> Pairs:
        """Return what lets a page of *origin* read its answer; nothing, where it is not listed."""
        if not origin or origin.decode("latin-1") not in self:
            return []
        return [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", self._exposed)]


class CrossOriginRequests:
    """ASGI middleware: answers preflights, and leaves in the scope what lets a page of *origins* read its answer.

    A request without `Origin` skips all of it; its answer only gets the `Vary` of what answers depend on.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self.app = app
        self._sockets = WebSocketOrigins(app, origins)
        self._listed = AllowedOrigins(origins)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "websocket":
            return self._sockets(scope, receive, send)
        if scope["type"] == "http" and b"origin" in (given := dict(scope["headers"])):
            if scope["method"] == "OPTIONS" and b"access-control-request-method" in given:
                return self._preflight(Headers(scope=scope))(scope, receive, send)
            scope["cross_origin"] = self._listed.readable(given[b"origin"])
        return self.app(scope, receive, send)

    def _preflight(self, headers: Headers) -> Response:
        """Return what the browser decides by.

        It is a success whatever is refused: of another status a browser's console says that alone, and not which
        origin, method or field is not allowed.
        """
        origin, method = headers["origin"], headers["access-control-request-method"]
        vary = {"Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}
        if origin not in self._listed:
            words = f"The origin {_shown(origin)} is not among those whose pages may call: CASEGATE_CORS_ORIGINS."
            return PlainTextResponse(f"{words}\n", headers=vary)
        names = _field_names(headers.get("access-control-request-headers", ""))
        allowed = [name for name in names[:FIELDS_MAX] if _FIELD_NAME.fullmatch(name)]
        answer = vary | {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": ", ".join(METHODS),
            "Access-Control-Allow-Headers": ", ".join(allowed),
            "Access-Control-Max-Age": str(PREFLIGHT_KEPT_S),
        }
        if headers.get("access-control-request-private-network") == "true":
            answer["Access-Control-Allow-Private-Network"] = "true"
        return PlainTextResponse(_verdict(method, [name for name in names if name not in allowed]), headers=answer)


def _field_names(listed: str) -> list[str]:
    return [name for name in (item.strip() for item in listed.split(",")) if name]


def _verdict(method: str, refused: Sequence[str]) -> str:
    """Return for people what the header fields of a preflight's answer say for browsers."""
    wrong = []
    if method not in METHODS:
        wrong.append(f"The method {_shown(method)} is not allowed: {', '.join(METHODS)} are.\n")
    if refused:
        wrong.append(f"These are no names of header fields, or more than {FIELDS_MAX}: {_shown(', '.join(refused))}\n")
    return "".join(wrong) or "allowed\n"


def _shown(text: str) -> str:
    return _SHOWN.sub("?", text)[:200]


def varied(headers: Pairs, vary: bytes | None) -> Pairs:
    """Return an answer's headers, whose `Vary` is *vary*, saying that another origin would be answered otherwise."""
    if vary is None:
        return [*headers, (b"vary", b"Origin")]
    if b"Origin" in vary:
        return headers
    varying = list(headers)
    varying[varying.index((b"vary", vary))] = b"vary", vary + b", Origin"
    return varying


class WebSocketOrigins:
    """ASGI middleware: refuses the handshakes of pages that are neither ours nor listed.

    CORS does not apply to WebSockets: a browser opens them to anywhere, and tells only where the page came from
    (RFC 6455, section 10.2). A client that is no browser tells nothing, and has to have a token anyway.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self.app = app
        self.origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and not self._is_allowed(Headers(scope=scope)):
            await receive()  # the handshake; closing before it is accepted answers with 403
            await send({"type": "websocket.close", "code": 1008})
            return
        await self.app(scope, receive, send)

    def _is_allowed(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        return (
            origin is None
            or origin in self.origins
            or ANY in self.origins
            or urlsplit(origin).netloc == headers.get("host")
        )
