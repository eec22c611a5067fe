"""The account's own log as tests look at it: its rows in short, and the verifier's verdict."""

import json
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.audit.account_logs import AccountVerdict, verify_account_logs
from app.db import tables
from app.db.engines import Database


async def logged(database: Database, account_id: UUID, after: int = 0) -> list[tuple[str, str, str, dict[str, Any]]]:
    """Return of each row after a seq its type, source, approval and details."""
    row = tables.account_actions.c
    statement = select(row.type, row.source, row.approval, row.details).where(
        row.account_id == account_id, row.seq > after
    )
    async with database.read() as connection:
        found = (await connection.execute(statement.order_by(row.seq))).all()
    return [(row[0].value, row[1].value, row[2].value, json.loads(row[3])) for row in found]


async def log_size(database: Database, account_id: UUID) -> int:
    """Return how many rows the log has."""
    return len(await logged(database, account_id))


async def verdict_on(database: Database, account_id: UUID) -> AccountVerdict:
    """Return what the verifier says of the account's own log."""
    (verdict,) = [verdict async for verdict in verify_account_logs(database, account_id)]
    return verdict
