"""Changing the database by hand, as somebody who owns it could: the triggers that would refuse are put aside first."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engine import Database


async def put_triggers_aside(connection: AsyncConnection) -> None:
    """Drop every trigger of ours; foreign keys are asked at the end on both engines."""
    if connection.dialect.name == "postgresql":
        named = "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"
        for trigger, table in (await connection.execute(text(named))).all():
            await connection.execute(text(f"DROP TRIGGER {trigger} ON {table}"))
        return
    for (trigger,) in (await connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))).all():
        await connection.execute(text(f"DROP TRIGGER {trigger}"))


async def tamper(database: Database, *statements: Any) -> None:
    async with database.write() as connection:
        await put_triggers_aside(connection)
        for statement in statements:
            await connection.execute(statement)
