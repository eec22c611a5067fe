"""What is written of a company's directory: its entries for people, and its groups. The account is locked by then."""

from dataclasses import asdict
from uuid import UUID

from sqlalchemy import Table, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.repository.directory import GroupRow
from app.domain.directory import DirectoryEntry, user_name_key


async def write_entry(connection: AsyncConnection, account_id: UUID, user_id: UUID, entry: DirectoryEntry) -> None:
    """Make *entry* what the directory says of a person."""
    key = None if entry.user_name is None else user_name_key(entry.user_name)
    values = asdict(entry) | {"user_id": user_id, "account_id": account_id, "user_name_key": key}
    await _upsert(connection, tables.directory_entries, "user_id", values)


async def write_group(connection: AsyncConnection, account_id: UUID, group: GroupRow) -> None:
    """Make a group of the directory, or change it."""
    values = asdict(group) | {"account_id": account_id, "name_key": user_name_key(group.name)}
    await _upsert(connection, tables.directory_groups, "id", values)


async def delete_group(connection: AsyncConnection, account_id: UUID, group_id: UUID) -> None:
    column = tables.directory_groups.c
    which = (column.account_id == account_id, column.id == group_id)
    await connection.execute(delete(tables.directory_groups).where(*which))


async def _upsert(connection: AsyncConnection, table: Table, key: str, values: dict[str, object]) -> None:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    changes = {name: value for name, value in values.items() if name not in (key, "account_id")}
    await connection.execute(
        dialect.insert(table).values(values).on_conflict_do_update(index_elements=[key], set_=changes)
    )
