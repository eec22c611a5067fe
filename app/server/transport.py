"""The transport of a connection: what responses are written to, and when more is read from the client."""

import asyncio
from collections.abc import Callable

from uvicorn.protocols.http.flow_control import FlowControl

LARGE = 65_536
"""In bytes, of what is not put together with its head, which would copy it."""


class PausableFlowControl(FlowControl):
    """uvicorn's flow control, which can be held: until the release nothing is read."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__(transport)
        self._is_held = False
        self._is_paused = False  # by uvicorn, because the application takes less than comes

    def hold(self) -> None:
        """Read no more until `release`."""
        self._is_held = True
        super().pause_reading()

    def release(self) -> None:
        """Read on, as soon as the application takes what there is."""
        self._is_held = False
        if not self._is_paused:
            super().resume_reading()

    def pause_reading(self) -> None:
        self._is_paused = True
        super().pause_reading()

    def resume_reading(self) -> None:
        self._is_paused = False
        if not self._is_held:
            super().resume_reading()


class CoalescingWriter:
    """What answers are written to: the head of each waits for what is written next, for a turn of the loop at most.

    How a connection ends after an answer is not decided here: *finish* does it.
    """

    __slots__ = ("_finish", "_has_begun", "_head", "_loop", "_transport", "written")

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, finish: Callable[[], None]
    ) -> None:
        self._transport = transport
        self._loop = loop
        self._finish = finish
        self._has_begun = False
        self._head: bytes | None = None
        self.written = 0

    def write(self, data: bytes) -> None:
        self.written += len(data)
        if len(data) > LARGE:
            self.flush()
        head, self._head = self._head, None
        if head is not None:
            self._transport.writelines((head, data))
        elif self._has_begun:
            self._transport.write(data)
        else:
            self._has_begun = True
            self._head = data
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write the head, if it still waits."""
        head, self._head = self._head, None
        if head is not None and not self._transport.is_closing():
            self._transport.write(head)

    def end(self) -> None:
        """Write what there is of an answer; what is written next is another one's head."""
        self.flush()
        self._has_begun = False

    def close(self) -> None:
        self.flush()
        self._finish()

    def is_closing(self) -> bool:
        return self._transport.is_closing()
