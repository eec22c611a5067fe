"""Identities: whom a subject of an identity provider stands for, and whom an address may link it to."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import or_, select

from app.db import tables
from app.db.reader import Reader
from app.db.repository.tokens import FoundToken, folded, token_columns
from app.db.row_makers import columns
from app.db.rows import IdentityRow

_COLUMN = tables.user_identities.c
_IDENTITY = columns(IdentityRow, tables.user_identities)


class FoundIdentity(NamedTuple):
    """A subject's token with its user and account. `is_linked`: it stands for that person still."""

    found: FoundToken
    is_linked: bool


async def identity_of(connection: Reader, account_id: UUID, issuer: str, subject: str) -> FoundIdentity | None:
    """Return whom the subject stands for, by one statement."""
    statement = (
        select(_COLUMN.unlinked_at, *token_columns(), tables.user_roles.c.role)
        .select_from(tables.user_identities)
        .join(tables.api_tokens, tables.api_tokens.c.id == _COLUMN.token_id)
        .join(tables.users, tables.users.c.id == _COLUMN.user_id)
        .join(tables.accounts, tables.accounts.c.id == _COLUMN.account_id)
        .outerjoin(tables.user_roles, tables.user_roles.c.user_id == tables.users.c.id)
        .where(_COLUMN.account_id == account_id, _COLUMN.issuer == issuer, _COLUMN.subject == subject)
    )
    records = [tuple(record) for record in await connection.execute(statement)]
    found = folded([record[1:] for record in records])
    return None if found is None else FoundIdentity(found, records[0][0] is None)


class AddressHolder(NamedTuple):
    """A person who has an address, or another spelling of it from before there were keys."""

    id: UUID
    email: str
    active: bool


async def lock_holders(connection: Reader, account_id: UUID, key: str) -> list[AddressHolder]:
    """Return who has the address with this key, locked: one person, or several from before there were keys."""
    user = tables.users.c
    statement = (
        select(user.id, user.email, user.active)
        .where(user.account_id == account_id)
        .where(or_(user.email_key == key, user.email_key.startswith(f"{key} ", autoescape=True)))
        .order_by(user.id)
        .with_for_update()
    )
    return [AddressHolder(*record) for record in await connection.execute(statement)]


async def was_linked(connection: Reader, user_id: UUID, issuer: str) -> bool:
    """Tell whether any subject of *issuer* stands for the person, or did."""
    statement = select(_COLUMN.user_id).where(_COLUMN.user_id == user_id, _COLUMN.issuer == issuer).limit(1)
    return (await connection.execute(statement)).first() is not None


async def has_account(connection: Reader, account_id: UUID) -> bool:
    statement = select(tables.accounts.c.id).where(tables.accounts.c.id == account_id)
    return (await connection.execute(statement)).first() is not None


async def identities_of_user(connection: Reader, user_id: UUID) -> list[IdentityRow]:
    """Return the subjects that stand for the person, and those that did, the oldest first."""
    ordered = (_COLUMN.created_at, _COLUMN.issuer, _COLUMN.subject)
    statement = select(*_IDENTITY).where(_COLUMN.user_id == user_id).order_by(*ordered)
    return [IdentityRow(*record) for record in await connection.execute(statement)]


async def identity_of_subject(connection: Reader, account_id: UUID, issuer: str, subject: str) -> IdentityRow | None:
    """Return the subject's row, locked, whether it is linked to a person or not."""
    key = (_COLUMN.account_id == account_id, _COLUMN.issuer == issuer, _COLUMN.subject == subject)
    record = (await connection.execute(select(*_IDENTITY).where(*key).with_for_update())).first()
    return None if record is None else IdentityRow(*record)
