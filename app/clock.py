"""Time and identifiers: the two things that differ each time."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

Clock = Callable[[], datetime]


def now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """Return a UUID of version 7 (RFC 9562, section 5.7): sorted by time, unguessable for our purposes."""
    return uuid7()
