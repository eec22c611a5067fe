"""Authenticates requests: by API token or, where there is an identity provider, by its JWT."""

from typing import TYPE_CHECKING

from app.auth.identity import Identity, TokenUse, bearer, looked_up, secret_hash
from app.auth.identity_cache import IdentityCache
from app.db.engines import Database
from app.db.time_limit import Deadline
from app.domain.errors import Unauthenticated

if TYPE_CHECKING:
    from app.auth.jwt import Provider

DEADLINE_S = 10


class Authenticator:
    """Asks the database about API tokens, and the identity provider about JWTs."""

    def __init__(
        self,
        database: Database,
        provider: "Provider | None" = None,
        memory: IdentityCache | None = None,
        token_use: TokenUse | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._database = database
        self._provider = provider
        self._memory = memory or IdentityCache(0)
        self._token_use = token_use or TokenUse()
        self._deadline_s = deadline_s

    async def authenticate(self, header: str | None, *, fresh: bool) -> tuple[Identity, bool]:
        """Return who sent the `Authorization` *header*, and whether that was looked up now.

        The cache is used only where the identity need not be *fresh*, since a token can have lost its rights meanwhile.
        Writes need a fresh one, unless they ask for the actor's authority as they write; a JWT's always is.

        Raises: Unauthenticated, TokenExpired, IdentityUnavailable, DeadlineExceeded.
        """
        secret = bearer(header)
        if secret.count(".") == 2:  # as a JWT has (RFC 7519, section 3), and no token of ours
            identity, is_fresh = await self._of_provider(secret), True
        else:
            hashed = secret_hash(secret)
            remembered = None if fresh else self._memory.recall(hashed)
            is_fresh = remembered is None
            identity = remembered or await self._looked_up(hashed)
        self._token_use.note(identity.actor.token_id)
        return identity, is_fresh

    async def _of_provider(self, token: str) -> Identity:
        if self._provider is None:
            raise Unauthenticated()
        with Deadline(self._deadline_s):
            return await self._provider.identify(token)

    async def _looked_up(self, hashed: str) -> Identity:
        age = self._memory.age
        with Deadline(self._deadline_s):
            identity, expires_at = await looked_up(self._database, hashed)
        self._memory.keep(hashed, identity, expires_at, age)
        return identity
