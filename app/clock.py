"""Time and identifiers: the two things that differ each time."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import uuid_utils
from uuid_utils.compat import uuid7

Clock = Callable[[], datetime]


def now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """Return a UUID of version 7 (RFC 9562, section 5.7): sorted by time, unguessable for our purposes."""
    return uuid7()


def new_id_text() -> str:
    """Return the text of a new id, for what is not looked for by it: without the standard library's slow object."""
    return str(uuid_utils.uuid7())
