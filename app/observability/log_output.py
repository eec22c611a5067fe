"""The output of a process's log: standard error, which may be full, closed, or a pipe that is not read.

In a process that serves, lines wait in a bounded queue for a thread that writes them. Logging neither blocks nor fails:
a line that has no room or can't be written is dropped and counted. Commands, which are over soon, write at once.
"""

import atexit
import io
import os
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

import orjson

from app import clock
from app.observability.deferred import clear_all
from app.observability.metrics import dropped_lines

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

QUEUE_BYTES = 4 * 1024 * 1024
FLUSH_S = 1.0
"""Seconds that the end of a process waits at most for what is not written yet."""

_AGAIN_S = 0.05

_queues: "dict[int, LineQueue]" = {}


class LineQueue:
    """Lines on their way to a file descriptor, `most_bytes` at most; a thread of its own writes them."""

    def __init__(self, descriptor: int, most_bytes: int = QUEUE_BYTES) -> None:
        self._descriptor = descriptor
        self._most_bytes = most_bytes
        self._waiting: deque[bytes] = deque()
        self._bytes = 0  # of what waits and of what is being written
        self._unreported = 0  # lines that were dropped, of which no line says so yet
        self._is_cut = False  # the last line that was written lacks its end
        # Its lock can be taken twice by one thread, as by a signal's handler that logs in the middle of `put`.
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name=f"log-output-{descriptor}", daemon=True).start()

    def put(self, lines: bytes) -> None:
        """Have *lines* written, or drop them where there is no room."""
        with self._changed:
            if self._bytes + len(lines) > self._most_bytes:
                self._drop(lines)
                return
            self._bytes += len(lines)
            self._waiting.append(lines)
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait until all is written or dropped, for so long at most; tell whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._bytes, seconds)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                lines = self._waiting.popleft()
            self._write(lines)
            with self._changed:
                self._bytes -= len(lines)
                self._changed.notify_all()

    def _write(self, lines: bytes) -> None:
        unreported = self._unreported
        if unreported and self._sent(_dropped_line(unreported)):
            with self._changed:
                self._unreported -= unreported
        written = self._sent(lines)
        if written < len(lines):
            with self._changed:
                self._drop(lines[written:])

    def _sent(self, lines: bytes) -> int:
        """Write as much of *lines* as goes, however long it takes, and return how many bytes that is."""
        rest, is_begun = memoryview(lines), False
        if self._is_cut:
            rest = memoryview(b"\n" + lines)
        written = -self._is_cut
        while rest:
            try:
                number = os.write(self._descriptor, rest)
            except BlockingIOError:  # who started the process has made it so, perhaps without knowing
                time.sleep(_AGAIN_S)
                continue
            except OSError:
                break
            written, rest, is_begun = written + number, rest[number:], True
        if is_begun:
            self._is_cut = written > 0 and not lines[:written].endswith(b"\n")
        return max(0, written)

    def _drop(self, lines: bytes) -> None:
        number = lines.count(b"\n") or 1
        self._unreported += number
        dropped_lines.inc(number)


def _dropped_line(number: int) -> bytes:
    line = {"lines": number, "event": "log_lines_dropped", "level": "warning", "timestamp": clock.now()}
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z)


class _Raw(io.RawIOBase):
    """A file that is written to through a queue."""

    def __init__(self, descriptor: int, queue: LineQueue) -> None:
        self._descriptor = descriptor
        self._queue = queue

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: "ReadableBuffer") -> int:
        self._queue.put(bytes(data))
        return memoryview(data).nbytes


def start() -> None:
    """Let nothing that this process prints or logs wait for its reader, from now on: for processes that serve."""
    if _queues:
        return
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        queue = _queues[descriptor] = LineQueue(descriptor)
        buffer = io.BufferedWriter(_Raw(descriptor, queue))
        setattr(sys, name, io.TextIOWrapper(buffer, "utf-8", "backslashreplace", line_buffering=True))
    atexit.register(_end)


def write(lines: bytes) -> None:
    """Write *lines* to standard error, whole and as they are; what can't be written is dropped and counted."""
    queue = _queues.get(2)
    if queue is not None:
        queue.put(lines)
        return
    try:
        output = sys.stderr.buffer
        output.write(lines)
        output.flush()
    except (AttributeError, OSError, ValueError):  # there is none, it takes nothing, or it is closed
        dropped_lines.inc(lines.count(b"\n"))


def flush(seconds: float = FLUSH_S) -> None:
    """Wait for what is not written yet, for so long at most."""
    until = time.monotonic() + seconds
    for queue in _queues.values():
        queue.flush(max(0.0, until - time.monotonic()))


def _end() -> None:
    clear_all()
    flush()
