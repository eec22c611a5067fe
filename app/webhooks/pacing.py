"""Has deliveries give way to requests: the busier the process is with these, the fewer are sent.

What is not sent yet waits in the log, in which each webhook has its place.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

COST_S = 0.004
"""What a delivery takes of a core where it is executed for one webhook alone, as it is in a busy process."""
WINDOW_S = 0.1
"""How far back it looks for how busy the process is."""


def allowed_share(busy: float, least: float) -> float:
    """Return the share of a core that deliveries may take where requests were under way for *busy* of the time.

    Deliveries leave as much again as requests take, since these are delayed by what runs between them; *least* they get
    in any case. Both are from 0 to 1.
    """
    return max(least, 1 - 2 * busy)


class Pace:
    """The turns of a process' deliveries.

    *busy_s* returns for how many seconds requests have been under way, in all; *least* is the share of a core that
    deliveries get however busy it is.
    """

    def __init__(
        self,
        busy_s: Callable[[], float] = lambda: 0.0,
        least: float = 1.0,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._busy_s = busy_s
        self._least = least
        self._now = now
        self._sleep = sleep
        self._turn = asyncio.Lock()
        self._last = now()
        self._share = least
        self._looked = now(), busy_s()

    async def turn(self) -> None:
        """Wait until one more delivery may be sent; those that wait have their turns in order."""
        async with self._turn:
            while (wait := self._last + self._interval() - self._now()) > 0:
                await self._sleep(min(wait, WINDOW_S))
            self._last = self._now()

    def _interval(self) -> float:
        """Return how long after the last delivery the next one may be sent, seconds."""
        since, busy_s = self._looked
        now = self._now()
        if now - since >= WINDOW_S:
            busy = self._busy_s()
            is_recent = now - since < 2 * WINDOW_S  # what was long ago does not tell how busy it is now
            self._share = allowed_share((busy - busy_s) / (now - since), self._least) if is_recent else self._least
            self._looked = now, busy
        return 0.0 if self._share == 1 else COST_S / self._share
