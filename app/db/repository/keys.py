"""The keys that all nodes of one database share."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables


async def server_key(connection: AsyncConnection, name: str) -> str | None:
    """Return the key of this name, None where nobody has made it yet."""
    table = tables.server_keys
    value: str | None = await connection.scalar(select(table.c.value).where(table.c.name == name))
    return value
