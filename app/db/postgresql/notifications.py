"""PostgreSQL's notifications that a token, a person, a role or an account has changed; never which.

A trigger of migration 0005 tells it with the commit (https://www.postgresql.org/docs/current/sql-notify.html).
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import func, select

from app.db.engines import Database

CHANNEL = "casegate_identity"
TRIAL_S = 2


class NotificationsUnavailable(Exception):
    """Nothing is heard: a pooler that shares connections out by the transaction lies in between."""


@asynccontextmanager
async def following(database: Database, heard: Callable[[], None]) -> AsyncIterator[asyncio.Event]:
    """Call *heard* at all news, and yield what is set when there won't be any more.

    Raises: NotificationsUnavailable; SQLAlchemyError, OSError where the database can't be reached.
    """
    tried, lost = asyncio.Event(), asyncio.Event()

    def hear(*_: object) -> None:
        tried.set()
        heard()

    async with database.dedicated_connection() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        driver.add_termination_listener(lambda _: lost.set())
        await driver.add_listener(CHANNEL, hear)
        async with database.read() as other:
            await other.execute(select(func.pg_notify(CHANNEL, "")))
        try:
            async with asyncio.timeout(TRIAL_S):
                await tried.wait()
        except TimeoutError:
            raise NotificationsUnavailable("no notification came") from None
        yield lost
