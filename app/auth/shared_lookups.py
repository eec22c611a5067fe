"""Look-ups of who sends a token, shared by all streams that it has open.

An event may be shown by what a look-up said that began after what happened was read: whoever had lost a right before
is known by then to have lost it. So the streams of one token need one look-up for an event, not one each.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from app.auth.identity import Identity
from app.db import background

MOMENT_S = 0.5
"""Seconds after which a look-up is too old, whatever it is asked about."""

LookUp = Callable[[str | None], Awaitable[Identity]]


@dataclass(frozen=True, slots=True)
class _Shared:
    """A look-up that began at `began`, on the monotonic clock."""

    began: float
    task: "asyncio.Task[Identity | Exception]"


class SharedLookups:
    """The look-ups of a process that began a moment ago, by the `Authorization` header."""

    def __init__(self, look_up: LookUp) -> None:
        self._look_up = look_up
        self._recent: dict[str | None, _Shared] = {}

    async def identity(self, header: str | None, since: float) -> Identity:
        """Return who it is by a look-up that began *since*, or in this moment. Raises: as the look-up does."""
        now = time.monotonic()
        found = self._recent.get(header)
        if found is None or found.began < max(since, now - MOMENT_S):
            found = self._begin(header, now)
        identity = await asyncio.shield(found.task)  # who gives up leaves it to the others
        if isinstance(identity, Exception):
            if self._recent.get(header) is found:  # whoever asks next is to try again
                del self._recent[header]
            raise identity
        return identity

    def _begin(self, header: str | None, now: float) -> _Shared:
        begun = self._recent[header] = _Shared(now, background.start(background.outcome(self._look_up(header))))
        asyncio.get_running_loop().call_later(MOMENT_S, self._forget, header, begun)
        return begun

    def _forget(self, header: str | None, begun: _Shared) -> None:
        if self._recent.get(header) is begun:
            del self._recent[header]
