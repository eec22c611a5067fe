"""Identity: a bearer token becomes an `Identity`, by one statement.

It says who a person is and what they may do in general; whether they may do one action is `domain.workflow`'s.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import update

from app import clock
from app.actions.authority import actor_of, demand_valid, limited
from app.db import tables
from app.db.engines import Database
from app.db.repository import tokens
from app.db.rows import AccountRow, UserRow
from app.domain.errors import Unauthenticated
from app.domain.facts import Actor
from app.domain.model import Role

TOKEN_PREFIX = "cgt_"
USE_RECORDED_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Identity:
    """The person behind a token, their account, and both as the workflow sees them.

    `is_limited`: the person has roles that the token does not give them.
    """

    actor: Actor
    user: UserRow
    account: AccountRow
    is_limited: bool = False

    def limited_to(self, roles: frozenset[Role]) -> "Identity":
        """Return the same person without the roles that their token does not give them."""
        actor = limited(self.actor, roles)
        user = replace(self.user, roles=tuple(sorted(actor.roles)))
        return replace(self, actor=actor, user=user, is_limited=actor.roles != self.actor.roles)


def new_secret() -> str:
    """Return a new token: 256 random bits in base64url behind a prefix that secret scanners can look for."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def secret_hash(secret: str) -> str:
    """Return what is stored of a token: SHA-256, which is enough for 256 random bits and costs no time."""
    return hashlib.sha256(secret.encode()).hexdigest()


def bearer(header: str | None) -> str:
    """Return the token of an `Authorization` header (RFC 6750, section 2.1).

    Raises: Unauthenticated.
    """
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated()
    return token.strip()


async def authenticate(database: Database, secret: str, now: clock.Clock = clock.now) -> Identity:
    """Return who holds *secret*.

    Raises: Unauthenticated for an unknown or revoked token, TokenExpired.
    """
    identity, _ = await looked_up(database, secret_hash(secret), now)
    return identity


async def looked_up(database: Database, hashed: str, now: clock.Clock = clock.now) -> tuple[Identity, datetime | None]:
    """Return who holds the token with this hash, and when it expires. Raises: as `authenticate`."""
    async with database.point_reads() as connection:
        found = await tokens.token_by_hash(connection, hashed)
    if found is None or not hmac.compare_digest(found.token.secret_hash, hashed):
        raise Unauthenticated()
    return identity_of(demand_valid(found, now())), found.token.expires_at


async def authenticate_holder(database: Database, token_id: UUID, now: datetime) -> Identity:
    """Return who holds the token that a signed link names. Raises: as `authenticate`."""
    async with database.point_reads() as connection:
        found = await tokens.token_by_id(connection, token_id)
    return identity_of(demand_valid(found, now))


def identity_of(found: tokens.FoundToken) -> Identity:
    """Return the identity that a token's row, its user and account make."""
    return Identity(actor_of(found), found.user, found.account)


class TokenUse:
    """Remembers when tokens were last used, and writes it down now and then: never in a request's way."""

    def __init__(self) -> None:
        self._seen: dict[UUID, datetime] = {}

    def note(self, token_id: UUID) -> None:
        self._seen[token_id] = clock.now()

    async def flush(self, database: Database) -> None:
        """Write down what was noted since the last time."""
        seen, self._seen = self._seen, {}
        if not seen:
            return
        table = tables.api_tokens
        async with database.write() as connection:
            for token_id, moment in seen.items():
                await connection.execute(update(table).where(table.c.id == token_id).values(last_used_at=moment))
