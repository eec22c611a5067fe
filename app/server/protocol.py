"""The server's side of a connection, with bounds that uvicorn has not: on requests, on what comes after an answer, and
on answers that the client does not read, in bytes and in time.

One request is read at a time: what a client sends ahead waits, unread, for the answer, and for other connections.
An answer that comes before all of its request is followed by reading and discarding for a while (RFC 9112, section
9.6), since a connection that is closed on a client that still sends takes the answer with it. And where uvicorn sends
an answer's head before its body, each by a call of the system and as a packet, both go together.
"""

import asyncio
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.domain.errors import ErrorCode
from app.server.connection_bounds import Bounds, raw_answer, registry_of
from app.server.discarding import Discarding
from app.server.request_target import origin_target
from app.server.shutdown import announce_end
from app.server.transport import CoalescingWriter, PausableFlowControl
from app.server.write_watch import WriteWatch
from app.web.middleware.cors import AllowedOrigins, Pairs
from app.web.requests import CONNECTION, DROPPED

HEAD_END = b"\r\n\r\n"
"""What a head ends with, and a chunked body: between two of them there is one request's end at most."""
PIECE = 65_536
STEP = 1_024
"""How far a piece of a chunked body goes at least, however many empty lines are in it."""
PIECES_A_TURN = 25
RETRY_S = 1


