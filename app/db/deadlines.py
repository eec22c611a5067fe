"""A deadline for reads, set once for all that an operation reads."""

import asyncio
from contextvars import ContextVar

# The end of the time for reading, on the event loop's clock. It follows into tasks.
_end: ContextVar[float | None] = ContextVar("end", default=None)


class deadline:  # noqa: N801  # it is used as a function is
    """Give up reads that are not done in so many *seconds*; an action that has begun comes to its end."""

    def __init__(self, seconds: float) -> None:
        self._end = asyncio.get_running_loop().time() + seconds

    def __enter__(self) -> None:
        self._token = _end.set(self._end)

    def __exit__(self, *_: object) -> None:
        _end.reset(self._token)


def in_time() -> asyncio.Timeout:
    """Return what gives up reads at the end of the time that `deadline` sets, by a TimeoutError.

    It is for tasks, as those of dataloaders, that could not be cancelled with the operation that they work for.
    """
    return asyncio.timeout_at(_end.get())


def time_left() -> float | None:
    """Return how many seconds there are until the end of the time that `deadline` sets; None where none is set."""
    end = _end.get()
    return None if end is None else end - asyncio.get_running_loop().time()
