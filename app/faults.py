"""The last resort: what no route has caught becomes a line in the log and an answer with a request id, nothing else."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.http.answers import answer
from app.api.masking import fault_error
from app.domain.model import Language


class Faults:
    """ASGI middleware: nothing that is raised inside gets as far as the server, which would write all of it down."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def send_and_see(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_see)
        except Exception as fault:
            if scope["type"] == "lifespan":
                raise
            error = fault_error(fault, Language.EN, scope.get("request_id", ""))
            if scope["type"] == "http" and not begun:
                await answer(500, {"errors": [error]}, Language.EN)(scope, receive, send)
