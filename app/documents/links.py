"""Download links: signed for one person's token and one document, and short-lived.

A link is no right in itself: each download checks again what the token and the person may do.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from app.db.engines import Database
from app.db.shared_keys import shared_key

LIFETIME = timedelta(minutes=5)
KEY_NAME = "document-links"
_EXPIRY_BYTES = 5
_SIGNATURE_BYTES = 32


@dataclass(frozen=True, slots=True)
class DownloadLink:
    """What a link says: the document is in its path, the rest in its one parameter."""

    document_id: UUID
    token_id: UUID
    expires_at: datetime


class Links:
    """Makes and reads links with the one secret key that all nodes of a database share."""

    def __init__(self, database: Database, public_url: str = "") -> None:
        """Make links for the database's documents; they begin with *public_url*, or else as the request does."""
        self._database = database
        self._public_url = public_url
        self._key: bytes | None = None

    async def url(self, base_url: str, document_id: UUID, token_id: UUID, now: datetime) -> str:
        """Return a link that works from *now* on for LIFETIME; *base_url* is how the request reached us."""
        expiry = int((now + LIFETIME).timestamp()).to_bytes(_EXPIRY_BYTES, "big")
        said = token_id.bytes + expiry
        signature = _sign(await self._secret(), document_id, said)
        grant = base64.urlsafe_b64encode(said + signature).decode().rstrip("=")
        return f"{self._public_url or base_url}/documents/{document_id}?grant={grant}"

    async def read(self, document_id: UUID, grant: str, now: datetime) -> DownloadLink | None:
        """Return what the link says, None where it is not ours, was altered, or has expired."""
        try:
            raw = base64.b64decode(grant + "=" * (-len(grant) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        said, signature = raw[:-_SIGNATURE_BYTES], raw[-_SIGNATURE_BYTES:]
        expected = _sign(await self._secret(), document_id, said)
        if len(said) != 16 + _EXPIRY_BYTES or not hmac.compare_digest(signature, expected):
            return None
        expires_at = datetime.fromtimestamp(int.from_bytes(said[16:], "big"), UTC)
        return DownloadLink(document_id, UUID(bytes=said[:16]), expires_at) if now < expires_at else None

    async def _secret(self) -> bytes:
        if self._key is None:
            self._key = bytes.fromhex(await shared_key(self._database, KEY_NAME, secrets.token_hex(32)))
        return self._key


def _sign(key: bytes, document_id: UUID, said: bytes) -> bytes:
    return hmac.digest(key, document_id.bytes + said, hashlib.sha256)
