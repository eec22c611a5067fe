"""What callers have seen: people, by the position of their last write, and by when they came.

Who is not known may have seen anything, as by another node: they read the primary, until a replica has all that was
acknowledged before they came. Who was not here for long may be forgotten, and is then unknown again.
"""

import time
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from app.db.replicas.shared_memory import SharedMemory
from app.db.replicas.wal_positions import WalPosition

CALLERS_MAX = 10_000


class Seen(NamedTuple):
    """All that was acknowledged by a time on the monotonic clock, and what is covered by a position, if any."""

    by: float
    position: WalPosition | None


class Callers:
    """The memory of one process, with a bound. *shared*: the file that the workers of a server share."""

    def __init__(self, shared: Path | None = None, most: int = CALLERS_MAX) -> None:
        self._most = most
        self._seen: OrderedDict[UUID, Seen] = OrderedDict()
        self._shared = None if shared is None else SharedMemory(shared)

    def seen(self, user_id: UUID) -> Seen:
        """Return what somebody has seen who is here now."""
        by, position = self._known(user_id)
        if self._shared is None:
            return Seen(by, position)
        written = self._shared.position(user_id)
        if written is not None and (position is None or position < written):
            position = written
        return Seen(max(by, self._shared.time(user_id)), position)

    def note_position(self, user_id: UUID, position: WalPosition) -> None:
        """Take note of a write of theirs that is covered by *position*."""
        known = self._known(user_id)
        if known.position is None or known.position < position:
            self._keep(user_id, Seen(known.by, position))
        if self._shared is not None:
            self._shared.note_position(user_id, position)

    def note_time(self, user_id: UUID) -> None:
        """Take note that they may have seen whatever is acknowledged by now."""
        now = time.monotonic()
        self._keep(user_id, Seen(now, None))
        if self._shared is not None:
            self._shared.note_time(user_id, now)

    def close(self) -> None:
        if self._shared is not None:
            self._shared.close()

    def _known(self, user_id: UUID) -> Seen:
        known = self._seen.get(user_id)
        if known is None:
            return self._keep(user_id, Seen(time.monotonic(), None))
        self._seen.move_to_end(user_id)
        return known

    def _keep(self, user_id: UUID, seen: Seen) -> Seen:
        self._seen[user_id] = seen
        self._seen.move_to_end(user_id)
        if len(self._seen) > self._most:
            self._seen.popitem(last=False)
        return seen
