"""Gives every request an id: the client's own where it is a decent one, else a new one; it is on every answer."""

import re

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import clock

HEADER = "X-Request-ID"
_DECENT = re.compile(r"[A-Za-z0-9_-]{1,64}")


class RequestId:
    """ASGI middleware: sets `scope["request_id"]` and the answer's header."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _DECENT.fullmatch(given) else str(clock.new_id())
        scope["request_id"] = request_id

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        await self.app(scope, receive, send_with_id)
