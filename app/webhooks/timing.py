"""The time that deliveries go by: the present, waiting until a moment, and how tries are spread."""

import asyncio
import random
import time
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
        """Wait until *moment* by the system's clock; where that is set back meanwhile, no longer than was left."""
        left = (moment - self.now()).total_seconds()
        latest = time.monotonic() + left
        while left > 0:
            await asyncio.sleep(min(left, 60))
            left = min((moment - self.now()).total_seconds(), latest - time.monotonic())

    def jitter(self) -> float:
        return random.random()
