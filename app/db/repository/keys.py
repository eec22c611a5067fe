"""The keys that all nodes of one database share."""

from sqlalchemy import select

from app.db import tables
from app.db.reader import Reader


async def server_key(connection: Reader, name: str) -> str | None:
    """Return the key of this name, None where it is not made yet."""
    table = tables.server_keys
    value: str | None = await connection.scalar(select(table.c.value).where(table.c.name == name))
    return value
