"""Idempotency keys of administration: the same keys as those of actions, so that none stands for both."""

import hashlib
import json
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.domain.admin_commands import AdminCommand, plain
from app.domain.errors import IdempotencyKeyReused
from app.domain.facts import Actor


def admin_fingerprint(command: AdminCommand) -> str:
    """Return the SHA-256 of what *command* asks for."""
    content = plain(command) | {"type": command.type.value, "log": "account"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


async def claim_admin_key(
    connection: AsyncConnection,
    actor: Actor,
    command: AdminCommand,
    action_id: UUID,
    now: datetime,
    lifetime: timedelta,
) -> UUID | None:
    """Record the command's key for *action_id*; return the id of the row that it stands for already, if any.

    Raises: IdempotencyKeyReused, also where it stands for an action on a case.
    """
    if command.idempotency_key is None:
        return None
    record = tables.idempotency_records
    mine = (record.c.token_id == actor.token_id, record.c.key == command.idempotency_key)
    await connection.execute(delete(record).where(*mine, record.c.created_at < now - lifetime))
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    fingerprint = admin_fingerprint(command)
    claimed = await connection.scalar(
        dialect.insert(record)
        .values(
            token_id=actor.token_id,
            key=command.idempotency_key,
            fingerprint=fingerprint,
            account_action_id=action_id,
            created_at=now,
        )
        .on_conflict_do_nothing()
        .returning(record.c.account_action_id)
    )
    if claimed is not None:
        return None
    found = (await connection.execute(select(record.c.fingerprint, record.c.account_action_id).where(*mine))).one()
    if found.fingerprint != fingerprint:
        raise IdempotencyKeyReused("input", "idempotencyKey")
    earlier: UUID = found.account_action_id
    return earlier
