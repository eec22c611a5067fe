"""Bounds how many operations are traced a second: each while few come, and under load no more than can be spared.

A trace takes as long as a small read.
"""

import time
from collections.abc import Callable


class TraceBudget:
    """So much *per_second*; what is for one second may be taken at once, and what is not taken is not saved up.

    After the generic cell rate algorithm (ITU-T I.371, annex A): `_due` is when the last one that was taken would have
    been due, had they been taken evenly.
    """

    def __init__(self, per_second: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / per_second
        self._ahead = max(0.0, 1 - self._interval)
        self._clock = clock
        self._due = -1.0

    def is_spent(self) -> bool:
        """Tell whether nothing is left to be taken now."""
        return self._due > self._clock() + self._ahead

    def take(self) -> None:
        """Take one."""
        self._due = max(self._due, self._clock()) + self._interval
