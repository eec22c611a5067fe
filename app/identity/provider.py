"""The company's identity provider: a JWT that it has signed becomes an `Identity` of ours.

The provider says who somebody is and, where a claim for it is set, which roles they have: those are written down, so
that others see them too, and only a newer token can change what an older one has said. Accounts it can't make.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import jwt
import structlog

from app import clock
from app.auth import Identity, identity_of
from app.db.engine import Database
from app.db.repository.tokens import FoundToken, provider_token
from app.domain.errors import TokenExpired, Unauthenticated
from app.domain.model import Role, Scope
from app.identity.keys import KeySet
from app.identity.people import Claimed, write_person

LEEWAY_S = 30
LENGTH_MAX = 16 * 1024

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Terms:
    """What is demanded of a token, and what its claims are called."""

    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    account_id: UUID | None
    account_claim: str
    email_claim: str
    name_claim: str
    roles_claim: str
    scopes: tuple[Scope, ...]
    create_users: bool


class Provider:
    """Identifies the holders of the provider's tokens."""

    def __init__(self, database: Database, keys: KeySet, terms: Terms) -> None:
        self._database = database
        self._keys = keys
        self._terms = terms

    async def identify(self, token: str) -> Identity:
        """Return who *token* is about. Raises: Unauthenticated, TokenExpired, IdentityUnavailable."""
        claimed = self._claimed(await self._verified(token))
        token_id = uuid5(NAMESPACE_URL, f"{self._terms.issuer} {claimed.account_id} {claimed.email}")
        async with self._database.read() as connection:
            found = await provider_token(connection, claimed.account_id, claimed.email, token_id)
        if found is None or found.token is None or self._has_news(claimed, found):
            found = await write_person(self._database, claimed, token_id, create=self._terms.create_users)
        if found is None or found.token is None or found.token.revoked_at is not None:
            raise _refused("unknown or revoked")
        identity = identity_of(FoundToken(found.token, found.user, found.account))
        return identity if claimed.roles is None else identity.limited_to(claimed.roles)

    def _has_news(self, claimed: Claimed, found: Any) -> bool:
        """Tell whether the scopes differ, or the roles do and the token is no older than the one that said them."""
        if found.token.scopes != claimed.scope_words:
            return True
        if claimed.roles is None or claimed.roles == frozenset(found.user.roles):
            return False
        return bool(claimed.issued_at >= found.token.created_at)

    async def _verified(self, token: str) -> dict[str, Any]:
        """Return the claims of a token whose signature and terms are good."""
        if len(token) > LENGTH_MAX:
            raise _refused("too long")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise _refused(type(error).__name__) from None
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in self._terms.algorithms or not isinstance(key_id, str) or "crit" in header:
            raise _refused("algorithm or key id")
        key = await self._keys.key(key_id)
        if key is None:
            raise _refused("unknown key")
        # A key says which algorithm it is for, or its kind does; the token has no say in it.
        if not _fits(algorithm, key):
            raise _refused("algorithm of another key")
        try:
            return jwt.decode(
                token,
                key.key,
                algorithms=[algorithm],
                audience=self._terms.audience,
                issuer=self._terms.issuer,
                leeway=LEEWAY_S,
                options={"require": ["exp", "iat", "iss", "aud"]},
            )
        except jwt.ExpiredSignatureError:
            raise TokenExpired() from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise _refused(type(error).__name__) from None

    def _claimed(self, claims: dict[str, Any]) -> Claimed:
        """Return what the claims say, or refuse: they are another system's words."""
        terms = self._terms
        email, name = claims.get(terms.email_claim), claims.get(terms.name_claim)
        if not isinstance(email, str) or not 3 <= len(email) <= 320 or not email.isprintable():
            raise _refused("no person")
        account_id = terms.account_id
        if account_id is None:
            try:
                account_id = UUID(claims.get(terms.account_claim))
            except (ValueError, TypeError, AttributeError):
                raise _refused("no account") from None
        return Claimed(
            account_id=account_id,
            email=email.strip().lower(),
            name=_name(name, email),
            roles=_roles(claims.get(terms.roles_claim)) if terms.roles_claim else None,
            scopes=terms.scopes,
            issued_at=datetime.fromtimestamp(min(claims["iat"], clock.now().timestamp()), UTC),
        )


def _refused(reason: str) -> Unauthenticated:
    """Note why, for the operator; whoever sent the token learns nothing but that it is no good."""
    log.info("jwt_refused", reason=reason)
    return Unauthenticated()


def _fits(algorithm: str, key: jwt.PyJWK) -> bool:
    declared = key._jwk_data.get("alg")  # noqa: SLF001  # PyJWT shows only the one that it has guessed itself
    kinds = {"R": "RSA", "P": "RSA"} if declared is None else {}
    kind = kinds.get(algorithm[0], "OKP" if algorithm == "EdDSA" else "EC")
    return bool(declared == algorithm if declared is not None else key.key_type == kind)


def _name(value: object, email: str) -> str:
    name = value.strip() if isinstance(value, str) else ""
    return name[:200] if name and name.isprintable() else email


def _roles(value: object) -> frozenset[Role]:
    """Return those of our roles that are in a list, or in words with blanks between; others are not ours."""
    words = value.split() if isinstance(value, str) else value if isinstance(value, list) else []
    known = Role.__members__
    return frozenset(Role(word.upper()) for word in words if isinstance(word, str) and word.upper() in known)
