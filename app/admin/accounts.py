"""Administration from the command line, the break-glass way: no second admin is asked, and the account's log says so.

Cases are not touched; those change by `app.actions.perform` alone.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.admin.new_tokens import NewToken, new_token, token_details
from app.db import tables
from app.db.account_log import NewAccountAction, append, lock_account, with_stale
from app.db.engines import Database
from app.db.errors import violated_constraint
from app.db.repository import people
from app.db.rows import AccountRow, UserRow
from app.db.user_writes import OF_STANDING, committed_address, insert_user, mark_stale, revoke_tokens
from app.domain.account_log import GUARDED_ROLES, AdminActionType, Approval, Details, Source
from app.domain.addresses import Address, parse_address
from app.domain.errors import Refusal
from app.domain.model import SERVICE_SCOPES, Language, Role, Scope, UserKind
from app.domain.text import Kind
from app.domain.validation import read_text
from app.i18n import message


class AdminError(Exception):
    """Something that was asked for can't be done; the message says why, for a person to read."""


async def create_account(
    database: Database,
    name: str,
    *,
    default_language: Language = Language.EN,
    cases: bool = True,
    overrides: bool = True,
    restrict_to_assigned_reviewers: bool = False,
    checklist: str | None = None,
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
        checklist=checklist,
    )
    details = {"policies": _policies(row)} | ({} if checklist is None else {"checklist": [checklist]})
    try:
        async with database.write() as connection:
            await connection.execute(insert(tables.accounts), asdict(row))
            await _log(connection, row.id, row.created_at, AdminActionType.CREATE_ACCOUNT, details)
    except IntegrityError as error:
        raise AdminError(f"the account {row.id} is there already") from error
    return row


def _policies(account: AccountRow) -> list[str]:
    names = ("cases_enabled", "overrides_enabled", "restrict_to_assigned_reviewers", "require_reviewed_version")
    return [name for name in names if getattr(account, name)]


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
    try:
        async with database.write() as connection:
            await lock_account(connection, account_id)
            details = await insert_user(connection, account_id, row)
            granted = frozenset(row.roles)
            await _log(
                connection,
                account_id,
                row.created_at,
                AdminActionType.INVITE_USER,
                {"roles": row.roles, **details},
                target_user_id=row.id,
                approval=Approval.BYPASSED if granted & GUARDED_ROLES else Approval.NOT_NEEDED,
            )
    except IntegrityError as error:
        if is_taken(error):
            raise AdminError(f"{row.email} is in this account already") from error
        raise AdminError(f"there is no account {account_id}") from error
    return row


def is_taken(error: IntegrityError) -> bool:
    """Tell whether it is an address that somebody has; SQLite names the columns, and nothing of a foreign key."""
    named = (violated_constraint(error) or "").replace("users.account_id, users.", "uq_users_account_id_")
    return named in ("uq_users_account_id_email", "uq_users_account_id_email_key")


async def change_email(database: Database, user_id: UUID, email: str) -> str:
    """Give a person another address, and return it. Raises: AdminError for no such person, a bad or taken address."""
    address, now = _address(email), clock.now()
    stored, details = committed_address(address.written)
    try:
        async with database.write() as connection:
            account_id = await _locked_account_of(connection, user_id)
            await connection.execute(
                update(tables.users).where(tables.users.c.id == user_id).values(**stored, email_key=address.key)
            )
            stale = await mark_stale(connection, account_id, now, {AdminActionType.UPDATE_USER}, user_id)
            await _log(
                connection,
                account_id,
                now,
                AdminActionType.UPDATE_USER,
                {"fields": ["email"], **details} | with_stale(stale),
                target_user_id=user_id,
                approval=Approval.BYPASSED,
            )
    except IntegrityError as error:
        raise AdminError(f"{address.written} is in this account already") from error
    return address.written


