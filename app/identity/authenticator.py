"""Tells our own tokens from those of the identity provider, and asks the right one of the two who it is."""

from app.auth import Identity, authenticate
from app.db.engine import Database
from app.domain.errors import Unauthenticated
from app.identity.provider import Provider


class Authenticator:
    """Asks the database about API tokens and, where there is one, the identity provider about JWTs."""

    def __init__(self, database: Database, provider: Provider | None = None) -> None:
        self._database = database
        self._provider = provider

    async def identify(self, secret: str) -> Identity:
        """Return who holds *secret*. Raises: Unauthenticated, IdentityUnavailable."""
        if secret.count(".") != 2:  # a JWT has three parts (RFC 7519, section 3), a token of ours has one
            return await authenticate(self._database, secret)
        if self._provider is None:
            raise Unauthenticated()
        return await self._provider.identify(secret)
