"""The company's identity provider: a JWT that it has signed becomes an `Identity` of ours.

The provider says who a person is and, where a claim for it is set, which roles they have: those are written down, so
that others see them too, and only a newer token can change what an older one has said. Accounts it can't make.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import jwt
import structlog

from app import clock
from app.auth.identity import Identity, identity_of
from app.auth.jwks import KeySet
from app.auth.provisioning import Claimed, NotLinked, is_subject, write_person
from app.db.engines import Database
from app.db.repository.identities import identity_of as known_identity
from app.db.repository.tokens import FoundToken
from app.domain.addresses import Address, parse_address
from app.domain.errors import TokenExpired, Unauthenticated
from app.domain.facts import Actor
from app.domain.model import Role, Scope, TokenSource
from app.domain.text import LONGER_BY, Unacceptable, line

LEEWAY_S = 30
NAME_MAX = 200
LENGTH_MAX = 16 * 1024
KINDS = frozenset({"jwt", "at+jwt"})
"""What `typ` may say: of any kind, or for access. Others, as `logout+jwt`, must not pass for it (RFC 8725, 3.11)."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TokenRequirements:
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
    addresses_are_verified: bool


class Provider:
    """Identifies the holders of the provider's tokens."""

    def __init__(self, database: Database, keys: KeySet, terms: TokenRequirements) -> None:
        self._database = database
        self._keys = keys
        self._terms = terms

    async def identify(self, token: str) -> Identity:
        """Return who *token* is about. Raises: Unauthenticated, TokenExpired, IdentityUnavailable."""
        claimed = self._claimed(await self._verified(token))
        found = await self._known(claimed)
        if found is None or self._has_news(claimed, found):
            try:
                found = await write_person(self._database, claimed, create=self._terms.create_users)
            except NotLinked as reason:
                raise _refused(str(reason)) from None
        if found.token.revoked_at is not None:
            raise _refused("revoked")
        identity = identity_of(found)
        identity = replace(identity, actor=_by_provider(identity.actor, claimed.expires_at))
        return identity if claimed.roles is None else identity.limited_to(claimed.roles)

    async def _known(self, claimed: Claimed) -> FoundToken | None:
        """Return whom the subject stands for, None where it was never seen. Raises: Unauthenticated."""
        async with self._database.read() as connection:
            known = await known_identity(connection, claimed.account_id, claimed.issuer, claimed.subject)
        if known is not None and not known.is_linked:
            raise _refused("the subject was unlinked")
        if known is None and claimed.address is None:
            raise _refused("an unknown subject without a verified address")
        return None if known is None else known.found

    def _has_news(self, claimed: Claimed, found: FoundToken) -> bool:
        """Tell whether the scopes differ, or the roles do and the token is no older than the one that said them."""
        if found.token.revoked_at is not None:
            return False
        if found.token.scopes != claimed.scope_words:
            return True
        if claimed.roles is None or claimed.roles == frozenset(found.user.roles):
            return False
        return claimed.issued_at >= found.token.created_at

    async def _verified(self, token: str) -> dict[str, object]:
        """Return the claims of a token whose signature and terms are good."""
        algorithm, key_id = self._signed_by(token)
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
                options={"require": ["exp", "iat", "iss", "aud", "sub"]},
            )
        except jwt.ExpiredSignatureError:
            raise TokenExpired() from None
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError) as error:
            raise _refused(type(error).__name__) from None

    def _signed_by(self, token: str) -> tuple[str, str]:
        """Return the algorithm and the key's id that the header names."""
        if len(token) > LENGTH_MAX:
            raise _refused("too long")
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise _refused(type(error).__name__) from None
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in self._terms.algorithms or not isinstance(key_id, str) or "crit" in header:
            raise _refused("algorithm or key id")
        if not _is_for_access(header.get("typ")):
            raise _refused("a token of another kind")
        return algorithm, key_id

    def _claimed(self, claims: dict[str, Any]) -> Claimed:
        """Return what the claims say, or refuse: they are another system's words."""
        terms = self._terms
        subject = claims.get("sub")
        if not isinstance(subject, str) or not is_subject(subject):
            raise _refused("no subject")
        account_id = terms.account_id
        if account_id is None:
            try:
                account_id = UUID(claims.get(terms.account_claim))
            except (ValueError, TypeError, AttributeError):
                raise _refused("no account") from None
        return Claimed(
            account_id=account_id,
            issuer=terms.issuer,
            subject=subject,
            address=self._verified_address(claims),
            name=_name(claims.get(terms.name_claim)),
            roles=_roles(claims.get(terms.roles_claim)) if terms.roles_claim else None,
            scopes=terms.scopes,
            issued_at=datetime.fromtimestamp(min(_seconds(claims, "iat"), clock.now().timestamp()), UTC),
            expires_at=_moment(_seconds(claims, "exp") + LEEWAY_S),
        )

    def _verified_address(self, claims: dict[str, object]) -> Address | None:
        """Return the person's address, if the provider says that it has verified it.

        `email_verified` is about the claim `email` alone (OpenID Connect Core 1.0, section 5.1): it says nothing of
        another address in another claim. It must be true itself, not a word or a number for it.
        """
        address, email = _address(claims.get(self._terms.email_claim)), _address(claims.get("email"))
        if address is None:
            return None
        if "email_verified" in claims and email is not None and email.key == address.key:
            return address if claims["email_verified"] is True else None
        return address if self._terms.addresses_are_verified else None


def _refused(reason: str) -> Unauthenticated:
    """Log the reason for the operator; the client learns only that the token is not valid."""
    log.info("jwt_refused", reason=reason)
    return Unauthenticated()


def _is_for_access(kind: object) -> bool:
    """Tell whether the header's `typ`, a media type whose `application/` may be left out, is none of another kind."""
    return kind is None or (isinstance(kind, str) and kind.lower().removeprefix("application/") in KINDS)


def _fits(algorithm: str, key: jwt.PyJWK) -> bool:
    declared = key._jwk_data.get("alg")  # noqa: SLF001  # PyJWT shows only the one that it has guessed itself
    kinds = {"R": "RSA", "P": "RSA"} if declared is None else {}
    kind = kinds.get(algorithm[0], "OKP" if algorithm == "EdDSA" else "EC")
    return bool(declared == algorithm if declared is not None else key.key_type == kind)


def _seconds(claims: dict[str, object], name: str) -> float:
    """Return a time as the claim says it (RFC 7519, section 2: NumericDate); PyJWT takes a text for one, too."""
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise _refused(f"{name} is no time")
    return value


def _moment(seconds: float) -> datetime:
    """Return the time that a claim says; one that is beyond all calendars is the last that there is."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.max.replace(tzinfo=UTC)


def _address(value: object) -> Address | None:
    return parse_address(value) if isinstance(value, str) else None


def _by_provider(actor: Actor, expires_at: datetime | None) -> Actor:
    return replace(actor, expires_at=expires_at, token_source=TokenSource.IDENTITY_PROVIDER)


def _name(value: object) -> str:
    """Return the name to show, or nothing where the claim is none."""
    try:
        return line(value)[:NAME_MAX] if isinstance(value, str) and len(value) <= NAME_MAX * LONGER_BY else ""
    except Unacceptable:
        return ""


def _roles(value: object) -> frozenset[Role]:
    """Return those of our roles that are in a list, or in words with blanks between; others are not ours."""
    words = value.split() if isinstance(value, str) else value if isinstance(value, list) else []
    known = Role.__members__
    return frozenset(Role(word.upper()) for word in words if isinstance(word, str) and word.upper() in known)
