"""The time that deliveries go by: the present, waiting until a moment, and how tries are spread."""

import asyncio
import random
from datetime import datetime
from typing import Protocol

from app import clock


class Timing(Protocol):
    """What decides when something is tried again."""

    def now(self) -> datetime: ...

    async def until(self, moment: datetime) -> None:
        """Wait until *moment*."""

    def jitter(self) -> float:
        """Return a number from 0 to 1."""


class SystemTiming:
    """The machine's time."""

    def now(self) -> datetime:
        return clock.now()

    async def until(self, moment: datetime) -> None:
        """Wait until *moment*, by the clock of the system, which may be set meanwhile."""
        while (left := (moment - self.now()).total_seconds()) > 0:  # noqa: ASYNC110  # it is time that is waited for
            await asyncio.sleep(min(left, 60))

    def jitter(self) -> float:
        return random.random()
