"""What is written of people, in the same way for the command line, the API and the identity provider.

It decides nothing, and writes no log: whoever calls it does, in the same transaction.
"""

import secrets
from collections.abc import Collection
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.db import tables
from app.db.rows import UserRow
from app.domain.account_log import ADDRESS_COMMITMENT, AdminActionType, ChangeStatus
from app.domain.commitments import commitment
from app.domain.model import Role, UserKind

SYSTEM_NAME = "Casegate"

OF_STANDING = frozenset(
    {AdminActionType.CHANGE_ROLES, AdminActionType.DEACTIVATE_USER, AdminActionType.REACTIVATE_USER}
)
"""The changes that rest on a person's roles and on whether they are active."""


def committed_address(email: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Return what is stored of an address, and what the row of the log says that gives it: a salted commitment."""
    salt = secrets.token_hex(32)
    return {"email": email, "email_salt": salt}, {ADDRESS_COMMITMENT: [commitment(salt, email.encode())]}


async def insert_user(connection: AsyncConnection, account_id: UUID, row: UserRow) -> dict[str, list[str]]:
    """Insert a person with their roles, which they have from the row's `created_at` on.

    Return what the row of the log says of the address.
    """
    address, details = committed_address(row.email)
    values = {**asdict(row), "account_id": account_id, **address}
    values["reviewer_since"] = row.created_at if Role.REVIEWER in row.roles else None
    del values["roles"]
    await connection.execute(insert(tables.users), values)
    await _give(connection, row.id, row.roles)
    return details


async def system_identity(connection: AsyncConnection, account_id: UUID, now: datetime) -> UUID:
    """Return the id of the account's system identity, which is made where there is none; the account must be locked."""
    user = tables.users.c
    statement = select(user.id).where(user.account_id == account_id, user.kind == UserKind.SYSTEM)
    known: UUID | None = await connection.scalar(statement)
    if known is not None:
        return known
    id = clock.new_id()
    row = UserRow(
        id=id,
        email=f"{id}@system.invalid",  # of no mailbox (RFC 2606, section 2)
        display_name=SYSTEM_NAME,
        active=False,
        language=None,
        created_at=now,
        kind=UserKind.SYSTEM,
    )
    await insert_user(connection, account_id, row)
    return id


async def set_roles(
    connection: AsyncConnection, user_id: UUID, held: frozenset[Role], roles: frozenset[Role], now: datetime
) -> None:
    """Make the roles that a person *held* these *roles*."""
    table = tables.user_roles.c
    gone = held - roles
    if gone:
        await connection.execute(delete(tables.user_roles).where(table.user_id == user_id, table.role.in_(gone)))
    if Role.REVIEWER in roles - held:
        await connection.execute(update(tables.users).where(tables.users.c.id == user_id).values(reviewer_since=now))
    await _give(connection, user_id, sorted(roles - held))


async def _give(connection: AsyncConnection, user_id: UUID, roles: Collection[Role]) -> None:
    if roles:
        await connection.execute(insert(tables.user_roles), [{"user_id": user_id, "role": role} for role in roles])


async def revoke_tokens(connection: AsyncConnection, which: ColumnElement[bool], now: datetime) -> int:
    """Revoke those of these tokens that are not revoked yet; return how many."""
    table = tables.api_tokens
    changed = await connection.execute(update(table).where(which, table.c.revoked_at.is_(None)).values(revoked_at=now))
    return changed.rowcount


async def mark_stale(
    connection: AsyncConnection,
    account_id: UUID,
    now: datetime,
    types: Collection[AdminActionType],
    about: UUID | None,
    requester: UUID | None = None,
) -> list[str]:
    """End the changes that wait and rest on what has just changed; return their ids.

    *types* of change to the person *about*, or to the account where that is None; and all that *requester* asked for,
    who is no admin any more.
    """
    change = tables.account_changes.c
    is_about = change.type.in_(types) & (
        change.target_user_id.is_(None) if about is None else change.target_user_id == about
    )
    which = is_about if requester is None else or_(is_about, change.requested_by_id == requester)
    stale = {"status": ChangeStatus.STALE, "pending_key": None, "payload": None, "decided_at": now}
    changed = await connection.execute(
        update(tables.account_changes)
        .where(change.account_id == account_id, change.status == ChangeStatus.PENDING, which)
        .values(stale)
        .returning(change.id)
    )
    return sorted(str(id) for id in changed.scalars())
