"""Has the events of streams give way to requests: they are executed one after the other, in the moments between these.

However busy the process is, events get a small share of its time. What waits is in the log, so nothing is lost.
"""

import asyncio
from collections import deque
from collections.abc import Callable

EVENT_S = 0.00016
"""What an event takes of a core for each stream (`scripts/bench --streams`)."""
LEAST_SHARE = 0.08
"""The share of a core that events get while requests are under way."""
QUIET_S = 0.003
"""So long after the last request the next one may follow at once, of a client that waits for each answer."""


class EventTurns:
    """The turns of a process' events. *is_busy* tells whether requests are under way, or may be at once."""

    def __init__(self, is_busy: Callable[[], bool]) -> None:
        self._is_busy = is_busy
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_scheduled = False
        self._not_before = 0.0

    async def turn(self) -> None:
        """Wait until one more event may be executed; those that wait have their turns in order."""
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self._waiting.append(turn)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._grant(loop)
        await turn

    def spend(self) -> None:
        """Count one event that is sent on one stream."""
        self._not_before += EVENT_S / LEAST_SHARE

    def _grant(self, loop: asyncio.AbstractEventLoop) -> None:
        """Grant the next turn, if it may be by now; then what is ready beside it runs before the turn after it."""
        now = loop.time()
        if not self._is_busy():
            self._not_before = now
        while self._waiting and self._waiting[0].done():  # given up
            self._waiting.popleft()
        if not self._waiting:
            self._is_scheduled = False
        elif now < self._not_before:
            loop.call_later(min(self._not_before - now, EVENT_S / LEAST_SHARE), self._grant, loop)
        else:
            self._not_before = now
            self._waiting.popleft().set_result(None)
            loop.call_soon(self._grant, loop)