async def create_token(
    database: Database,
    user_id: UUID,
    scopes: Sequence[Scope],
    *,
    name: str = "",
    expires_at: datetime | None = None,
) -> NewToken:
    """Make a token for a person or a service account.

    Raises: AdminError for nobody of this id, no scope, one that a person can't have, or an expiry in the past.
    """
    if not scopes:
        raise AdminError("a token needs a scope")
    if expires_at is not None and expires_at <= clock.now():
        raise AdminError("the token would have expired already")
    async with database.write() as connection:
        account_id = await _locked_account_of(connection, user_id)
        if SERVICE_SCOPES & {*scopes} and await people.kind_of(connection, user_id) is not UserKind.SERVICE:
            refused = " and ".join(sorted(SERVICE_SCOPES & {*scopes}))
            raise AdminError(f"{refused} is for service accounts alone, and this is a person")
        made = new_token(account_id, user_id, scopes, _line("name", name, 200) if name else "", expires_at, clock.now())
        await connection.execute(insert(tables.api_tokens), asdict(made.row))
        await _log(
            connection,
            account_id,
            made.row.created_at,
            AdminActionType.CREATE_TOKEN,
            token_details(made.row),
            target_user_id=user_id,
            target_token_id=made.row.id,
            approval=Approval.BYPASSED,
        )
    return made


async def revoke_token(database: Database, token_id: UUID) -> None:
    """Revoke one token, at once and for good. Raises: AdminError for no such token."""
    now, token = clock.now(), tables.api_tokens.c
    async with database.write() as connection:
        statement = select(token.account_id, token.user_id).where(token.id == token_id)
        known = (await connection.execute(statement)).first()
        if known is None:
            raise AdminError(f"there is no token {token_id}")
        account_id, user_id = known
        await lock_account(connection, account_id)
        if await revoke_tokens(connection, token.id == token_id, now):
            await _log(
                connection,
                account_id,
                now,
                AdminActionType.REVOKE_TOKEN,
                {},
                target_user_id=user_id,
                target_token_id=token_id,
            )


async def revoke_user(database: Database, user_id: UUID) -> int:
    """Deactivate a person and revoke their tokens; return how many. Raises: AdminError for no such person."""
    now, user = clock.now(), tables.users.c
    async with database.write() as connection:
        account_id = await _locked_account_of(connection, user_id)
        changed = await connection.execute(
            update(tables.users).where(user.id == user_id, user.active).values(active=False)
        )
        revoked = await revoke_tokens(connection, tables.api_tokens.c.user_id == user_id, now)
        if changed.rowcount or revoked:
            stale = await mark_stale(connection, account_id, now, OF_STANDING, user_id, requester=user_id)
            await _log(
                connection,
                account_id,
                now,
                AdminActionType.DEACTIVATE_USER,
                {"tokensRevoked": [str(revoked)]} | with_stale(stale),
                target_user_id=user_id,
                approval=Approval.BYPASSED,
            )
    return revoked


async def revoke_account(database: Database, account_id: UUID) -> int:
    """Revoke all tokens of an account; return how many. Raises: AdminError for no such account."""
    now = clock.now()
    async with database.write() as connection:
        if not await lock_account(connection, account_id):
            raise AdminError(f"there is no account {account_id}")
        await people.lock_people(connection, account_id)  # each is changed by a trigger, in no order
        revoked = await revoke_tokens(connection, tables.api_tokens.c.account_id == account_id, now)
        details = {"tokensRevoked": [str(revoked)]}
        await _log(connection, account_id, now, AdminActionType.REVOKE_ALL_TOKENS, details)
    return revoked


async def _locked_account_of(connection: AsyncConnection, user_id: UUID) -> UUID:
    """Lock the account that a person is in, and return its id. Raises: AdminError for no such person."""
    account_id = await people.account_of(connection, user_id)
    if account_id is None:
        raise AdminError(f"there is no user {user_id}")
    await lock_account(connection, account_id)
    return account_id


async def _log(
    connection: AsyncConnection,
    account_id: UUID,
    now: datetime,
    type: AdminActionType,
    details: Details,
    *,
    approval: Approval = Approval.NOT_NEEDED,
    target_user_id: UUID | None = None,
    target_token_id: UUID | None = None,
) -> None:
    new = NewAccountAction(type, Source.CLI, details, approval, None, target_user_id, target_token_id)
    await append(connection, account_id, new, now)


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
