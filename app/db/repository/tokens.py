"""API tokens: one with its user and account for authentication, and an account's as a list."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, select

from app.db import tables
from app.db.expressions import AnyColumn
from app.db.prepared import Prepared
from app.db.reader import Reader
from app.db.repository.placed import one_each, rows_by_id
from app.db.row_makers import columns, every, maker, partial
from app.db.rows import AccountRow, TokenNameRow, TokenRow, UserRow
from app.domain.model import Role

_USED = ("id", "scopes", "secret_hash", "created_at", "expires_at", "revoked_at")
"""What authentication looks at of a token: to read all of it takes each request some thousand instructions more."""

_TOKEN = [tables.api_tokens.c[name] for name in _USED]
_USER = columns(UserRow, tables.users)
_ACCOUNT = columns(AccountRow, tables.accounts)

_TOKEN_NAME = every(TokenNameRow)

_token, _user, _account = maker(TokenRow, _USED), maker(UserRow), maker(AccountRow)


class FoundToken(NamedTuple):
    """A token, as far as authentication looks at it, with its user and account.

    `authority` counts the changes of what the user may do.
    """

    token: TokenRow
    user: UserRow
    account: AccountRow
    authority: int


def token_columns() -> list[AnyColumn]:
    """Return the columns of a token with its user and account, which `folded` makes rows of."""
    return [*_TOKEN, *_USER, *_ACCOUNT, tables.users.c.authority_version]


def _joined(condition: ColumnElement[bool]) -> Prepared:
    """Return the statement for a token with its user and account: a row for each of the user's roles."""
    return Prepared(
        select(*token_columns(), tables.user_roles.c.role)
        .select_from(tables.api_tokens)
        .join(tables.users, tables.users.c.id == tables.api_tokens.c.user_id)
        .join(tables.accounts, tables.accounts.c.id == tables.api_tokens.c.account_id)
        .outerjoin(tables.user_roles, tables.user_roles.c.user_id == tables.users.c.id)
        .where(condition)
    )


_BY_HASH = _joined(tables.api_tokens.c.secret_hash == bindparam("secret_hash"))
_BY_ID = _joined(tables.api_tokens.c.id == bindparam("token_id"))


async def token_by_hash(connection: Reader, secret_hash: str) -> FoundToken | None:
    """Return the token with its user and its account, whatever account that is, by one statement."""
    return folded(await _BY_HASH.records(connection, secret_hash=secret_hash))


async def lock_token(connection: Reader, token_id: UUID) -> None:
    """Keep others from changing the token until the transaction ends; on SQLite no other one writes meanwhile."""
    column = tables.api_tokens.c
    await connection.execute(select(column.id).where(column.id == token_id).with_for_update())


async def token_by_id(connection: Reader, token_id: UUID) -> FoundToken | None:
    """Do as `token_by_hash`, by the token's id."""
    return folded(await _BY_ID.records(connection, token_id=token_id))


def folded(records: Sequence[tuple[Any, ...]]) -> FoundToken | None:
    """Return what records of `token_columns`, one for each of the user's roles, are of: the role comes last."""
    if not records:
        return None
    record, first, second = records[0], len(_TOKEN), len(_TOKEN) + len(_USER)
    roles: list[Role] = sorted(line[-1] for line in records if line[-1] is not None)
    user = _user(*record[first:second], tuple(roles))
    return FoundToken(_token(*record[:first]), user, _account(*record[second:-2]), record[-2])


async def token_names(connection: Reader, account_id: UUID, ids: Sequence[UUID]) -> list[TokenNameRow | None]:
    """Return the names of the account's tokens."""
    statement = rows_by_id(tables.api_tokens, _TOKEN_NAME)
    places, *found = await statement.columns(connection, account_id=account_id, ids=ids)
    return one_each(ids, places, map(partial(TokenNameRow, _TOKEN_NAME), *found))


async def authority_of(connection: Reader, user_id: UUID) -> int | None:
    """Return how often what the person may do has changed, None where there is no such person."""
    user = tables.users.c
    found: int | None = await connection.scalar(select(user.authority_version).where(user.id == user_id))
    return found


async def tokens_of(connection: Reader, account_id: UUID | None = None, user_id: UUID | None = None) -> list[TokenRow]:
    """Return the tokens of an account or of a user, or all, the oldest first."""
    statement = select(*columns(TokenRow, tables.api_tokens)).order_by(
        tables.api_tokens.c.created_at, tables.api_tokens.c.id
    )
    if account_id is not None:
        statement = statement.where(tables.api_tokens.c.account_id == account_id)
    if user_id is not None:
        statement = statement.where(tables.api_tokens.c.user_id == user_id)
    return [TokenRow(*record) for record in await connection.execute(statement)]
