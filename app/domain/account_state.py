"""People and tokens of an account, as its own log says that they are and as they are stored, and what differs.

What nothing in the log says is None, or number 0 of a row, and is compared with nothing.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from app.domain.addresses import parse_address
from app.domain.commitments import commitment
from app.domain.log_chain import Fault, FaultKind
from app.domain.model import Role, UserKind


@dataclass(frozen=True, slots=True)
class StoredUser:
    """A person or service account as stored."""

    id: UUID
    kind: UserKind
    active: bool
    email: str
    email_key: str
    email_salt: str | None
    created_at: datetime
    reviewer_since: datetime | None
    roles: frozenset[Role]


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token as stored; `is_identity`: it stands for an identity provider's, whose scopes come with each of them."""

    id: UUID
    user_id: UUID
    scopes: str
    secret_hash: str
    is_identity: bool
    expires_at: datetime | None
    is_revoked: bool
    created_at: datetime


@dataclass(slots=True)
class LoggedUser:
    """What the log says of somebody, each with the number of the row that says it.

    `made`: the row that made them. `reviewer_since`: the time of the row since which they are a reviewer.
    """

    made: int = 0
    kind: UserKind | None = None
    active: tuple[bool, int] | None = None
    roles: dict[Role, tuple[bool, int]] = field(default_factory=dict)
    reviewer_since: datetime | None = None
    address: tuple[str, int] | None = None

    def give(self, roles: Iterable[Role], seq: int, time: datetime) -> None:
        """Note the roles that a row gave."""
        given = frozenset(roles)
        self.roles |= dict.fromkeys(given, (True, seq))
        if Role.REVIEWER in given:
            self.reviewer_since = time

    def take(self, roles: Iterable[Role], seq: int) -> None:
        """Note the roles that a row took, or did not give."""
        taken = frozenset(roles)
        self.roles |= dict.fromkeys(taken, (False, seq))
        if Role.REVIEWER in taken:
            self.reviewer_since = None


@dataclass(slots=True)
class LoggedToken:
    """What the log says of a token; `made` and `revoked` are the numbers of the rows that did it."""

    user_id: UUID | None = None
    made: int = 0
    scopes: str | None = None
    secret_digest: str | None = None
    expires_at: str | None = None
    is_identity: bool = False
    revoked: int = 0

    def revoke(self, seq: int) -> None:
        self.revoked = self.revoked or seq


def user_differences(logged: LoggedUser, stored: StoredUser) -> Iterator[Fault]:
    """Yield what is stored of somebody and does not follow from the log."""
    name = f"the user {stored.id}"
    if logged.kind not in (None, stored.kind):
        yield _state(logged.made, f"{name} is a {stored.kind}, and the log says {logged.kind}")
    if logged.active is not None and logged.active[0] is not stored.active:
        words = ("active", "inactive") if stored.active else ("inactive", "active")
        yield _state(logged.active[1], f"{name} is {words[0]}, and the log says {words[1]}")
    for role, (is_held, seq) in logged.roles.items():
        if is_held is not (role in stored.roles):
            words = ("lacks", "gives") if is_held else ("has", "does not give")
            yield _state(seq, f"{name} {words[0]} {role}, which the log {words[1]}")
    if logged.address is not None and not _is_committed(logged.address[0], stored):
        yield _state(logged.address[1], f"{name} has another address than the log commits to")
    since = logged.reviewer_since
    if since is not None and Role.REVIEWER in stored.roles and stored.reviewer_since != since:
        seq = logged.roles[Role.REVIEWER][1]
        yield _state(seq, f"{name} is a reviewer since {stored.reviewer_since}, and the log says since {since}")


def _is_committed(committed: str, stored: StoredUser) -> bool:
    """Tell whether the address is the one that was committed to, and is compared by what belongs to it."""
    address = parse_address(stored.email)
    if stored.email_salt is None or address is None or address.key != stored.email_key:
        return False
    return commitment(stored.email_salt, stored.email.encode()) == committed


def token_differences(logged: LoggedToken, stored: StoredToken) -> Iterator[Fault]:
    """Yield what is stored of a token that the log knows and does not follow from it, but for its end."""
    name, made = f"the token {stored.id}", logged.made
    if logged.user_id not in (None, stored.user_id):
        yield _state(made, f"{name} is the user {stored.user_id}'s, and the log says {logged.user_id}'s")
    if not made:
        return
    if logged.is_identity is not stored.is_identity:
        yield _state(made, f"{name} has another prefix than the log gives")
    if logged.scopes not in (None, stored.scopes):
        yield _state(made, f"{name} has the scopes {stored.scopes}, and the log says {logged.scopes}")
    digest = hashlib.sha256(stored.secret_hash.encode()).hexdigest()
    if logged.secret_digest not in (None, digest):
        yield _state(made, f"{name} has another secret than the log says")
    expires_at = None if stored.expires_at is None else stored.expires_at.astimezone(UTC).isoformat()
    if not logged.is_identity and logged.expires_at != expires_at:
        yield _state(made, f"{name} ends at {expires_at}, and the log says {logged.expires_at}")


def revocation_fault(logged: LoggedToken, stored: StoredToken, ended: int) -> Fault | None:
    """Return what is wrong with whether a token is revoked.

    *ended*: the row that ended all tokens which were there before the log began, of which nothing else is known.
    """
    revoked = logged.revoked if logged.made or stored.is_identity else logged.revoked or ended
    if revoked and not stored.is_revoked:
        return _state(revoked, f"the token {stored.id} is not revoked, and the log says it is")
    if logged.made and not revoked and stored.is_revoked:
        return _state(logged.made, f"the token {stored.id} is revoked, and the log does not say so")
    return None


def _state(seq: int, reason: str) -> Fault:
    return Fault(seq, FaultKind.STATE, reason)
