"""One connection of graphql-transport-ws: its handshake, the operations on it, and each way in which it ends."""

import asyncio
from collections.abc import Awaitable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from starlette.types import Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from app import clock
from app.api.http.decoding import BadRequest, Parameters
from app.api.record import CLIENT_HEADERS, Record
from app.api.stream_registry import StreamedResult, StreamRequest, retry_of
from app.api.streams import Streams
from app.api.websocket.messages import (
    BadMessage,
    ClientMessage,
    CloseCode,
    Complete,
    ConnectionInit,
    Payload,
    Ping,
    Subscribe,
    acknowledged,
    complete,
    decode,
    error,
    next_result,
    pong,
)
from app.auth.identity import Identity
from app.domain.errors import (
    ErrorCode,
    Overloaded,
    StreamTooSlow,
    Unauthenticated,
)
from app.i18n import negotiate
from app.observability import metrics
from app.web.admission import AdmissionController, demand_rate
from app.web.faults import fault_error

OPERATIONS_MAX = 100
"""Operations of one connection at once, beside the bound on streams."""
REASON_MAX = 123
"""Bytes of a reason to close (RFC 6455, section 5.5)."""


class SocketTransport(Protocol):
    """What the server tells of a connection, and is told of it."""

    is_busy: bool

    def unsent(self) -> int:
        """Return how many bytes wait for the client."""


class _Unbounded:
    """A server that tells nothing of its connections."""

    is_busy = False

    def unsent(self) -> int:
        return 0


