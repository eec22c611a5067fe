"""What is stored of accounts, people and tokens, as it is held against the account's own log: for the command line."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from app.db import tables
from app.db.id_sets import among
from app.db.reader import Reader
from app.db.row_makers import columns
from app.domain.account_state import StoredToken, StoredUser
from app.domain.admin_commands import NOTHING
from app.domain.delegations import Delegation
from app.domain.model import Role

IDENTITY_PREFIX = "jwt"
"""How the row of an identity provider's tokens begins; see `app.auth.provisioning`."""


async def stored_settings(connection: Reader, account_id: UUID) -> dict[str, object]:
    """Return the columns of an account's row by their names, as its log has their values."""
    statement = select(tables.accounts).where(tables.accounts.c.id == account_id)
    settings = dict((await connection.execute(statement)).mappings().one())
    return settings | {name: settings[name] or nothing for name, nothing in NOTHING.items()}


async def users_piece(connection: Reader, account_id: UUID, after: UUID | None, limit: int) -> Sequence[StoredUser]:
    """Return the next *limit* people and service accounts of an account, by their ids, with their roles."""
    user, held = tables.users.c, tables.user_roles.c
    address = (user.email, user.email_key, user.email_salt)
    columns = (user.id, user.kind, user.active, *address, user.created_at, user.reviewer_since)
    statement = select(*columns).where(user.account_id == account_id)
    if after is not None:
        statement = statement.where(user.id > after)
    found = (await connection.execute(statement.order_by(user.id).limit(limit))).mappings().all()
    roles: dict[UUID, set[Role]] = {record["id"]: set() for record in found}
    if found:
        given = select(held.user_id, held.role).where(among(held.user_id, list(roles)))
        for user_id, role in await connection.execute(given):
            roles[user_id].add(role)
    return [StoredUser(**record, roles=frozenset(roles[record["id"]])) for record in found]


async def tokens_piece(connection: Reader, account_id: UUID, after: UUID | None, limit: int) -> Sequence[StoredToken]:
    """Return the next *limit* tokens of an account, by their ids."""
    token = tables.api_tokens.c
    columns = (token.id, token.user_id, token.scopes, token.secret_hash, token.prefix == IDENTITY_PREFIX)
    ends = (token.expires_at, token.revoked_at.is_not(None))
    statement = select(*columns, *ends, token.created_at).where(token.account_id == account_id)
    if after is not None:
        statement = statement.where(token.id > after)
    return [StoredToken(*record) for record in await connection.execute(statement.order_by(token.id).limit(limit))]


async def delegations_piece(
    connection: Reader, account_id: UUID, after: UUID | None, limit: int
) -> Sequence[Delegation]:
    """Return the next *limit* delegations of an account, by their ids."""
    table = tables.review_delegations
    statement = select(*columns(Delegation, table)).where(table.c.account_id == account_id)
    if after is not None:
        statement = statement.where(table.c.id > after)
    return [Delegation(*record) for record in await connection.execute(statement.order_by(table.c.id).limit(limit))]
