"""The door, for every way in: who is it, by API token or by the identity provider, and have they been here too often.

What they may do is decided further inside. Checks 1 and 2 of DOMAIN.md's order.
"""

from typing import NamedTuple, Protocol

from starlette.requests import Request

from app.auth.identity import Identity, TokenUse, bearer
from app.domain.errors import RateLimited, Unauthenticated
from app.web.rate_limit import Rates, Standing


class Authenticator(Protocol):
    """Tells who holds a secret, or who held it a moment ago. Raises: Unauthenticated, IdentityUnavailable."""

    async def identify(self, secret: str) -> Identity: ...
    def recall(self, secret: str) -> Identity | None: ...


class Admission(NamedTuple):
    """Who came in, and how they stand with the rate limit. `is_recalled`: they were not looked up this time."""

    identity: Identity
    standing: Standing | None
    is_recalled: bool = False


class Door:
    """Admits requests."""

    def __init__(self, authenticator: Authenticator, rates: Rates, token_use: TokenUse) -> None:
        self._authenticator = authenticator
        self._rates = rates
        self._token_use = token_use

    async def recall(self, request: Request) -> Admission | None:
        """Let in whoever held the request's token a moment ago, for reading; None where they have to be looked up."""
        header = request.headers.get("authorization")
        identity = self._authenticator.recall(bearer(header)) if header else None
        return None if identity is None else await self._counted(identity, is_recalled=True)

    async def admit(self, request: Request) -> Admission:
        """Let the holder of the request's token in; whether their rate limit is passed is theirs to `demand`.

        Raises: Unauthenticated; RateLimited where an address has failed too often; IdentityUnavailable.
        """
        return await self._counted(await self._identify(request))

    async def affirm(self, request: Request, admission: Admission) -> Admission:
        """Look up who was only recalled. Raises: as `admit`."""
        if not admission.is_recalled:
            return admission
        return Admission(await self._identify(request), admission.standing)

    async def _counted(self, identity: Identity, *, is_recalled: bool = False) -> Admission:
        token_id = identity.actor.token_id
        self._token_use.note(token_id)
        return Admission(identity, await self._rates.count_request(token_id), is_recalled)

    async def _identify(self, request: Request) -> Identity:
        try:
            return await self._authenticator.identify(bearer(request.headers.get("authorization")))
        except Unauthenticated:
            await self._rates.count_failure(request.client.host if request.client else "")
            raise


def demand_rate(standing: Standing | None) -> None:
    """Refuse whoever asks too often. Raises: RateLimited."""
    if standing is not None and standing.passed:
        raise RateLimited(seconds=standing.reset_s)
