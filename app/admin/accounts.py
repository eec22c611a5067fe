"""Administration: accounts, people and their tokens are made, listed and revoked here, for the command line.

Cases are not touched; those change by `app.actions.perform` alone.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.auth.identity import new_secret, secret_hash
from app.db import tables
from app.db.engines import Database
from app.db.errors import violated_constraint
from app.db.repository import people
from app.db.rows import AccountRow, TokenRow, UserRow
from app.domain.addresses import Address, parse_address
from app.domain.errors import Refusal
from app.domain.model import Language, Role, Scope
from app.domain.text import Kind
from app.domain.validation import read_text
from app.i18n import message


class AdminError(Exception):
    """Something that was asked for can't be done; the message says why, for a person to read."""


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token's row and its secret, which is shown this once and stored nowhere."""

    row: TokenRow
    secret: str


async def create_account(
    database: Database,
    name: str,
    *,
    default_language: Language = Language.EN,
    cases: bool = True,
    overrides: bool = True,
    restrict_to_assigned_reviewers: bool = False,
    account_id: UUID | None = None,
    now: clock.Clock = clock.now,
) -> AccountRow:
    """Make an account, with a new id unless one is given. Raises: AdminError for a bad name or a taken id."""
    row = AccountRow(
        id=account_id or clock.new_id(),
        name=_line("name", name, 200),
        default_language=default_language,
        cases_enabled=cases,
        overrides_enabled=overrides,
        restrict_to_assigned_reviewers=restrict_to_assigned_reviewers,
        created_at=now(),
    )
    try:
        async with database.write() as connection:
            await connection.execute(insert(tables.accounts), asdict(row))
    except IntegrityError as error:
        raise AdminError(f"the account {row.id} is there already") from error
    return row


async def create_user(
    database: Database,
    account_id: UUID,
    *,
    email: str,
    name: str,
    roles: Sequence[Role],
    language: Language | None = None,
    now: clock.Clock = clock.now,
) -> UserRow:
    """Make a person in an account. Raises: AdminError for no such account, a bad or taken e-mail address."""
    row = UserRow(
        id=clock.new_id(),
        email=_address(email).written,
        display_name=_line("name", name, 200),
        active=True,
        language=language,
        created_at=now(),
        roles=tuple(sorted(set(roles))),
    )
    values = {**asdict(row), "account_id": account_id}
    del values["roles"]
    try:
        async with database.write() as connection:
            await connection.execute(insert(tables.users), values)
            if row.roles:
                await connection.execute(
                    insert(tables.user_roles), [{"user_id": row.id, "role": role} for role in row.roles]
                )
    except IntegrityError as error:
        if _is_taken(error):
            raise AdminError(f"{row.email} is in this account already") from error
        raise AdminError(f"there is no account {account_id}") from error
    return row


def _is_taken(error: IntegrityError) -> bool:
    """Tell whether it is an address that somebody has; SQLite names the columns, and nothing of a foreign key."""
    named = (violated_constraint(error) or "").replace("users.account_id, users.", "uq_users_account_id_")
    return named in ("uq_users_account_id_email", "uq_users_account_id_email_key")


async def change_email(database: Database, user_id: UUID, email: str) -> str:
    """Give a person another address, and return it. Raises: AdminError for no such person, a bad or taken address."""
    address = _address(email)
    try:
        async with database.write() as connection:
            changed = await connection.execute(
                update(tables.users)
                .where(tables.users.c.id == user_id)
                .values(email=address.written, email_key=address.key)
            )
    except IntegrityError as error:
        raise AdminError(f"{address.written} is in this account already") from error
    if changed.rowcount == 0:
        raise AdminError(f"there is no user {user_id}")
    return address.written


async def create_token(
    database: Database,
    user_id: UUID,
    scopes: Sequence[Scope],
    *,
    name: str = "",
    expires_at: datetime | None = None,
) -> NewToken:
    """Make a token for a person. Raises: AdminError for no such person, no scope, or an expiry in the past."""
    if not scopes:
        raise AdminError("a token needs a scope")
    if expires_at is not None and expires_at <= clock.now():
        raise AdminError("the token would have expired already")
    async with database.write() as connection:
        account_id = await people.account_of(connection, user_id)
        if account_id is None:
            raise AdminError(f"there is no user {user_id}")
        secret = new_secret()
        row = TokenRow(
            id=clock.new_id(),
            account_id=account_id,
            user_id=user_id,
            name=_line("name", name, 200) if name else "",
            scopes=" ".join(scope for scope in Scope if scope in scopes),
            prefix=secret[:10],
            secret_hash=secret_hash(secret),
            created_at=clock.now(),
            expires_at=expires_at,
            revoked_at=None,
            last_used_at=None,
        )
        await connection.execute(insert(tables.api_tokens), asdict(row))
    return NewToken(row, secret)


async def revoke_token(database: Database, token_id: UUID) -> None:
    """Revoke one token, at once and for good. Raises: AdminError for no such token."""
    async with database.write() as connection:
        known = await connection.scalar(select(tables.api_tokens.c.id).where(tables.api_tokens.c.id == token_id))
        if known is None:
            raise AdminError(f"there is no token {token_id}")
        await _revoke_tokens(connection, tables.api_tokens.c.id == token_id)


async def revoke_user(database: Database, user_id: UUID) -> int:
    """Deactivate a person and revoke their tokens; return how many. Raises: AdminError for no such person."""
    async with database.write() as connection:
        changed = await connection.execute(
            update(tables.users).where(tables.users.c.id == user_id).values(active=False)
        )
        if changed.rowcount == 0:
            raise AdminError(f"there is no user {user_id}")
        return await _revoke_tokens(connection, tables.api_tokens.c.user_id == user_id)


async def revoke_account(database: Database, account_id: UUID) -> int:
    """Revoke all tokens of an account; return how many. Raises: AdminError for no such account."""
    async with database.write() as connection:
        known = await connection.scalar(select(tables.accounts.c.id).where(tables.accounts.c.id == account_id))
        if known is None:
            raise AdminError(f"there is no account {account_id}")
        await people.lock_people(connection, account_id)  # each is changed by a trigger, in no order
        return await _revoke_tokens(connection, tables.api_tokens.c.account_id == account_id)


async def _revoke_tokens(connection: AsyncConnection, which: ColumnElement[bool]) -> int:
    table = tables.api_tokens
    changed = await connection.execute(
        update(table).where(which, table.c.revoked_at.is_(None)).values(revoked_at=clock.now())
    )
    return changed.rowcount


def _line(name: str, value: str, maximum: int) -> str:
    """Return *value* as a line. Raises: AdminError, which says what is wrong with it."""
    try:
        return read_text(value, Kind.LINE, maximum=maximum)
    except Refusal as refusal:
        raise AdminError(f"the {name} must be 1 to {maximum} characters: {message(refusal, Language.EN)}") from refusal


def _address(value: str) -> Address:
    address = parse_address(value)
    if address is None:
        raise AdminError(f"{value} is not an e-mail address")
    return address
