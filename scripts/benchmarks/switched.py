"""Serve the gateway, and have it tell as much of its requests as is wanted from outside, from one moment to the next.

    python -m scripts.benchmarks.switched PORT serve [option ...]

Two processes of the same code differ by a tenth in what they answer; what being observed costs is less than that, and
shows only where one process does both.
"""

import sys
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from enum import IntEnum
from multiprocessing.connection import Listener
from typing import Any

from starlette.responses import Response

from app import tracing
from app.api.http.record import Record
from app.cli import main


class Level(IntEnum):
    """How much is told of a request."""

    SILENT = 0
    TOLD = 1
    TRACED = 2


SETTLE_S = 0.2
"""How long the gateway takes at most to hand on what it has to tell of the last request."""


class Switch:
    """Stands between the gateway and what it tells: nothing passes above the level that is set."""

    def __init__(self) -> None:
        self.level = Level.TOLD
        self._finish, self._operation = Record.finish, tracing.operation
        self._untraced: AbstractContextManager[Any] = nullcontext()

    def put_in(self) -> None:
        """Have what the gateway tells come by here."""

        def finish(record: Record, response: Response) -> None:
            if self.level >= Level.TOLD:
                self._finish(record, response)

        def operation(headers: Mapping[str, str]) -> AbstractContextManager[Any]:
            return self._operation(headers) if self.level >= Level.TRACED else self._untraced

        Record.finish = finish  # type: ignore[method-assign]
        tracing.operation = operation

    def listen(self, port: int) -> None:
        """Set the levels that come by a connection to *port*.

        Each is answered by how long it took to send those spans that were left, in seconds.
        """
        with Listener(("127.0.0.1", port)) as listener, listener.accept() as connection:
            while True:
                level = connection.recv()
                time.sleep(SETTLE_S)
                start = time.perf_counter()
                tracing.flush()
                taken = time.perf_counter() - start
                self.level = level
                connection.send(taken)


if __name__ == "__main__":
    switch = Switch()
    switch.put_in()
    threading.Thread(target=switch.listen, args=(int(sys.argv[1]),), daemon=True).start()
    sys.argv = ["casegate", *sys.argv[2:]]
    main()
