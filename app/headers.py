"""The headers that every answer carries, whatever made it: nothing is guessed at, framed, or fetched in the clear.

An answer with a policy of its own, as the GraphiQL page has, keeps it.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Pairs = list[tuple[bytes, bytes]]

HEADERS: Pairs = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
]
STRICT_TRANSPORT_SECURITY: Pairs = [(b"strict-transport-security", b"max-age=31536000; includeSubDomains")]


class SecurityHeaders:
    """ASGI middleware: sets what is missing; HSTS only where the request came by TLS (RFC 6797, section 7.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        ours = HEADERS + STRICT_TRANSPORT_SECURITY if scope["scheme"] == "https" else HEADERS

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given: Pairs = list(message["headers"])
                names = {name for name, _ in given}  # in lower case: ASGI's specification, "Response Start"
                message["headers"] = [*given, *(pair for pair in ours if pair[0] not in names)]
            await send(message)

        await self.app(scope, receive, send_with_headers)
