"""What the workers of one server share of what their callers have seen, in a file that each has mapped into memory.

Each person has a place in it, which others may have too: then it holds the most that any of them has seen, and some
read the primary for a moment longer than they need. The monotonic clock is the system's, the same for all of its
processes.
"""

import fcntl
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from app.db.replicas.wal_positions import UNKNOWN, WalPosition

PLACES = 65_536
_WIDTH = 8
_SIZE = 2 * PLACES * _WIDTH
_LSN_BITS = 52
_TOO_LARGE: int = 2 ** (8 * _WIDTH) - 1
_NANOSECONDS = 10**9


class SharedMemory:
    """The file at *path*, which the first worker makes. It is read without a lock: each number is written at once."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._file, _SIZE)
        self._memory = mmap.mmap(self._file, _SIZE)
        self._numbers = memoryview(self._memory).cast("Q")

    def position(self, user_id: UUID) -> WalPosition | None:
        """Return a position that covers the last write of somebody, None where there was none."""
        written = self._numbers[user_id.int % PLACES]
        if not written:
            return None
        return UNKNOWN if written == _TOO_LARGE else WalPosition(written >> _LSN_BITS, written & (1 << _LSN_BITS) - 1)

    def time(self, user_id: UUID) -> float:
        """Return by when acknowledged writes may have been seen by somebody, on the monotonic clock."""
        return self._numbers[PLACES + user_id.int % PLACES] / _NANOSECONDS

    def note_position(self, user_id: UUID, position: WalPosition) -> None:
        """Take note of a write that is covered by *position*."""
        self._raise(user_id.int % PLACES, _packed(position))

    def note_time(self, user_id: UUID, now: float) -> None:
        """Take note that somebody may have seen what is acknowledged by *now*."""
        self._raise(PLACES + user_id.int % PLACES, int(now * _NANOSECONDS) + 1)

    def close(self) -> None:
        self._numbers.release()
        self._memory.close()
        os.close(self._file)

    def _raise(self, place: int, number: int) -> None:
        with self._locked():
            self._numbers[place] = max(self._numbers[place], number)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)


def _packed(position: WalPosition) -> int:
    """Return a position as one number, in the order of positions; what does not fit is covered by no server."""
    if position.lsn >> _LSN_BITS or position.timeline >> (8 * _WIDTH - _LSN_BITS):
        return _TOO_LARGE
    return (position.timeline << _LSN_BITS) | position.lsn
