"""Writes down what the identity provider says of a person: that they are here, and their roles.

An e-mail address belongs to one person of an account. Nobody is activated again, and nothing about cases is touched.
"""

import secrets
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.db import models as tables
from app.db.engine import Database
from app.db.repository.tokens import FoundPerson, provider_token
from app.db.rows import TokenRow
from app.domain.model import Role, Scope

PREFIX = "jwt"


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a token of the provider says; `roles` is None where it has no say in them."""

    account_id: UUID
    email: str
    name: str
    roles: frozenset[Role] | None
    scopes: tuple[Scope, ...]
    issued_at: datetime

    @property
    def scope_words(self) -> str:
        """The scopes as a token's row has them."""
        return " ".join(self.scopes)


async def write_person(database: Database, claimed: Claimed, token_id: UUID, *, create: bool) -> FoundPerson | None:
    """Make the person and their place among the tokens where they are missing, and set the roles; return them."""
    async with database.write() as connection:
        found = await provider_token(connection, claimed.account_id, claimed.email, token_id)
        if found is None and create:
            await _make_person(connection, claimed)
            found = await provider_token(connection, claimed.account_id, claimed.email, token_id)
        if found is None:
            return None
        if found.token is None:
            await _make_token(connection, claimed, found.user.id, token_id)
        else:
            await _set_scopes(connection, claimed, token_id)
        is_newest = found.token is None or found.token.created_at <= claimed.issued_at
        if claimed.roles is not None and is_newest:
            await _set_roles(connection, claimed, found, token_id)
        return await provider_token(connection, claimed.account_id, claimed.email, token_id)


async def _make_person(connection: AsyncConnection, claimed: Claimed) -> None:
    """Make the person; a twin of this request may have done so, and there may be no such account."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    if not await _has_account(connection, claimed.account_id):
        return
    values = {
        "id": clock.new_id(),
        "account_id": claimed.account_id,
        "email": claimed.email,
        "display_name": claimed.name,
        "active": True,
        "language": None,
        "created_at": clock.now(),
    }
    await connection.execute(dialect.insert(tables.users).values(values).on_conflict_do_nothing())


async def _has_account(connection: AsyncConnection, account_id: UUID) -> bool:
    """Tell whether there is the account, by a write that changes nothing: no SELECT is made outside the repository."""
    same = update(tables.accounts).where(tables.accounts.c.id == account_id).values(id=account_id)
    return (await connection.execute(same)).rowcount == 1


async def _make_token(connection: AsyncConnection, claimed: Claimed, user_id: UUID, token_id: UUID) -> None:
    """Make the row that stands for all tokens of the provider for this person; it can be listed and revoked as others.

    Nobody knows a secret with this hash.
    """
    row = TokenRow(
        id=token_id,
        account_id=claimed.account_id,
        user_id=user_id,
        name="identity provider",
        scopes=claimed.scope_words,
        prefix=PREFIX,
        secret_hash=secrets.token_hex(32),
        created_at=claimed.issued_at,
        expires_at=None,
        revoked_at=None,
        last_used_at=None,
    )
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    await connection.execute(dialect.insert(tables.api_tokens).values(asdict(row)).on_conflict_do_nothing())


async def _set_scopes(connection: AsyncConnection, claimed: Claimed, token_id: UUID) -> None:
    table = tables.api_tokens
    await connection.execute(update(table).where(table.c.id == token_id).values(scopes=claimed.scope_words))


async def _set_roles(connection: AsyncConnection, claimed: Claimed, found: FoundPerson, token_id: UUID) -> None:
    """Make the person's roles those of the newest token; when that was issued stands in the token's row."""
    assert claimed.roles is not None
    held, link = frozenset(found.user.roles), tables.user_roles
    if held != claimed.roles:
        await connection.execute(
            delete(link).where(link.c.user_id == found.user.id, link.c.role.in_(held - claimed.roles))
        )
        for role in sorted(claimed.roles - held):
            await connection.execute(insert(link).values(user_id=found.user.id, role=role))
    table = tables.api_tokens
    await connection.execute(update(table).where(table.c.id == token_id).values(created_at=claimed.issued_at))
