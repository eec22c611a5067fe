"""The database's own triggers, put aside where a test changes rows by hand, as somebody who owns the database could."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

REFUSING = ("_refused", "_logged")
"""How the names of triggers end that refuse what is written; others make what follows from it, as words for search."""


async def drop_triggers(connection: AsyncConnection) -> None:
    """Drop every trigger of ours for good; foreign keys are asked at the end on both engines."""
    if connection.dialect.name == "postgresql":
        named = "SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal"
        for trigger, table in (await connection.execute(text(named))).all():
            await connection.execute(text(f"DROP TRIGGER {trigger} ON {table}"))
        return
    for (trigger,) in (await connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))).all():
        await connection.execute(text(f"DROP TRIGGER {trigger}"))


@asynccontextmanager
async def triggers_aside(connection: AsyncConnection, *tables: Table) -> AsyncIterator[None]:
    """Put what refuses changes of these tables aside until the block ends, within the connection's transaction."""
    back = [statement for table in tables for statement in await _put_aside(connection, table.name)]
    yield
    if connection.dialect.name == "postgresql":
        # A table with a trigger that is still to fire can't be altered.
        await connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    for statement in back:
        await connection.exec_driver_sql(statement)


async def _put_aside(connection: AsyncConnection, table: str) -> Sequence[str]:
    """Put the triggers of a table that refuse aside, and return the statements that bring them back."""
    if connection.dialect.name == "sqlite":
        find = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table"
        records = await connection.execute(text(find), {"table": table})
        found = [record for record in records if record.name.endswith(REFUSING)]
        for name, _ in found:
            await connection.execute(text(f"DROP TRIGGER {name}"))
        return [made for _, made in found]
    find = "SELECT tgname, tgenabled = 'A' FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = to_regclass(:table)"
    records = await connection.execute(text(find), {"table": table})
    found = [record for record in records if record.tgname.endswith(REFUSING)]
    for name, _ in found:
        await connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER {name}"))
    return [f"ALTER TABLE {table} ENABLE {'ALWAYS ' * always}TRIGGER {name}" for name, always in found]