class _Closing(Exception):
    """The connection is to be closed, with this code and reason."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class _ClientGone(Exception):
    """Nothing can be sent any more."""


@dataclass(eq=False, slots=True)
class _Operation:
    """An operation that is under way. What writes is not cancelled: it comes to its end, unseen."""

    id: str
    request: StreamRequest
    size: int
    task: "asyncio.Task[None] | None" = None

    def give_up(self, cause: str) -> None:
        self.request.cause = self.request.cause or cause
        self.request.is_given_up = True
        if self.task is not None and not self.request.is_uninterruptible and self.task is not asyncio.current_task():
            self.task.cancel()


class SocketConnection:
    """A WebSocket of the accepted subprotocol."""

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, streams: Streams, admission: AdmissionController
    ) -> None:
        self._scope = scope
        self._receive = receive
        self._send_raw = send
        self._streams = streams
        self._admission = admission
        self._socket = WebSocket(scope, receive, send)
        self._transport: SocketTransport = scope.get("extensions", {}).get("casegate.transport") or _Unbounded()
        self._address = self._socket.client.host if self._socket.client else ""
        self._language = negotiate(self._socket.headers.get("accept-language"))
        self._client = next((found for name in CLIENT_HEADERS if (found := self._socket.headers.get(name))), None)
        self._authorization: str | None = None
        self._is_acknowledged = False
        self._is_closed = False
        self._sending = asyncio.Lock()
        self._operations: dict[str, _Operation] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    # --- The connection ----------------------------------------------------------------------------------------------

    async def serve(self) -> None:
        """Answer messages until the connection ends."""
        try:
            await self._initialise()
            while self._is_acknowledged and (message := await self._next_message()) is not None:
                await self._answer(message)
        except _Closing as closing:
            await self._end(closing)
        except _ClientGone:
            pass
        finally:
            self._is_closed = True
            self._cancel("client")
            await self._settle()

    async def drain(self) -> None:
        """Have the client come back elsewhere, when what writes is done."""
        self._cancel("drain")
        writing = {task for task in self._tasks if not task.done()}
        if writing:
            await asyncio.wait(writing, timeout=self._streams.endpoint.deadline_s)
        await self._close(CloseCode.RESTART, "The gateway restarts: come back.", "drain")

    async def _initialise(self) -> None:
        """Wait for `connection_init`, and answer it however long that takes. Raises: _Closing."""
        deadline = asyncio.get_running_loop().time() + self._streams.options.init_s
        while not self._is_acknowledged:
            try:
                async with asyncio.timeout_at(deadline):
                    message = await self._next_message()
            except TimeoutError:
                words = "Connection initialisation timeout"
                raise _Closing(CloseCode.INITIALISATION_TIMEOUT, words) from None
            if message is None:
                return
            await self._answer(message)

    async def _next_message(self) -> ClientMessage | None:
        """Return the next message, None where the connection has ended. Raises: _Closing."""
        received: Message = await self._receive()
        if received["type"] != "websocket.receive":
            return None
        try:
            return decode(received.get("text"))
        except BadMessage as bad:
            raise _Closing(CloseCode.BAD_MESSAGE, str(bad)) from None

    async def _answer(self, message: ClientMessage) -> None:
        match message:
            case ConnectionInit(payload):
                await self._acknowledge(payload)
            case Ping(payload):
                await self._send(pong(payload))
            case Subscribe():
                await self._subscribe(message)
            case Complete(id_):
                operation = self._operations.pop(id_, None)
                if operation is not None:
                    operation.give_up("client")
            case _:
                pass  # a pong asks for nothing

    async def _acknowledge(self, payload: Payload) -> None:
        if self._is_acknowledged:
            raise _Closing(CloseCode.TOO_MANY_INITIALISATIONS, "Too many initialisation requests")
        given = [value for name, value in (payload or {}).items() if name.lower() == "authorization"]
        if len(given) > 1:
            raise _Closing(CloseCode.BAD_MESSAGE, "The connection's parameters have Authorization more than once.")
        header = given[0] if given else self._socket.headers.get("authorization")
        self._authorization = header if isinstance(header, str) else None
        identity = await self._known(self._identify(fresh=True))
        self._language = negotiate(
            self._socket.headers.get("accept-language"), identity[0].user.language, identity[0].account.default_language
        )
        self._is_acknowledged = True
        await self._send(acknowledged())

    async def _identify(self, *, fresh: bool) -> tuple[Identity, bool]:
        return await self._admission.identify(self._authorization, self._address, fresh=fresh)

    async def _known(self, identifying: Awaitable[tuple[Identity, bool]]) -> tuple[Identity, bool]:
        """Return who it is. Raises: _Closing."""
        try:
            return await identifying
        except Unauthenticated as refused:
            raise self._refused(CloseCode.FORBIDDEN, refused.code) from None
        except Exception as raised:
            request_id = self._scope["request_id"]
            retry = retry_of(raised, request_id)
            if retry is None:
                fault_error(raised, self._language, request_id)
            code = ErrorCode.INTERNAL_ERROR if retry is None else retry.code
            raise self._refused(CloseCode.TRY_AGAIN_LATER, code) from None

    def _refused(self, close_code: CloseCode, code: str) -> _Closing:
        """Write down that who has the connection was refused, and return what closes it."""
        Record().finish(self._scope["request_id"], "websocket", self._client, [code])
        return _Closing(close_code, code)

    # --- Operations --------------------------------------------------------------------------------------------------

    async def _subscribe(self, message: Subscribe) -> None:
        if not self._is_acknowledged:
            raise _Closing(CloseCode.UNAUTHORIZED, "Unauthorized")
        if message.id in self._operations:
            raise _Closing(CloseCode.SUBSCRIBER_EXISTS, f"Subscriber for {message.id} already exists")
        identity, _ = await self._known(self._identify(fresh=False))
        operation = _Operation(message.id, self._request(identity, message.parameters), message.size)
        self._operations[message.id] = operation
        self._transport.is_busy = True
        task = operation.task = asyncio.create_task(self._run(operation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _request(self, identity: Identity, parameters: Parameters) -> StreamRequest:
        headers = self._socket.headers
        return StreamRequest(
            parameters=parameters,
            identity=identity,
            standing=None,
            identify=partial(self._admission.renew, self._authorization),
            count_start=self._admission.count_stream,
            language=self._language,
            request_id=clock.new_id_text(),
            base_url=str(self._socket.base_url).replace("ws", "http", 1).rstrip("/"),
            headers=headers,
            client=self._client,
            transport="websocket",
        )

    async def _run(self, operation: _Operation) -> None:
        """Send the results of an operation, and whatever ends it."""
        try:
            try:
                await self._stream(operation)
            except (_Closing, _ClientGone):
                raise
            except Exception as raised:
                await self._refuse(operation, raised)
        except _Closing as closing:
            await self._end(closing)
        except _ClientGone:
            pass
        finally:
            self._forget(operation)

    async def _stream(self, operation: _Operation) -> None:
        request = operation.request
        request.standing = await self._admission.count(request.identity)
        demand_rate(request.standing)
        if len(self._tasks) > OPERATIONS_MAX:
            raise Overloaded(seconds=1)
        if operation.size > self._streams.endpoint.max_body_bytes:
            words = f"A request can be {self._streams.endpoint.max_body_bytes} bytes at most."
            raise BadRequest(413, words)
        async with aclosing(await self._streams.open(request)) as results:
            async for result in results:
                if not result.has_begun:
                    await self._send_last(operation, error(operation.id, result.body["errors"]))
                    return
                await self._send_next(operation, result)
                del result  # it would be kept until the next one comes
        await self._send_last(operation, complete(operation.id))

    async def _send_next(self, operation: _Operation, result: StreamedResult) -> None:
        if self._operations.get(operation.id) is operation:
            await self._send(next_result(operation.id, result.content), operation.request)

    async def _send_last(self, operation: _Operation, message: str) -> None:
        """Send what ends an operation; its id is free from then on."""
        if self._forget(operation):
            await self._send(message)

    def _forget(self, operation: _Operation) -> bool:
        """Free the operation's id, and tell whether it was still its own."""
        is_known = self._operations.get(operation.id) is operation
        if is_known:
            del self._operations[operation.id]
        self._transport.is_busy = bool(self._operations)
        return is_known

    async def _refuse(self, operation: _Operation, raised: Exception) -> None:
        """End an operation, or the connection where the operation is not what is wrong."""
        request = operation.request
        retry = retry_of(raised, request.request_id)
        if isinstance(raised, Unauthenticated):
            await self._end(_Closing(CloseCode.FORBIDDEN, _with_cursor(raised.code, request.cursor)))
        elif retry is not None and request.cursor is not None:
            await self._end(_Closing(CloseCode.TRY_AGAIN_LATER, _with_cursor(retry.code, request.cursor)))
        else:
            await self._send_last(operation, error(operation.id, self._streams.format_errors(retry or raised, request)))

    # --- Sending and ending ------------------------------------------------------------------------------------------

    async def _send(self, message: str, request: StreamRequest | None = None) -> None:
        """Send a message when those before it are on their way. Raises: _Closing, where the client takes nothing."""
        async with self._sending:
            slow_s = self._streams.options.slow_s
            while not self._is_closed:
                unsent = self._transport.unsent()
                try:
                    async with asyncio.timeout(slow_s):
                        await self._send_raw({"type": "websocket.send", "text": message})
                    return
                except TimeoutError:  # the server waits before it writes anything of a message
                    if self._transport.unsent() < unsent:
                        continue
                except RuntimeError:  # it was closed meanwhile, by another task
                    return
                except OSError:
                    raise _ClientGone from None
                cursor = None
                if request is not None:
                    request.cause, cursor = "slow", request.cursor
                metrics.child(metrics.errors, StreamTooSlow.code).inc()
                raise _Closing(CloseCode.TRY_AGAIN_LATER, _with_cursor(StreamTooSlow.code, cursor))

    async def _end(self, closing: _Closing) -> None:
        await self._close(closing.code, closing.reason)

    async def _close(self, code: CloseCode, reason: str, cause: str | None = None) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._cancel(cause or ("unauthenticated" if code is CloseCode.FORBIDDEN else "closed"))
        with suppress(OSError):  # the client has gone
            await self._send_raw({"type": "websocket.close", "code": int(code), "reason": _clipped(reason)})

    def _cancel(self, cause: str) -> None:
        for operation in self._operations.values():
            operation.give_up(cause)

    async def _settle(self) -> None:
        """Wait until no operation is under way."""
        self._operations.clear()
        self._transport.is_busy = False
        if self._tasks:
            await asyncio.wait(set(self._tasks))


def _with_cursor(code: str, cursor: str | None) -> str:
    return code if cursor is None else f"{code} cursor={cursor}"


def _clipped(reason: str) -> str:
    return reason.encode()[:REASON_MAX].decode(errors="ignore")
