"""A deferred queue: many small tasks of one kind are done together, a moment later.

Metrics, log lines and spans of a request are no part of its answer, and cost a fraction for many requests at once.
"""

import asyncio
import atexit
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

DELAY_S = 0.05

Item = TypeVar("Item")

_all: "list[DeferredQueue[object]]" = []


class DeferredQueue(Generic[Item]):
    """What waits for *handle*: for `DELAY_S` at most, until *most* have come together, or until the process ends.

    It is handled in its own callback of the event loop, which logs what *handle* raises: the caller that added does
    not fail by it. Where no loop runs, nothing waits. It is for one thread.
    """

    def __init__(self, handle: Callable[[Sequence[Item]], None], most: int) -> None:
        self._handle = handle
        self._most = most
        self._waiting: list[Item] = []
        self._timer: asyncio.Handle | None = None
        _all.append(self)  # type: ignore[arg-type]  # they are only cleared

    def add(self, item: Item) -> None:
        """Have *item* handled."""
        waiting = self._waiting
        waiting.append(item)
        if self._timer is None:
            self._begin()
        elif len(waiting) == self._most:
            self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_soon(self.clear)

    def clear(self) -> None:
        """Handle what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._handle(waiting)

    def _begin(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.clear()
        else:
            self._timer = loop.call_later(DELAY_S, self.clear)


@atexit.register
def clear_all() -> None:
    """Handle all that waits anywhere."""
    for backlog in _all:
        backlog.clear()
