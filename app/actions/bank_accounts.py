"""What is kept of a bank account's number: HMAC-SHA-256 under a key of the account, and never the number.

Each account has a key of its own, derived from one key of the server, so that nothing can be compared across accounts.
"""

import hashlib
import hmac
import secrets
from dataclasses import replace
from uuid import UUID

from app.db.engines import Database
from app.db.shared_keys import shared_key
from app.domain.bank_accounts import Iban
from app.domain.commands import OpenCase
from app.domain.derived_keys import KEY_BYTES, derived_key

KEY_NAME = "bank-accounts"


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
            new = secrets.token_hex(KEY_BYTES)
            self._master = bytes.fromhex(await shared_key(self._database, KEY_NAME, new))
        key = derived_key(self._master, b"casegate bank accounts " + account_id.bytes)
        return hmac.digest(key, iban.value.encode(), hashlib.sha256).hex()
