"""Cursors of an account's log: one a row, the same in lists, streams and exports, whatever they are filtered by."""

from typing import cast
from uuid import UUID

from app.db.cursors import CursorKind, Position, of_types, read_cursor
from app.db.repository.log import LogKey

log_key = of_types([Position, UUID])
"""Makes a cursor's JSON values the key of a row of the log again."""


def log_cursors(account_id: UUID) -> CursorKind:
    """Return the kind of the cursors of the account's log: bound to the account and the log's one order alone."""
    return CursorKind("log of {}", (account_id,))


def read_log_cursor(account_id: UUID, cursor: str, argument: str) -> LogKey:
    """Return the key that *cursor* has. Raises: InvalidCursor, about *argument*."""
    return cast(LogKey, read_cursor(log_cursors(account_id), cursor, argument, log_key))
