"""The keys that endpoints' deliveries are signed with, derived from a key that all nodes of a database share."""

import secrets
from datetime import datetime
from uuid import UUID

from app.db.engines import Database
from app.db.shared_keys import shared_key
from app.domain.webhooks import SecretVersions, SignatureScheme
from app.webhooks.signing import MASTER_BYTES, SigningKey, derive_key

KEY_NAME = "webhooks"


class SigningKeys:
    """Derives the keys of endpoints."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._master: bytes | None = None

    async def key(self, scheme: SignatureScheme, webhook_id: UUID, version: int) -> SigningKey:
        """Return the key of an endpoint's version."""
        return derive_key(await self._shared(), scheme, webhook_id, version)

    async def in_use(
        self, scheme: SignatureScheme, webhook_id: UUID, versions: SecretVersions, now: datetime
    ) -> list[SigningKey]:
        """Return the keys that an endpoint's deliveries are signed with now, the newest first."""
        master = await self._shared()
        return [derive_key(master, scheme, webhook_id, version) for version in versions.in_use(now)]

    async def _shared(self) -> bytes:
        if self._master is None:
            new = secrets.token_hex(MASTER_BYTES)
            self._master = bytes.fromhex(await shared_key(self._database, KEY_NAME, new))
        return self._master
