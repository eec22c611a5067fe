"""The identity cache: who holds a token, for some seconds; PostgreSQL's notifications of changes empty it.

Reads rely on it, and actions whose own transaction asks whether the actor may still do them; whatever else writes
looks the token up again. On SQLite, and wherever notifications are unavailable, nothing is cached.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app import clock
from app.auth.identity import Identity
from app.db.engines import Database
from app.db.postgresql.notifications import NotificationsUnavailable, following

TOKENS_MAX = 10_000
RETRY_S = 5

log = structlog.get_logger()


class IdentityRemembered(Exception):
    """Who sends an action was remembered, and has to be looked up for what it comes to; nothing is done."""


@dataclass(frozen=True, slots=True)
class _Entry:
    identity: Identity
    expires_at: datetime | None
    until: float


class IdentityCache:
    """The memory of one process; each entry is forgotten after *seconds*, if nothing else is heard."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._known: dict[str, _Entry] = {}
        self._is_subscribed = False
        self.age = 0
        """How often all was forgotten: what was looked up before is not to be remembered after."""

    def recall(self, secret_hash: str) -> Identity | None:
        """Return who holds the token with this hash, None where it has to be looked up."""
        entry = self._known.get(secret_hash)
        if entry is None:
            return None
        if entry.until <= time.monotonic() or (entry.expires_at is not None and entry.expires_at <= clock.now()):
            del self._known[secret_hash]
            return None
        return entry.identity

    def keep(self, secret_hash: str, identity: Identity, expires_at: datetime | None, age: int) -> None:
        """Remember what was looked up when the memory was of this *age*."""
        if not self._is_subscribed or age != self.age:
            return
        if len(self._known) >= TOKENS_MAX:
            self._known.clear()
        self._known[secret_hash] = _Entry(identity, expires_at, time.monotonic() + self._seconds)

    def forget(self) -> None:
        """Forget all."""
        self.age += 1
        self._known.clear()

    async def keep_subscribed(self, database: Database) -> None:
        """Hear the news for as long as the process lives; while none can be heard, remember nothing."""
        while self._seconds and database.single is not None:
            try:
                async with following(database, lambda _payload: self.forget()) as lost:
                    self._is_subscribed = True
                    await lost.wait()
            except NotificationsUnavailable as error:
                log.warning("identities_not_remembered", reason=str(error))
                return
            except (SQLAlchemyError, OSError) as error:
                log.warning("identities_not_remembered", reason=type(error).__name__)
            finally:
                self._is_subscribed = False
                self.forget()
            await asyncio.sleep(RETRY_S)
