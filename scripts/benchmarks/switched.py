"""Serve the gateway, and have it tell as much of its requests as is wanted from outside, from one moment to the next.

    python -m scripts.benchmarks.switched PORT serve [option ...]

Two processes of the same code differ by a tenth in what they answer; what being observed costs is less than that, and
shows only where one process does both.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from enum import IntEnum
from functools import partial
from multiprocessing.connection import Listener
from typing import Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from app.api.record import Record
from app.cli import main
from app.config import components
from app.observability import tracing
from app.observability.deferred import clear_all
from app.observability.trace_budget import TraceBudget


class Level(IntEnum):
    """How much is told of a request."""

    SILENT = 0
    REPORTED = 1
    TRACED = 2


class Switch:
    """Stands between the gateway and what it tells: nothing passes above the level that is set."""

    def __init__(self) -> None:
        self.level = Level.REPORTED
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sending = threading.Event()
        self._traced_s, self._since = 0.0, time.monotonic()
        self._finish, self._operation, self._export = Record.finish, tracing.operation, OTLPSpanExporter.export
        self._untraced: AbstractContextManager[Any] = nullcontext()

    def put_in(self) -> None:
        """Have what the gateway tells come by here."""

        def finish(record: Record, *facts: Any) -> None:
            self._loop = asyncio.get_running_loop()
            if self.level >= Level.REPORTED:
                self._finish(record, *facts)

        def operation(headers: Mapping[str, str]) -> AbstractContextManager[Any]:
            return self._operation(headers) if self.level >= Level.TRACED else self._untraced

        def export(exporter: OTLPSpanExporter, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            self._sending.wait()  # what is sent late is sent in a turn of the same level
            return self._export(exporter, spans)

        reported: Any = Record
        reported.finish = finish
        tracing.operation = operation
        whole: Any = components
        whole.Allowance = partial(TraceBudget, clock=self._clock)
        sent: Any = OTLPSpanExporter
        sent.export = export

    def listen(self, port: int) -> None:
        """Set the levels that come by a connection to *port*.

        Each is answered by how long it took to write down what was left to be told, and by the time of a core that the
        process has used so far; in seconds.
        """
        with Listener(("127.0.0.1", port)) as listener:
            while True:
                with listener.accept() as connection, suppress(EOFError):
                    while True:
                        level = connection.recv()
                        assert self._loop is not None  # nobody switches before there was a request
                        connection.send(asyncio.run_coroutine_threadsafe(self._set(level), self._loop).result())

    def _clock(self) -> float:
        """Tell the time that runs while operations are traced: so many a second are sampled, not saved up meanwhile."""
        return self._traced_s + (time.monotonic() - self._since if self.level >= Level.TRACED else 0.0)

    async def _set(self, level: Level) -> tuple[float, float]:
        start = time.perf_counter()
        clear_all()
        self._traced_s, self._since = self._clock(), time.monotonic()
        self.level = level
        if level >= Level.TRACED:
            self._sending.set()
        else:
            self._sending.clear()
        return time.perf_counter() - start, time.process_time()


if __name__ == "__main__":
    switch = Switch()
    switch.put_in()
    threading.Thread(target=switch.listen, args=(int(sys.argv[1]),), daemon=True).start()
    sys.argv = ["casegate", *sys.argv[2:]]
    main()
