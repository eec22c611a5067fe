"""Time slices on the event loop: long work, for whichever operation, yields to other tasks after each of them.

A turn of the event loop has one slice for all such work together, so that fifty operations hold nobody up for longer
than one does. What is waited for anyway, as a database, takes no part in it.
"""

import asyncio
import time
from collections import deque

SLICE_S = 0.01


class Slices:
    """The slices of one event loop: who asks for the next one gets it in turn."""

    def __init__(self, seconds: float = SLICE_S) -> None:
        self._seconds = seconds
        self._began = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_scheduled = False

    @property
    def is_over(self) -> bool:
        """Whether the slice that began last has taken its time, so that the next one is to be waited for."""
        return time.perf_counter() - self._began >= self._seconds

    async def next(self) -> None:
        """Give way to whatever else there is to do, and to those who have waited before."""
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_soon(self._begin)
        await turn

    def _begin(self) -> None:
        self._began = time.perf_counter()
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # whoever waited was cancelled
                turn.set_result(None)
                break
        self._is_scheduled = bool(self._waiting)
        if self._is_scheduled:
            asyncio.get_running_loop().call_soon(self._begin)
