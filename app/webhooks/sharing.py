"""Bodies that several endpoints of an account are sent: executed once for equal documents, and kept for a moment."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable

KEPT_S = 1.0
"""Seconds for which a body is kept, so that what was erased is not sent for longer."""
KEPT = 256


class SharedBodies:
    """The bodies of a process that are made, or were made just now."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._kept: OrderedDict[Hashable, tuple[float, asyncio.Task[bytes]]] = OrderedDict()

    async def get(self, key: Hashable, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """Return what *make* gives, or has given to somebody else for the same *key*. Raises: as it does."""
        begun, making = self._kept.get(key, (0.0, None))
        if making is None or self._now() >= begun + KEPT_S or _has_failed(making):
            making = asyncio.ensure_future(_made(make))
            making.add_done_callback(_has_failed)  # nobody may be left who waits for it
            self._kept[key] = self._now(), making
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return await asyncio.shield(making)


async def _made(make: Callable[[], Awaitable[bytes]]) -> bytes:
    return await make()


def _has_failed(making: "asyncio.Task[bytes]") -> bool:
    return making.done() and (making.cancelled() or making.exception() is not None)
