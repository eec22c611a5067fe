"""Looks now and then whether what is waited for may go on."""

import asyncio
from collections.abc import Awaitable, Callable

from app.db import background

EARLY_SHARE = 0.01
"""By so much of the time between two looks a timer may be early."""


class Recheck:
    """Looks every so many seconds while what is inside waits, and gives that up where a look raises.

    Those with one *phase*, from 0 to 1, look in the same moment, so that they can share what they find. Raises: what a
    look raised.

    It cancels its task as `asyncio.timeout` does; a task of its own for each wait would take as much memory again.
    """

    __slots__ = ("_cancelling", "_fault", "_look", "_phase", "_seconds", "_task", "_timer")

    def __init__(self, look: Callable[[], Awaitable[None]], seconds: float, phase: float = 0) -> None:
        self._look = look
        self._phase = phase
        self._seconds = seconds
        self._fault: Exception | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task, self._cancelling = task, task.cancelling()
        self._begin()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        # Somebody else may have cancelled the task too; then it stays cancelled.
        is_own = self._fault is not None and self._task.uncancel() <= self._cancelling
        if is_own and kind is asyncio.CancelledError:
            assert self._fault is not None
            raise self._fault from None

    def _begin(self) -> None:
        loop, seconds = asyncio.get_running_loop(), self._seconds
        left = seconds - (loop.time() - self._phase * seconds) % seconds
        if left < EARLY_SHARE * seconds:
            left += seconds
        self._timer = loop.call_later(left, self._start)

    def _start(self) -> None:
        background.start(self._check())

    async def _check(self) -> None:
        try:
            await self._look()
        except Exception as fault:
            if self._timer is not None:  # else it is over, and was not given up
                self._fault = fault
                self._task.cancel()
        else:
            if self._timer is not None:
                self._begin()
