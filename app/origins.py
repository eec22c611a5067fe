"""Which pages of other origins may call: none, unless they are listed.

Credentials are never sent along: who is asking is told by a header that a page has to set itself.
"""

from collections.abc import Awaitable, Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

Pairs = list[tuple[bytes, bytes]]

EXPOSED = ("Content-Language", "ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "X-Request-ID")
ALLOWED = (
    "Authorization",
    "Content-Type",
    "GraphQL-Preflight",
    "If-None-Match",
    "X-GraphQL-Client-Name",
    "X-GraphQL-Cost",
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
        self._cors = CORSMiddleware(
            app,
            allow_origins=list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=list(ALLOWED),
            expose_headers=list(EXPOSED),
            max_age=PREFLIGHT_KEPT_S,
        )

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "websocket":
            return self._sockets(scope, receive, send)
        if scope["type"] == "http" and b"origin" in dict(scope["headers"]):
            return self._cors(scope, receive, send)
        return self.app(scope, receive, send)


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
