"""Has the events of streams give way to requests: they are executed one after the other, in the moments between these.

However busy the process is, events get a small share of its time. What waits is in the log, so nothing is lost.
Streams that wait for rows are woken in such turns too, a group at a time.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

EVENT_S = 0.00016
"""What an event takes of a core for each stream (`scripts/bench --streams`)."""
LEAST_SHARE = 0.08
"""The share of a core that events get while requests are under way."""
QUIET_S = 0.003
"""So long after the last request the next one may follow at once, of a client that waits for each answer."""


class _Turn(NamedTuple):
    """What waits for a turn, and how many events it may send by that alone."""

    give: Callable[[], object]
    is_given_up: Callable[[], bool]
    events: int


class EventTurns:
    """The turns of a process' events. *is_busy* tells whether requests are under way, or may be at once."""

    def __init__(self, is_busy: Callable[[], bool]) -> None:
        self._is_busy = is_busy
        self._waiting: deque[_Turn] = deque()
        self._is_scheduled = False
        self._not_before = 0.0

    async def turn(self) -> None:
        """Wait until one more event may be executed; those that wait have their turns in order."""
        turn = asyncio.get_running_loop().create_future()
        self._add(_Turn(partial(turn.set_result, None), turn.done, 0))
        await turn

    def enqueue(self, wake: Callable[[], object], streams: int) -> None:
        """Have *wake* called in its turn, which wakes so many *streams*, each of which may send an event."""
        self._add(_Turn(wake, _never, streams))

    def spend(self) -> None:
        """Count one event that is sent on one stream."""
        self._not_before += EVENT_S / LEAST_SHARE

    def _add(self, waiting: _Turn) -> None:
        self._waiting.append(waiting)
        if not self._is_scheduled:
            self._is_scheduled = True
            loop = asyncio.get_running_loop()
            self._await_first(loop.time())
            self._grant(loop)

    def _await_first(self, now: float) -> None:
        """Have the first that waits wait for as long as its events take by the least share."""
        self._not_before = max(self._not_before, now) + self._waiting[0].events * EVENT_S / LEAST_SHARE

    def _take_first(self, now: float) -> _Turn:
        first = self._waiting.popleft()
        if self._waiting:
            self._await_first(now)
        return first

    def _grant(self, loop: asyncio.AbstractEventLoop) -> None:
        """Grant the next turn, if it may be by now; then what is ready beside it runs before the turn after it."""
        now = loop.time()
        if not self._is_busy():
            self._not_before = now
        while self._waiting and self._waiting[0].is_given_up():
            self._take_first(now)
        if not self._waiting:
            self._is_scheduled = False
        elif now < self._not_before:
            loop.call_later(min(self._not_before - now, EVENT_S / LEAST_SHARE), self._grant, loop)
        else:
            self._take_first(now).give()
            loop.call_soon(self._grant, loop)


def _never() -> bool:
    return False
