"""Overrides whose time is over: what the housekeeping of all accounts looks for."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, tuple_

from app.db import tables
from app.db.reader import Reader
from app.domain.model import OverrideStatus

_OVERRIDE = tables.overrides.c


class ExpiringOverride(NamedTuple):
    """A pending override that nobody can decide on any more; its place in the order is its time and its id."""

    expires_at: datetime
    id: UUID
    account_id: UUID
    case_id: UUID


async def expiring_overrides(
    connection: Reader, by: datetime, after: ExpiringOverride | None, limit: int
) -> list[ExpiringOverride]:
    """Return the next *limit* pending overrides of all accounts whose time is over, those of the longest first."""
    statement = select(_OVERRIDE.expires_at, _OVERRIDE.id, _OVERRIDE.account_id, _OVERRIDE.case_id).where(
        _OVERRIDE.status == OverrideStatus.PENDING, _OVERRIDE.expires_at.is_not(None), _OVERRIDE.expires_at <= by
    )
    if after is not None:
        place = tuple_(_OVERRIDE.expires_at, _OVERRIDE.id)
        statement = statement.where(place > tuple_(after.expires_at, after.id))
    records = await connection.execute(statement.order_by(_OVERRIDE.expires_at, _OVERRIDE.id).limit(limit))
    return [ExpiringOverride(*record) for record in records]
