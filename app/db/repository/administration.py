"""What administration reads: the account's own log, changes that wait, and what a decision must know of people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Table, select

from app.db import tables
from app.db.admin_rows import AccountActionRow, ChangeRow
from app.db.id_sets import among, of_account
from app.db.reader import Reader
from app.db.repository.window import OrderKey, Window, count, in_list_order, windowed
from app.db.row_makers import columns
from app.db.rows import TokenRow
from app.domain.account_log import AccountEntry, AdminActionType, Approval, ChainedAccountEntry, ChangeStatus
from app.domain.evaluation import evaluated_subject
from app.domain.model import Role, UserKind

R = TypeVar("R")

_LOG = columns(AccountActionRow, tables.account_actions)
_CHANGE = columns(ChangeRow, tables.account_changes)
_TOKEN = columns(TokenRow, tables.api_tokens)


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
    """Return a row with all that its hash covers.

    Raises: ValueError, where it is found by another subject than its details name.
    """
    if row.subject_id != evaluated_subject(row.type, row.details):
        raise ValueError("a row of the account's own log is of another subject than it says")
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


# --- One row, and pages ----------------------------------------------------------------------------------------------


async def account_action(connection: Reader, account_id: UUID, id: UUID) -> AccountActionRow:
    """Return a row of the account's own log that is there."""
    column = tables.account_actions.c
    statement = select(*_LOG).where(column.account_id == account_id, column.id == id)
    return AccountActionRow(*(await connection.execute(statement)).one())


async def account_actions_by_id(
    connection: Reader, account_id: UUID, ids: Sequence[UUID]
) -> list[AccountActionRow | None]:
    """Return for each id the row of the account's own log, or None."""
    return await _rows_by_id(connection, tables.account_actions, AccountActionRow, account_id, ids)


async def account_changes_by_id(connection: Reader, account_id: UUID, ids: Sequence[UUID]) -> list[ChangeRow | None]:
    """Return for each id the account's change, or None."""
    return await _rows_by_id(connection, tables.account_changes, ChangeRow, account_id, ids)


async def tokens_by_id(connection: Reader, account_id: UUID, ids: Sequence[UUID]) -> list[TokenRow | None]:
    """Return for each id the account's token, or None."""
    return await _rows_by_id(connection, tables.api_tokens, TokenRow, account_id, ids)


async def _rows_by_id(
    connection: Reader, table: Table, row: type[R], account_id: UUID, ids: Sequence[UUID]
) -> list[R | None]:
    statement = select(*columns(row, table)).where(of_account(table.c.account_id, account_id), among(table.c.id, ids))
    found = {record.id: row(*record) for record in await connection.execute(statement)}
    return [found.get(id) for id in ids]


async def change_row(connection: Reader, account_id: UUID, id: UUID) -> ChangeRow | None:
    """Return a change of the account, whatever became of it."""
    column = tables.account_changes.c
    statement = select(*_CHANGE).where(column.account_id == account_id, column.id == id)
    record = (await connection.execute(statement)).first()
    return None if record is None else ChangeRow(*record)


_MAKES_TOKEN = (AdminActionType.CREATE_TOKEN, AdminActionType.APPROVE_CHANGE)
"""The rows that say who was shown a new token's secret: one that had to wait is shown to who approved it."""


async def token_maker(connection: Reader, account_id: UUID, owner_id: UUID, token_id: UUID) -> UUID | None:
    """Return who made a token, None where the command line did."""
    row = tables.account_actions.c
    statement = select(row.user_id).where(
        row.account_id == account_id,
        row.target_user_id == owner_id,
        row.target_token_id == token_id,
        row.type.in_(_MAKES_TOKEN),
    )
    maker: UUID | None = await connection.scalar(statement)
    return maker


async def maker_behind_change(connection: Reader, account_id: UUID, change: ChangeRow) -> UUID | None:
    """Return who made the token that a service account asked for *change* by; None where a person asked for it."""
    request, made = tables.account_actions, tables.account_actions.alias("made")
    requester = tables.users.c
    statement = (
        select(made.c.user_id)
        .join(
            request,
            (request.c.user_id == made.c.target_user_id) & (request.c.token_id == made.c.target_token_id),
        )
        .join(tables.users, requester.id == request.c.user_id)
        .where(
            request.c.account_id == account_id,
            request.c.change_id == change.id,
            request.c.approval == Approval.PENDING,
            request.c.target_user_id == change.target_user_id,
            requester.kind == UserKind.SERVICE,
            made.c.account_id == account_id,
            made.c.type.in_(_MAKES_TOKEN),
        )
    )
    maker: UUID | None = await connection.scalar(statement)
    return maker


