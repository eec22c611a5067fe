"""Waits until the process that delivers to an endpoint does so as an admin has changed it."""

import asyncio
import time
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app import clock
from app.db import tables
from app.db.database_clock import shared_time
from app.db.deadlines import time_left
from app.db.engines import Database
from app.domain.webhooks import DELIVERING

WAIT_S = 8.0
"""Seconds after which it is waited for no more: the process may be busy, or dead and not yet without its lease."""
LOOK_S = 0.2
TIME_PART = 0.5
"""Of the time that the operation has left. Its answer alone has the secret: it must not be given up meanwhile."""


async def until_delivered_so(database: Database, account_id: UUID, webhook_id: UUID, seconds: float = WAIT_S) -> bool:
    """Return whether nothing is sent any more by an earlier version of the endpoint; wait for it if need be.

    Where the database can't be asked it is not known, and not waited for.
    """
    left = time_left()
    latest = time.monotonic() + (seconds if left is None else min(seconds, TIME_PART * left))
    try:
        while not await _is_delivered_so(database, account_id, webhook_id):
            if time.monotonic() > latest:
                return False
            await asyncio.sleep(LOOK_S)
    except (SQLAlchemyError, OSError):
        return False
    return True


async def _is_delivered_so(database: Database, account_id: UUID, webhook_id: UUID) -> bool:
    column = tables.webhooks.c
    is_held = (column.lease_until >= shared_time(database, clock.now())).label("is_held")
    statement = select(column.version, column.delivered_version, column.state, is_held)
    async with database.read() as connection:
        found = await connection.execute(statement.where(column.account_id == account_id, column.id == webhook_id))
    row = found.first()
    return row is None or row.delivered_version == row.version or row.state not in DELIVERING or not row.is_held
