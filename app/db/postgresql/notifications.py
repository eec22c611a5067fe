"""PostgreSQL's notifications, heard on a connection of their own.

Those of `CHANNEL` tell that a token, a person, a role or an account has changed, and never which: a trigger of
migration 0005 sends them with the commit (https://www.postgresql.org/docs/current/sql-notify.html).
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
async def following(
    database: Database, heard: Callable[[str], None], channel: str = CHANNEL
) -> AsyncIterator[asyncio.Event]:
    """Call *heard* with the payload of all news, and yield what is set when there won't be any more.

    Raises: NotificationsUnavailable; SQLAlchemyError, OSError where the database can't be reached.
    """
    tried, lost = asyncio.Event(), asyncio.Event()

    def hear(_connection: object, _pid: int, _channel: str, payload: str) -> None:
        tried.set()
        heard(payload)

    def end(_connection: object) -> None:
        lost.set()
        tried.set()

    async with database.dedicated_connection() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        driver.add_termination_listener(end)
        await driver.add_listener(channel, hear)
        async with database.read() as other:
            await other.execute(select(func.pg_notify(channel, "")))
        try:
            async with asyncio.timeout(TRIAL_S):
                await tried.wait()
        except TimeoutError:
            raise NotificationsUnavailable("no notification came") from None
        if lost.is_set():
            raise ConnectionResetError("the connection was lost before anything was heard")
        yield lost
