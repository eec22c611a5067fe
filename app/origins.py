"""Which pages of other origins may call: none, unless they are listed.

Credentials are never sent along: who is asking is told by a header that a page has to set itself. So a listed page may
send whatever headers it likes, as clients and what watches over them do (traces, names of clients, marks against
forged requests): no header makes a browser add anything that the page does not know.
"""

from collections.abc import Awaitable, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

Pairs = list[tuple[bytes, bytes]]

METHODS = ("GET", "HEAD", "POST")
EXPOSED = (
    "Accept-Ranges",
    "Content-Disposition",
    "Content-Language",
    "Content-Range",
    "ETag",
    "RateLimit",
    "RateLimit-Policy",
    "Repr-Digest",
    "Retry-After",
    "X-Request-ID",
)
PREFLIGHT_KEPT_S = 600


class Origins:
    """ASGI middleware: answers preflights, and lets pages of *origins* read answers and open WebSockets, and no others.

    Whoever does not say where they come from is led past all of it: to them, only what answers depend on is `varied`.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        self.app = app
        self._sockets = WebSocketOrigins(app, origins)
        self._cors = _Cors(
            app,
            allow_origins=list(origins),
            allow_methods=list(METHODS),
            allow_headers=["*"],
            expose_headers=list(EXPOSED),
            max_age=PREFLIGHT_KEPT_S,
        )

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "websocket":
            return self._sockets(scope, receive, send)
        if scope["type"] == "http" and b"origin" in dict(scope["headers"]):
            return self._cors(scope, receive, send)
        return self.app(scope, receive, send)


class _Cors(CORSMiddleware):
    """Starlette's, but for the status of a refused preflight.

    Of one that is not a success a browser's console says that, and not which origin or method is missing.
    """

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        response.status_code = 200
        return response


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
        if scope["type"] == "websocket" and not self._is_welcome(Headers(scope=scope)):
            await receive()  # the handshake; closing before it is accepted answers with 403
            await send({"type": "websocket.close", "code": 1008})
            return
        await self.app(scope, receive, send)

    def _is_welcome(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        return origin is None or origin in self.origins or urlsplit(origin).netloc == headers.get("host")
