"""Gives every request an id: the client's own where it is a decent one, else a new one; it is on every answer."""

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import clock

HEADER = b"x-request-id"
_DECENT = re.compile(rb"[A-Za-z0-9_-]{1,64}")


class RequestId:
    """ASGI middleware: sets `scope["request_id"]` and the answer's header."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == HEADER), b"")
        request_id = given if _DECENT.fullmatch(given) else str(clock.new_id()).encode()
        scope["request_id"] = request_id.decode()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (HEADER, request_id)]
            await send(message)

        await self.app(scope, receive, send_with_id)