class BoundedProtocol(HttpToolsProtocol):
    """Reads requests, and ends the connection of a client that passes a bound."""

    flow: PausableFlowControl

    def __init__(
        self, *args: Any, bounds: Bounds | None = None, listed: AllowedOrigins | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._bounds = bounds or Bounds()
        self._listed = listed or AllowedOrigins()
        self._registry = registry_of(self.server_state)
        self._answering: RequestResponseCycle | None = None  # uvicorn's own `cycle` is the one that was read last
        self._refusal: bytes | None = None  # for what came behind a request that is still to be answered
        self._ahead, self._ahead_at = b"", 0  # what was received and not yet read
        self._is_in_head = True
        self._has_begun = False
        self._has_ended = False
        self._head_bytes = self._body_bytes = self._framing_bytes = self._gap_bytes = self._declared_bytes = 0
        self._timer: asyncio.TimerHandle | None = None  # for what is to be received
        self._moved = 0  # bytes that had been received when a window began
        self._began = 0.0
        self._discarding = Discarding(self, self._registry, self._bounds, self.loop)
        self._is_deaf = False
        self._lacks_host = False

    # --- The connection ----------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self.flow = PausableFlowControl(transport)
        together = self._together = CoalescingWriter(transport, self.loop, self._finish)
        self._writing = WriteWatch(
            self, self.connections, self._registry, self._bounds, self.loop, lambda: together.written
        )
        self._await_head()
        if not self._registry.make_room(self, self._bounds):
            words = f"There are too many connections: try again in {RETRY_S} s."
            self._refuse(503, ErrorCode.OVERLOADED, words, retry_s=RETRY_S)

    def connection_lost(self, exc: Exception | None) -> None:
        self._registry.forget(self)
        if self.scope is not None:
            self.scope.pop(CONNECTION, None)  # type: ignore[misc]  # it is our own; they know of each other
        self._stop_timer()
        self._discarding.stop()
        self._writing.stop()
        self._ahead = b""
        if self._answering is not None and self._answering is not self.cycle:
            _disconnect(self._answering)
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def shutdown(self) -> None:
        announce_end(self.app_state)
        if self._answering is not None:
            self._answering.keep_alive = False
        super().shutdown()

    @property
    def is_busy(self) -> bool:
        """Whether a whole request is being answered."""
        return self._answering is not None and not self._answering.more_body

    def unsent(self) -> int:
        """Return how many bytes wait for the client."""
        return int(self.transport.get_write_buffer_size())

    def expect_progress(self, seconds: float | None) -> None:
        """Have the client take something in each stretch of so many seconds; None for the usual rate."""
        self._writing.expect_progress(seconds)

    def drop(self) -> None:
        """End the connection at once, with what is not sent yet."""
        if self._answering is not None and self.unsent():
            self._answering.scope[DROPPED] = True  # type: ignore[literal-required]  # it is our own
        self.transport.abort()

    def _finish(self) -> None:
        """End the connection after an answer."""
        answering = self._answering
        is_early = answering is not None and answering.more_body
        if is_early or self._ahead or self._refusal is not None:
            self._linger()
        else:
            self._close()

    def _close(self) -> None:
        self.transport.close()
        if self.unsent():
            self._writing.begin()

    def timeout_keep_alive_handler(self) -> None:
        if not self.transport.is_closing():
            self._close()

    # --- Reading -----------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            self._discarding.count(len(data))
        elif (
            self._ahead
            or len(data) > PIECE
            or (self._answering is not None and self._must_wait())
            or data.count(HEAD_END) > 1
        ):
            self._ahead = self._ahead[self._ahead_at :] + data
            self._ahead_at = 0
            self.flow.hold()
            self.read_ahead()
        else:  # as nearly always
            self._read(data)

    def _must_wait(self) -> bool:
        """Tell whether an answer is due before more may be read."""
        return self._refusal is not None or self.is_busy

    def read_ahead(self) -> None:
        """Read what was received, one request at a time, and only so much of it that others get their turn."""
        pieces = 0
        while self._ahead and not self._must_wait():
            if self._is_deaf or self.transport.is_closing():
                self._ahead = b""
                return
            if pieces == PIECES_A_TURN:
                self.loop.call_soon(self.read_ahead)
                return
            pieces += 1
            self._read(self._next_piece())
        if not self._ahead and not self._is_deaf and not self.transport.is_closing():
            self.flow.release()

    def _next_piece(self) -> bytes:
        begin, end = self._ahead_at, self._ahead_at + PIECE
        if self._declared_bytes > self._body_bytes:
            end = min(end, begin + self._declared_bytes - self._body_bytes)
        elif (found := self._ahead.find(HEAD_END, begin + (0 if self._is_in_head else STEP), end)) >= 0:
            end = found + len(HEAD_END)
        piece, self._ahead_at = self._ahead[begin:end], end
        if end >= len(self._ahead):
            self._ahead, self._ahead_at = b"", 0
        return piece

    def _read(self, data: bytes) -> None:
        was_in_head, body_bytes, self._has_ended = self._is_in_head, self._body_bytes, False
        super().data_received(data)
        if self._is_deaf or self.transport.is_closing():
            return
        if self._is_in_head:
            if self._answering is None:
                self._bound_head(0 if self._has_ended or not was_in_head else len(data))
            return
        if was_in_head or self._has_ended:
            self._begin_body()
        else:
            self._bound_body(len(data), self._body_bytes - body_bytes)

    def _bound_head(self, more: int) -> None:
        """Count what belongs to a head and to nothing else; where it has begun, or an empty line came, it must end."""
        self._head_bytes += more
        if self._head_bytes > self._bounds.head_bytes:
            self._refuse(
                431, ErrorCode.BAD_REQUEST, f"A request's head can be {self._bounds.head_bytes} bytes at most."
            )
        elif self._has_begun and len(self.headers) > self._bounds.headers:
            self._refuse_headers()
        elif self._has_begun or self._head_bytes:
            if self._timer is None:
                self._await_head()
        elif self.timeout_keep_alive_task is None and self.cycle is not None:  # a body was discarded to its end
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _begin_body(self) -> None:
        if self._answering is not None and self._timer is None:
            self._registry.note_step(self)
            self._began = self.loop.time()
            self._moved = 0
            self._declared_bytes = int(dict(self.scope["headers"]).get(b"content-length", 0))
            self._timer = self.loop.call_later(self._bounds.body_window_s, self._check_body)

    def _bound_body(self, received: int, gained: int) -> None:
        """Count what came of a body. Between two pieces of it, and in all, only so much may be something else."""
        bounds = self._bounds
        self.headers.clear()  # trailers
        self._framing_bytes += received - gained
        self._gap_bytes = 0 if gained else self._gap_bytes + received
        if self._discarding.is_under_way:
            self._discarding.count(received)
        elif self._body_bytes > bounds.body_bytes:
            self._refuse(413, ErrorCode.BAD_REQUEST, f"A request can be {bounds.body_bytes} bytes at most.")
        elif self._gap_bytes > bounds.framing_bytes or self._framing_bytes > bounds.framing_bytes + self._body_bytes:
            self._refuse(
                400, ErrorCode.BAD_REQUEST, "The request has more of chunk sizes, extensions and trailers than body."
            )

    # --- uvicorn's and the parser's calls ----------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope[CONNECTION] = self  # type: ignore[literal-required]  # it is our own
        self._has_begun = True

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._stop_timer()
        target = origin_target(self.url, self.headers, self.parser.get_http_version())
        self._lacks_host = target is None
        if target is None or len(self.headers) > self._bounds.headers:
            raise httptools.HttpParserCallbackError
        self.url = target
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:  # else it becomes a WebSocket
            self.cycle.transport = self._together  # type: ignore[assignment]  # it has all that is used
            if self._answering is None:
                self._answering = self.cycle
            self.headers = []  # for trailers, which are no headers: RFC 9110, section 6.5.1

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._is_in_head = self._has_ended = True
        self._has_begun = False
        self._discarding.end()
        self._head_bytes = self._body_bytes = self._framing_bytes = self._gap_bytes = self._declared_bytes = 0
        self._stop_timer()

    def on_response_complete(self) -> None:
        self._together.end()  # before anything closes the connection
        answered, queued = self._answering, self.pipeline[-1][0] if self.pipeline else None
        if self._is_deaf:
            self._answering = None
            self.server_state.total_requests += 1
            return
        self._answering = queued
        super().on_response_complete()
        if self.transport.is_closing():
            return
        self._registry.note_step(self)
        if queued is None:
            self._await_next(answered)
        if self._ahead:
            self._registry.read_in_turn(self)
        elif not self._is_deaf:
            self.flow.release()

    def _await_next(self, answered: RequestResponseCycle | None) -> None:
        if self._refusal is not None:
            self._send_refusal(self._refusal)
        elif answered is not None and answered.more_body:
            # Who was not told to go on does not send the body: the next request would be taken for it.
            self._linger() if self.expect_100_continue else self._begin_discarding()
        elif self._has_begun and self._is_in_head:
            self._unset_keepalive_if_required()
            self._await_head()

    def handle_websocket_upgrade(self) -> None:
        super().handle_websocket_upgrade()
        self._registry.forget(self)

    def send_400_response(self, msg: str) -> None:
        if len(self.headers or ()) > self._bounds.headers:
            self._refuse_headers()
        elif self._lacks_host:
            words = "A request has one Host, as in example.com:8000, and a path or a URL as its target."
            self._refuse(400, ErrorCode.BAD_REQUEST, words)
        else:
            self._refuse(400, ErrorCode.BAD_REQUEST, "This is not a valid HTTP request.")

    # --- Ends --------------------------------------------------------------------------------------------------------

    def _refuse(self, status: int, code: ErrorCode, words: str, retry_s: int | None = None) -> None:
        """Answer what can't be read any further, behind the answer to what was whole, and end the connection."""
        answer = raw_answer(status, code, words, self._given(), self._listed, retry_s=retry_s)
        answering = self._answering
        if answering is not None and not answering.more_body:
            self._refusal = answer
            self.pipeline.clear()
            self.flow.hold()
        elif answering is not None and answering.response_started:
            self.drop()
        else:
            if answering is not None:
                self._answering = None
                _disconnect(answering)
            self._send_refusal(answer)

    def _given(self) -> Pairs:
        """Return the header fields of the request that is being read, as far as they are known."""
        if not self._has_begun:
            return []
        # Behind the head they are in the scope; what the parser tells of there are trailers.
        return self.headers if self._is_in_head else list(self.scope["headers"])

    def _refuse_headers(self) -> None:
        self._refuse(431, ErrorCode.BAD_REQUEST, f"A request can have {self._bounds.headers} header fields at most.")

    def _send_refusal(self, answer: bytes) -> None:
        self.transport.write(answer)
        self._linger()

    def _linger(self) -> None:
        """Send no more, read on for a while, and close."""
        self._is_deaf = True
        self._refusal, self._ahead = None, b""
        self._unset_keepalive_if_required()
        if self.transport.is_closing():
            return
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.flow.resume_reading()
        self.flow.release()
        self._begin_discarding()

    def _begin_discarding(self) -> None:
        self._stop_timer()
        self._discarding.begin()

    # --- Time --------------------------------------------------------------------------------------------------------

    def _await_head(self) -> None:
        self._timer = self.loop.call_later(self._bounds.head_s, self._end_head)

    def _end_head(self) -> None:
        if self._has_begun:
            self._refuse(
                408, ErrorCode.BAD_REQUEST, f"The request's head did not arrive within {self._bounds.head_s:g} s."
            )
        else:
            self._close()

    def _check_body(self) -> None:
        """End a request of which too little came; while the application takes none of it, that is no client's fault."""
        bounds, received = self._bounds, self._body_bytes + self._framing_bytes
        is_slow = received - self._moved < bounds.body_rate * bounds.body_window_s and not self.flow.read_paused
        if is_slow or self.loop.time() - self._began > bounds.request_s:
            self._refuse(408, ErrorCode.BAD_REQUEST, "The request arrives too slowly.")
            return
        self._moved = received
        self._timer = self.loop.call_later(bounds.body_window_s, self._check_body)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def pause_writing(self) -> None:
        super().pause_writing()
        self._writing.begin()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._registry.note_read(self)


def _disconnect(cycle: RequestResponseCycle) -> None:
    """Have the application learn, as of any client that went away, that no more of its request comes."""
    cycle.disconnected = True
    cycle.message_event.set()
