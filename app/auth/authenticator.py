"""Tells our own tokens from those of the identity provider, and asks the right one of the two who it is."""

from app.auth.identity import Identity, looked_up, secret_hash
from app.auth.identity_cache import Memory
from app.auth.jwt import Provider
from app.db.engines import Database
from app.domain.errors import Unauthenticated


class Authenticator:
    """Asks the database about API tokens and, where there is one, the identity provider about JWTs."""

    def __init__(self, database: Database, provider: Provider | None = None, memory: Memory | None = None) -> None:
        self._database = database
        self._provider = provider
        self._memory = memory or Memory(0)

    def recall(self, secret: str) -> Identity | None:
        """Return who held *secret* a moment ago, None where that is not known."""
        return self._memory.recall(secret_hash(secret))

    async def identify(self, secret: str) -> Identity:
        """Return who holds *secret*. Raises: Unauthenticated, IdentityUnavailable."""
        if secret.count(".") != 2:  # a JWT has three parts (RFC 7519, section 3), a token of ours has one
            age, hashed = self._memory.age, secret_hash(secret)
            identity, expires_at = await looked_up(self._database, hashed)
            self._memory.keep(hashed, identity, expires_at, age)
            return identity
        if self._provider is None:
            raise Unauthenticated()
        return await self._provider.identify(secret)
