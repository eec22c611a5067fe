"""An operation's results as server-sent events: graphql-sse's protocol, a connection for each operation.

After https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md, "Distinct connections mode". `id:` is the
cursor.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Protocol

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.stream_registry import StreamedResult, StreamOptions, StreamRequest, retry_of
from app.domain.errors import RetryLater, StreamTooSlow, Unauthenticated
from app.observability import metrics
from app.web.faults import Formatted
from app.web.requests import CONNECTION, DROPPED

HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}
RETRY_MS = 1_000
"""Milliseconds after which a client comes back at the earliest."""
SPREAD_MS = 2_000

_COMMENT = b":\n\n"
_COMPLETE = b"event: complete\ndata: \n\n"

FormatErrors = Callable[[Exception], list[Formatted]]


class StreamConnection(Protocol):
    """What a connection is told of the stream that it carries."""

    def expect_progress(self, seconds: float | None) -> None:
        """Have the client take something in each stretch of so many seconds; None for the usual rate."""


class EventStreamResponse(Response):
    """Sends results until there are no more, the client goes, or the server ends."""

    def __init__(
        self,
        results: AsyncGenerator[StreamedResult, None],
        request: StreamRequest,
        format_errors: FormatErrors,
        options: StreamOptions,
        headers: dict[str, str],
    ) -> None:
        super().__init__(None, 200, headers | HEADERS)
        del self.headers["content-length"]
        self._results = results
        self._request = request
        self._format_errors = format_errors
        self._options = options
        self._ending = asyncio.Event()
        self._taking = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection: StreamConnection | None = scope.get(CONNECTION)
        if connection is not None:
            connection.expect_progress(self._options.slow_s)
        sending = asyncio.create_task(self._send_all(send))
        watching = asyncio.create_task(self._watch(receive))
        try:
            await asyncio.wait({sending, watching}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if scope.get(DROPPED):
                self._request.cause = "slow"
                metrics.child(metrics.errors, StreamTooSlow.code).inc()
            if connection is not None:
                connection.expect_progress(None)
            watching.cancel()
            await self._begun(sending)
            sending.cancel()
            await asyncio.gather(sending, watching, return_exceptions=True)
        if not sending.cancelled():
            sending.result()

    def end(self) -> None:
        """Have the client come back elsewhere."""
        self._ending.set()

    async def _begun(self, sending: "asyncio.Task[None]") -> None:
        """Wait until results are taken: of a generator that never began nothing would give back what it holds."""
        taking = asyncio.create_task(self._taking.wait())
        await asyncio.wait({sending, taking}, return_when=asyncio.FIRST_COMPLETED)
        taking.cancel()

    async def _watch(self, receive: Receive) -> None:
        """Return when the client has gone."""
        while (await receive())["type"] != "http.disconnect":
            pass

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await self._write(send, _COMMENT)  # proxies and browsers take the stream for open from the first byte on
        ending = asyncio.create_task(self._ending.wait())
        self._taking.set()
        try:
            async with aclosing(self._results):
                last = await self._send_results(send, ending)
        except Exception as raised:
            last = self._last(raised)
        finally:
            ending.cancel()
        await self._write(send, last)
        await send({"type": "http.response.body", "body": b""})

    async def _send_results(self, send: Send, ending: "asyncio.Task[object]") -> bytes:
        """Send all results, and return what comes after the last."""
        while True:
            coming = asyncio.create_task(_next(self._results))
            try:
                while not await self._first(coming, ending):
                    await self._write(send, _COMMENT)
                if not coming.done():
                    self._request.cause = "drain"
                    return _retry()
                result = await coming
            finally:
                if coming.cancel():
                    await asyncio.gather(coming, return_exceptions=True)
            if result is None:
                return _COMPLETE
            await self._write(send, _event(result.content, result.cursor))

    async def _first(self, *tasks: "asyncio.Task[object]") -> bool:
        """Wait for the first of these, and return whether there is one before a comment is due."""
        done, _ = await asyncio.wait(tasks, timeout=self._options.comment_s, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)

    def _last(self, raised: Exception) -> bytes:
        """Return what ends the stream: only what is final has a `complete`, after which no client comes back."""
        retry = retry_of(raised, self._request.request_id)
        if retry is not None and self._request.cursor is not None:
            return _retry()
        event = _event(orjson.dumps({"errors": self._format_errors(retry or raised)}), None)
        return event if isinstance(retry or raised, Unauthenticated | RetryLater) else event + _COMPLETE

    async def _write(self, send: Send, body: bytes) -> None:
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def failing(raised: Exception) -> AsyncGenerator[StreamedResult, None]:
    """Raise what an operation is refused with as a whole, when its results are taken: it is sent as an event."""
    results: tuple[StreamedResult, ...] = ()
    for result in results:
        yield result
    raise raised


async def _next(results: AsyncGenerator[StreamedResult, None]) -> StreamedResult | None:
    return await anext(results, None)


def _event(content: bytes | memoryview, cursor: str | None) -> bytes:
    """Return a `next` event; JSON as it is written here has no line breaks."""
    return b"".join((b"" if cursor is None else f"id: {cursor}\n".encode(), b"event: next\ndata: ", content, b"\n\n"))


def _retry() -> bytes:
    return f"retry: {RETRY_MS + random.randrange(SPREAD_MS)}\n\n".encode()
