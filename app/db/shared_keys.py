"""Keys that all nodes of one database share, made by the first that needs one."""

from sqlalchemy.dialects import postgresql, sqlite

from app.db import tables
from app.db.engines import Database
from app.db.repository.keys import server_key


async def shared_key(database: Database, name: str, new: str) -> str:
    """Return the key of this name, which is *new* where there was none."""
    async with database.read() as connection:
        value = await server_key(connection, name)
    if value is None:
        dialect = sqlite if database.is_sqlite else postgresql
        async with database.write() as connection:
            row = {"name": name, "value": new}
            await connection.execute(dialect.insert(tables.server_keys).values(row).on_conflict_do_nothing())
            value = await server_key(connection, name)
    assert value is not None
    return value
