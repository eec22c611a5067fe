"""The database's own triggers, put aside where a test changes rows by hand, as somebody who owns the database could."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

REFUSING = ("_refused", "_logged")
"""How the names of triggers end that refuse what is written; others make what follows from it, as words for search."""


async def drop_triggers(connection: AsyncConnection) -> None:
    """Drop every trigger of ours for good, within the connection's transaction, where nothing was written yet.

    They are many: all at once takes a tenth of the time of one by one.
    """
    if connection.dialect.name == "postgresql":
        await connection.exec_driver_sql(_DROP_ALL)
        return
    names = (await connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'"))).scalars().all()
    if names:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        # A script commits what was begun, and so begins anew.
        await driver.executescript("BEGIN IMMEDIATE;" + "".join(f"DROP TRIGGER {name};" for name in names))


_DROP_ALL = """DO $$ DECLARE made record; BEGIN
    FOR made IN SELECT tgname, tgrelid::regclass AS its FROM pg_trigger WHERE NOT tgisinternal LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', made.tgname, made.its);
    END LOOP;
END $$"""


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
