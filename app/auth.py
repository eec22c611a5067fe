"""Who is asking: a bearer token becomes an `Identity`, by one statement.

It tells who somebody is and what they may do in general; whether they may do a certain thing is `domain.workflow`'s.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

from sqlalchemy import update

from app import clock
from app.db import models as tables
from app.db.engine import Database
from app.db.repository import tokens
from app.db.rows import AccountRow, UserRow
from app.domain.errors import TokenExpired, Unauthenticated
from app.domain.model import Actor, Feature, Role, Scope

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
        held = self.actor.roles & roles
        user = replace(self.user, roles=tuple(sorted(held)))
        return replace(self, actor=replace(self.actor, roles=held), user=user, is_limited=held != self.actor.roles)


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
    async with database.look_up() as connection:
        found = await tokens.token_by_hash(connection, hashed)
    if found is None or not hmac.compare_digest(found.token.secret_hash, hashed):
        raise Unauthenticated()
    return _identity(found, now()), found.token.expires_at


async def authenticate_holder(database: Database, token_id: UUID, now: datetime) -> Identity:
    """Return who holds the token that a signed link names. Raises: as `authenticate`."""
    async with database.look_up() as connection:
        found = await tokens.token_by_id(connection, token_id)
    if found is None:
        raise Unauthenticated()
    return _identity(found, now)


def _identity(found: tokens.FoundToken, now: datetime) -> Identity:
    if found.token.revoked_at is not None:
        raise Unauthenticated()
    if found.token.expires_at is not None and found.token.expires_at <= now:
        raise TokenExpired()
    return identity_of(found)


def identity_of(found: tokens.FoundToken) -> Identity:
    """Return the identity that a token's row, its user and account make."""
    return Identity(_actor(found), found.user, found.account)


def _actor(found: tokens.FoundToken) -> Actor:
    account = found.account
    return Actor(
        account_id=account.id,
        user_id=found.user.id,
        token_id=found.token.id,
        active=found.user.active,
        roles=frozenset(found.user.roles),
        scopes=_scopes(found.token.scopes),
        features=_features(account.cases_enabled, account.overrides_enabled),
        restrict_to_assigned_reviewers=account.restrict_to_assigned_reviewers,
    )


@lru_cache
def _scopes(words: str) -> frozenset[Scope]:
    return frozenset(map(Scope, words.split()))


@lru_cache
def _features(cases: bool, overrides: bool) -> frozenset[Feature]:
    enabled = {Feature.CASES: cases, Feature.OVERRIDES: overrides}
    return frozenset(feature for feature in Feature if enabled[feature])


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
