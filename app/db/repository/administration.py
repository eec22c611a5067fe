"""What administration reads: the account's own log, changes that wait, and what a decision must know of people."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from app.db import tables
from app.db.admin_rows import AccountActionRow
from app.db.reader import Reader
from app.db.rows import columns
from app.domain.account_log import AccountEntry, ChainedAccountEntry
from app.domain.model import Role, UserKind

_LOG = columns(AccountActionRow, tables.account_actions)


async def active_admins(connection: Reader, account_id: UUID) -> frozenset[UUID]:
    """Return the ids of the account's people who are active and admins."""
    user, held = tables.users.c, tables.user_roles.c
    statement = (
        select(user.id)
        .join(tables.user_roles, held.user_id == user.id)
        .where(user.account_id == account_id, user.active, user.kind == UserKind.PERSON, held.role == Role.ADMIN)
    )
    return frozenset((await connection.execute(statement)).scalars())


@dataclass(frozen=True, slots=True)
class AccountHead:
    """An account, how many rows its own log has, and the last one's hash."""

    account_id: UUID
    count: int
    hash: str


async def account_heads(connection: Reader, account_id: UUID | None = None) -> list[AccountHead]:
    """Return the heads of all accounts' logs, or of one: for the command line."""
    account = tables.accounts.c
    statement = select(account.id, account.admin_action_count, account.admin_head_hash).order_by(account.id)
    if account_id is not None:
        statement = statement.where(account.id == account_id)
    return [AccountHead(*record) for record in await connection.execute(statement)]


async def account_log_piece(
    connection: Reader, account_id: UUID, after: int, limit: int
) -> Sequence[ChainedAccountEntry]:
    """Return the next *limit* rows of an account's log after a seq, as they are verified."""
    column = tables.account_actions.c
    statement = (
        select(*_LOG).where(column.account_id == account_id, column.seq > after).order_by(column.seq).limit(limit)
    )
    return [chained(account_id, AccountActionRow(*record)) for record in await connection.execute(statement)]


def chained(account_id: UUID, row: AccountActionRow) -> ChainedAccountEntry:
    """Return a row with all that its hash covers."""
    entry = AccountEntry(
        account_id=account_id,
        id=row.id,
        seq=row.seq,
        type=row.type,
        source=row.source,
        user_id=row.user_id,
        token_id=row.token_id,
        roles=tuple(map(Role, row.roles.split())),
        approval=row.approval,
        target_user_id=row.target_user_id,
        target_token_id=row.target_token_id,
        change_id=row.change_id,
        details=row.details,
        created_at=row.created_at,
        request_id=row.request_id,
        prev_hash=row.prev_hash,
    )
    return ChainedAccountEntry(entry, row.hash)
