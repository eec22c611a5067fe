"""The request's id and the headers of every response, and the last handler of exceptions.

The id is the client's own where it is a decent one, else a new one. What no route has caught becomes a line in the log
and an answer with that id, nothing else. An answer with a policy of its own, as the GraphiQL page has, keeps it.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.domain.model import Language
from app.web.faults import fault_error
from app.web.middleware.cors import Pairs, varied
from app.web.request_ids import REQUEST_ID, request_id_of
from app.web.responses import answer

HEADERS: Pairs = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
]
# Only where the request came by TLS (RFC 6797, section 7.2).
TLS_HEADERS: Pairs = [*HEADERS, (b"strict-transport-security", b"max-age=31536000; includeSubDomains")]


class SecurityHeaders:
    """ASGI middleware: sets `scope["request_id"]` and the answer's headers; lets nothing that is raised inside get as
    far as the server, which would write all of it down.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        request_id = scope["request_id"] = request_id_of(scope["headers"])
        has_begun = False

        async def send_enveloped(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            if message["type"] == "http.response.start":
                ours = TLS_HEADERS if scope["scheme"] == "https" else HEADERS
                message["headers"] = [
                    *_completed(message["headers"], ours),
                    (REQUEST_ID, request_id.encode()),
                    *scope.get("cross_origin", ()),
                ]
            await send(message)

        try:
            await self.app(scope, receive, send_enveloped)
        except Exception as fault:
            error = fault_error(fault, Language.EN, request_id)
            if scope["type"] == "http" and not has_begun:
                await answer(500, {"errors": [error]}, Language.EN)(scope, receive, send_enveloped)


def _completed(given: Pairs, ours: Pairs) -> Pairs:
    """Return the headers *given*, and those of *ours* that are not among them."""
    names = dict(given)  # in lower case: ASGI's specification, "Response Start"
    return [*varied(given, names.get(b"vary")), *[pair for pair in ours if pair[0] not in names]]
