"""The database behind the gateway's back: all that is in it, changed by hand, or with a table gone for a while.

It does nothing that the gateway itself should do.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import Table, select, text, update

from app.db import tables
from app.db.engines import Database
from app.documents.ownership import IDENTITY
from tests.support.triggers import triggers_aside

Contents = Mapping[str, Mapping[tuple[Any, ...], Mapping[str, Any]]]
"""Of each table the rows, by primary key."""


async def contents(database: Database, account_id: UUID | None = None) -> Contents:
    """Return every row of every table but the index of what can be searched, which follows from the others.

    *account_id*: leave out rows of other accounts, in tables whose rows name theirs.

    The database's id is left out too: a server makes it in the background, when it first looks at its documents. So is
    when a token was used last, which a server writes once a minute.
    """
    found: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {}
    async with database.snapshot() as connection:
        for table in tables.metadata.sorted_tables:
            if table is tables.case_texts:
                continue
            statement = select(table)
            if account_id is not None and "account_id" in table.c:
                statement = statement.where(table.c.account_id == account_id)
            rows = [dict(row) for row in (await connection.execute(statement)).mappings()]
            if table is tables.server_keys:
                rows = [row for row in rows if row["name"] != IDENTITY]
            if table is tables.api_tokens:
                rows = [row | {"last_used_at": None} for row in rows]
            found[table.name] = {tuple(row[column.name] for column in table.primary_key): row for row in rows}
    return found


def differences(before: Contents, after: Contents) -> set[str]:
    """Return what came in, as `+2 comments`, and what changed, as `cases: status version`; rows that went too."""
    reported = set()
    for name, rows in after.items():
        known = before[name]
        if new := len(rows.keys() - known.keys()):
            reported.add(f"+{new} {name}")
        if gone := len(known.keys() - rows.keys()):
            reported.add(f"-{gone} {name}")
        changed = {
            column
            for key in rows.keys() & known.keys()
            for column, value in rows[key].items()
            if value != known[key][column]
        }
        if changed:
            reported.add(f"{name}: {' '.join(sorted(changed))}")
    return reported


async def set_by_hand(database: Database, table: Table, id: UUID, **values: Any) -> None:
    """Change the row of *table* with this id, past its triggers."""
    async with database.write() as connection, triggers_aside(connection, table):
        changed = await connection.execute(update(table).where(table.c.id == id).values(values))
    assert changed.rowcount == 1


@asynccontextmanager
async def without(database: Database, table: str) -> AsyncIterator[None]:
    """Take a table away, and bring it back with all that was in it."""
    async with database.write() as connection:
        await connection.execute(text(f"ALTER TABLE {table} RENAME TO away"))
    try:
        yield
    finally:
        async with database.write() as connection:
            await connection.execute(text(f"ALTER TABLE away RENAME TO {table}"))


async def everything(database: Database) -> tuple[Contents, Any, Any]:
    """Return the contents, the index of what can be searched, and how far PostgreSQL's sequences are."""
    async with database.snapshot() as connection:
        texts = sorted(map(repr, await connection.execute(select(tables.case_texts))))
        sequences = "SELECT NULL" if database.is_sqlite else "SELECT sequencename, last_value FROM pg_sequences"
        counted = [tuple(record) for record in await connection.execute(text(sequences))]
    return await contents(database), texts, counted
