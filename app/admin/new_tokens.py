"""New API tokens, not yet inserted, and what the account's log says of one; for the command line and the API."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from app import clock
from app.auth.identity import new_secret, secret_hash
from app.db.rows import TokenRow
from app.domain.account_log import SECRET_DIGEST
from app.domain.model import Scope


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token's row and its secret, which is shown this once and stored nowhere."""

    row: TokenRow
    secret: str


def new_token(
    account_id: UUID, user_id: UUID, scopes: Collection[Scope], name: str, expires_at: datetime | None, now: datetime
) -> NewToken:
    """Return a token with a new secret, not yet inserted."""
    secret = new_secret()
    row = TokenRow(
        id=clock.new_id(),
        account_id=account_id,
        user_id=user_id,
        name=name,
        scopes=" ".join(scope for scope in Scope if scope in scopes),
        prefix=secret[:10],
        secret_hash=secret_hash(secret),
        created_at=now,
        expires_at=expires_at,
        revoked_at=None,
        last_used_at=None,
    )
    return NewToken(row, secret)


def token_details(row: TokenRow) -> dict[str, list[str]]:
    """Return what the account's log says of a new token."""
    expires = {} if row.expires_at is None else {"expiresAt": [row.expires_at.astimezone(UTC).isoformat()]}
    digest = hashlib.sha256(row.secret_hash.encode()).hexdigest()
    return {"scopes": row.scopes.split(), **expires, SECRET_DIGEST: [digest]}
