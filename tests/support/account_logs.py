"""The account's own log as tests look at it and change it by hand: its rows in short, and the verifier's verdict."""

import json
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update

from app.audit.account_logs import AccountVerdict, verify_account_logs
from app.audit.anchors.checking import Findings
from app.db import tables
from app.db.engines import Database
from app.db.repository.administration import account_log_piece
from app.domain.account_log import account_hash
from app.domain.action_log import GENESIS
from tests.support.tampering import tamper


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


async def verdict_on(database: Database, account_id: UUID, findings: Findings | None = None) -> AccountVerdict:
    """Return what the verifier says of the account's own log, alone or held against the anchors."""
    (verdict,) = [verdict async for verdict in verify_account_logs(database, account_id, findings)]
    return verdict


async def rewrite_account_log(database: Database, account_id: UUID, *changes: Any) -> None:
    """Change an account's own log, and make its whole chain anew, so that it is consistent with what it says now."""
    await tamper(database, *changes)
    async with database.read() as connection:
        links = await account_log_piece(connection, account_id, 0, 10_000)
    rows, account, prev_hash = tables.account_actions, tables.accounts, GENESIS
    made: list[Any] = []
    for seq, link in enumerate(links, 1):
        entry = replace(link.entry, seq=seq, prev_hash=prev_hash)
        hashed = account_hash(entry)
        made.append(update(rows).where(rows.c.id == entry.id).values(seq=seq, prev_hash=prev_hash, hash=hashed))
        prev_hash = hashed
    head = {"admin_action_count": len(links), "admin_head_hash": prev_hash}
    await tamper(database, *made, update(account).where(account.c.id == account_id).values(head))


async def cut_account_log(database: Database, account_id: UUID, left: int) -> None:
    """Cut an account's own log off after so many rows, and leave no trace of it in the account's row."""
    row = tables.account_actions.c
    await rewrite_account_log(
        database, account_id, delete(tables.account_actions).where(row.account_id == account_id, row.seq > left)
    )