async def makers_behind_changes(
    connection: Reader, account_id: UUID, requester_id: UUID, changes: Mapping[UUID, UUID]
) -> dict[UUID, UUID | None]:
    """Return who made the token that a service account asked by for each change that waits.

    *changes*: whom each is about, by its id. None stands for the command line.
    """
    request, made = tables.account_actions, tables.account_actions.alias("made")
    statement = (
        select(request.c.change_id, made.c.user_id)
        .join(
            made,
            (request.c.user_id == made.c.target_user_id) & (request.c.token_id == made.c.target_token_id),
        )
        .where(
            request.c.account_id == account_id,
            request.c.user_id == requester_id,
            request.c.approval == Approval.PENDING,
            among(request.c.target_user_id, list(changes.values())),
            among(request.c.change_id, list(changes)),
            made.c.account_id == account_id,
            made.c.type.in_(_MAKES_TOKEN),
        )
    )
    return {record.change_id: record.user_id for record in await connection.execute(statement)}


async def pending_changes_of(
    connection: Reader, account_id: UUID, requester_id: UUID, user_ids: Sequence[UUID] | None
) -> list[ChangeRow]:
    """Return the changes to these people, or to all, that wait, of those that one service account has asked for."""
    column = tables.account_changes.c
    statement = select(*_CHANGE).where(
        column.account_id == account_id,
        column.status == ChangeStatus.PENDING,
        column.requested_by_id == requester_id,
    )
    if user_ids is not None:
        statement = statement.where(among(column.target_user_id, user_ids))
    return [ChangeRow(*record) for record in await connection.execute(statement)]


async def token_row(connection: Reader, account_id: UUID, id: UUID) -> TokenRow | None:
    """Return a token of the account."""
    column = tables.api_tokens.c
    statement = select(*_TOKEN).where(column.account_id == account_id, column.id == id)
    record = (await connection.execute(statement)).first()
    return None if record is None else TokenRow(*record)


def _of_log(account_id: UUID) -> list[ColumnElement[bool]]:
    return [tables.account_actions.c.account_id == account_id]


async def admin_log_page(connection: Reader, account_id: UUID, window: Window) -> list[AccountActionRow]:
    """Return a part of the account's own log, the newest first."""
    statement = windowed(
        select(*_LOG).where(*_of_log(account_id)), [OrderKey(tables.account_actions.c.seq, descending=True)], window
    )
    found = [AccountActionRow(*record) for record in await connection.execute(statement)]
    return in_list_order(found, window)


async def admin_log_count(connection: Reader, account_id: UUID) -> int:
    return await count(connection, tables.account_actions, _of_log(account_id))


def _waiting(account_id: UUID) -> list[ColumnElement[bool]]:
    column = tables.account_changes.c
    return [column.account_id == account_id, column.status == ChangeStatus.PENDING]


async def pending_changes_page(connection: Reader, account_id: UUID, window: Window) -> list[ChangeRow]:
    """Return a part of the changes that wait, the newest first."""
    column = tables.account_changes.c
    keys = (OrderKey(column.created_at, descending=True), OrderKey(column.id, descending=True))
    statement = windowed(select(*_CHANGE).where(*_waiting(account_id)), keys, window)
    return in_list_order([ChangeRow(*record) for record in await connection.execute(statement)], window)


async def pending_changes_count(connection: Reader, account_id: UUID) -> int:
    return await count(connection, tables.account_changes, _waiting(account_id))


def _tokens(account_id: UUID, user_id: UUID | None) -> list[ColumnElement[bool]]:
    column = tables.api_tokens.c
    owner = [] if user_id is None else [column.user_id == user_id]
    return [column.account_id == account_id, *owner]


async def tokens_page(connection: Reader, account_id: UUID, user_id: UUID | None, window: Window) -> list[TokenRow]:
    """Return a part of the account's tokens, or of one user's, the newest first."""
    column = tables.api_tokens.c
    keys = (OrderKey(column.created_at, descending=True), OrderKey(column.id, descending=True))
    statement = windowed(select(*_TOKEN).where(*_tokens(account_id, user_id)), keys, window)
    return in_list_order([TokenRow(*record) for record in await connection.execute(statement)], window)


async def tokens_count(connection: Reader, account_id: UUID, user_id: UUID | None) -> int:
    return await count(connection, tables.api_tokens, _tokens(account_id, user_id))
