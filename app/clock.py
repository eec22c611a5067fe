"""Time and identifiers: the two things that differ each time."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from itertools import count
from uuid import UUID

import uuid_utils
from uuid_utils.compat import uuid7

Clock = Callable[[], datetime]

_made: ContextVar[Callable[[], UUID]] = ContextVar("made", default=uuid7)


def now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """Return a UUID of version 7 (RFC 9562, section 5.7): sorted by time, unguessable for our purposes."""
    return _made.get()()


def new_id_text() -> str:
    """Return the text of a new id, for what is not looked for by it: without the standard library's slow object."""
    return str(uuid_utils.uuid7())


def seeded_id(key: str, moment: datetime, number: int = 0) -> UUID:
    """Return the UUID of version 7 that *key* and *number* have at *moment*, which is the same each time."""
    drawn = int.from_bytes(hashlib.sha256(f"{key}/{number}".encode()).digest()[:8]) >> 2
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | (number & 0xFFF) << 64 | 0b10 << 62 | drawn)


@contextmanager
def seeded_ids(key: str, moment: datetime) -> Iterator[None]:
    """Let `new_id` return the ids of *key* at *moment* one after the other within the block, in this task alone."""
    numbers = count()
    token = _made.set(lambda: seeded_id(key, moment, next(numbers)))
    try:
        yield
    finally:
        _made.reset(token)
