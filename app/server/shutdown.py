"""Shutdown: from SIGTERM on the process is not ready any more, and some seconds later it stops listening.

In between, the load balancer has time to notice. What has begun is finished by the server itself. A
worker whose parent has died stops to listen at once: the next parent needs the port.
"""

import asyncio
import multiprocessing
import signal
from collections.abc import Mapping
from types import FrameType
from typing import Any

ENDING = "casegate.ending"
"""Where the lifespan's state has the event that the server is ending: what is streamed has no end of its own."""


def announce_end(state: Mapping[str, Any]) -> None:
    """Have streams end, where the application has any."""
    ending: asyncio.Event | None = state.get(ENDING)
    if ending is not None:
        ending.set()


class Shutdown:
    """Whether the process is coming to its end."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.has_begun = False

    def watch(self) -> None:
        """Stand in front of the server's own handler of SIGTERM, where a server has one."""
        stop = signal.getsignal(signal.SIGTERM)
        if not callable(stop):
            return
        loop = asyncio.get_running_loop()

        def begin(number: int, frame: FrameType | None) -> None:
            again, self.has_begun = self.has_begun, True
            loop.call_soon_threadsafe(loop.call_later, 0 if again else self._seconds, stop, number, frame)

        signal.signal(signal.SIGTERM, begin)
        parent = multiprocessing.parent_process()
        if parent is None:
            return
        sentinel = parent.sentinel

        def follow() -> None:
            loop.remove_reader(sentinel)
            self.has_begun = True
            stop(signal.SIGTERM, None)

        loop.add_reader(sentinel, follow)
