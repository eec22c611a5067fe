"""Writing the account's own log: the account's row is locked, and the next row of its chain inserted.

Whoever changes what the log is about locks the account first, so that nobody waits in a circle, and calls `append` in
the same transaction.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.db import tables
from app.db.admin_rows import AccountActionRow
from app.domain.account_log import (
    AccountEntry,
    AdminActionType,
    Approval,
    Details,
    Source,
    account_hash,
    details_text,
)
from app.domain.facts import Actor
from app.domain.model import Role

NO_REQUEST = "-"
"""The request id of what no request asked for."""


@dataclass(frozen=True, slots=True)
class NewAccountAction:
    """What is to be written to an account's log; *actor* is None where nobody of the account did it."""

    type: AdminActionType
    source: Source
    details: Details
    approval: Approval = Approval.NOT_NEEDED
    actor: Actor | None = None
    target_user_id: UUID | None = None
    target_token_id: UUID | None = None
    change_id: UUID | None = None
    request_id: str = NO_REQUEST
    subject_id: UUID | None = None


async def lock_account(connection: AsyncConnection, account_id: UUID) -> bool:
    """Keep others from administering the account until the transaction ends; return False where there is none."""
    account = tables.accounts.c
    statement = select(account.id).where(account.id == account_id).with_for_update(key_share=True)
    return await connection.scalar(statement) is not None


async def append(
    connection: AsyncConnection, account_id: UUID, new: NewAccountAction, now: datetime, id: UUID | None = None
) -> AccountActionRow:
    """Write the next row of the account's log, which is locked by `lock_account`, and return it."""
    account = tables.accounts
    head = select(account.c.admin_action_count, account.c.admin_head_hash).where(account.c.id == account_id)
    count, prev_hash = (await connection.execute(head)).one()
    actor = new.actor
    entry = AccountEntry(
        account_id=account_id,
        id=id or clock.new_id(),
        seq=count + 1,
        type=new.type,
        source=new.source,
        user_id=None if actor is None else actor.user_id,
        token_id=None if actor is None else actor.token_id,
        roles=() if actor is None else tuple(role for role in Role if role in actor.roles),
        approval=new.approval,
        target_user_id=new.target_user_id,
        target_token_id=new.target_token_id,
        change_id=new.change_id,
        details=details_text(new.details),
        created_at=now,
        request_id=new.request_id,
        prev_hash=prev_hash,
    )
    values = {**asdict(entry), "roles": " ".join(entry.roles), "hash": account_hash(entry)}
    values["subject_id"] = new.subject_id
    await connection.execute(insert(tables.account_actions), values)
    moved = {"admin_action_count": entry.seq, "admin_head_hash": values["hash"]}
    await connection.execute(update(account).where(account.c.id == account_id).values(moved))
    del values["account_id"]
    return AccountActionRow(**values)


def with_stale(ids: Sequence[str]) -> dict[str, Sequence[str]]:
    """Return what a row says of the changes that its own ended."""
    return {"staleChanges": ids} if ids else {}
