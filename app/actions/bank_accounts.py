"""What is kept of a bank account's number: HMAC-SHA-256 under a key of the account, and never the number.

Each account has a key of its own, derived from one key of the server, so that nothing can be compared across accounts.
"""

import hashlib
import hmac
import secrets
from dataclasses import replace
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.db.engines import Database
from app.db.shared_keys import shared_key
from app.domain.bank_accounts import Iban
from app.domain.commands import OpenCase

KEY_NAME = "bank-accounts"
_KEY_BYTES = 32


class BankAccountKeys:
    """Makes of a bank account's number what it is known by in one account."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._master: bytes | None = None

    async def without_iban(self, account_id: UUID, command: OpenCase) -> OpenCase:
        """Return *command* with what its number is known by in the place of the number."""
        if command.iban is None:
            return command
        return replace(command, iban=None, bank_account=await self.known_by(account_id, command.iban))

    async def known_by(self, account_id: UUID, iban: Iban) -> str:
        """Return what the number is known by in the account, 64 hexadecimal digits."""
        if self._master is None:
            new = secrets.token_hex(_KEY_BYTES)
            self._master = bytes.fromhex(await shared_key(self._database, KEY_NAME, new))
        key = derive_key(self._master, account_id)
        return hmac.digest(key, iban.value.encode(), hashlib.sha256).hex()


def derive_key(master: bytes, account_id: UUID) -> bytes:
    """Return an account's key, derived from the server's *master* key (HKDF, RFC 5869)."""
    info = b"casegate bank accounts " + account_id.bytes
    return HKDF(algorithm=SHA256(), length=_KEY_BYTES, salt=None, info=info).derive(master)
