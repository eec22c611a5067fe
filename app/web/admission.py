"""Authenticates a request, by API token or by the identity provider, and applies its rate limit.

What they may do is decided further inside. Checks 1 and 2 of DOMAIN.md's order.
"""

from typing import NamedTuple, Protocol

from starlette.requests import Request

from app.auth.identity import Identity
from app.auth.shared_lookups import SharedLookups
from app.domain.errors import RateLimited, Unauthenticated
from app.web.rate_limit import RateLimiter, RateLimitStatus

ADMISSION = "casegate.admission"
"""Where a request's scope has its admission."""


class RequestAuthenticator(Protocol):
    """Tells who sent an `Authorization` header, and whether that was looked up now; always, where it is to be *fresh*.

    Raises: Unauthenticated, IdentityUnavailable, DeadlineExceeded.
    """

    async def authenticate(self, header: str | None, *, fresh: bool) -> tuple[Identity, bool]: ...


class Admission(NamedTuple):
    """Who sent a request, and how they stand with the rate limit. `is_fresh`: they were looked up for this request."""

    identity: Identity
    standing: RateLimitStatus | None
    is_fresh: bool


class AdmissionController:
    """Admits requests."""

    def __init__(self, authenticator: RequestAuthenticator, rates: RateLimiter) -> None:
        self._authenticator = authenticator
        self._rates = rates
        self._shared = SharedLookups(self._look_up)

    async def authenticate(self, request: Request, *, fresh: bool) -> Admission:
        """Return who sent *request*; whether their rate limit is passed is for the caller to `demand`.

        A write is authenticated *fresh*, without the cache of tokens, unless its own transaction asks what the actor
        may do. A request counts once, however often this is called for it.

        Raises: Unauthenticated; RateLimited where an address has failed too often; IdentityUnavailable.
        """
        known: Admission | None = request.scope.get(ADMISSION)
        if known is not None and (known.is_fresh or not fresh):
            return known
        client = request.scope.get("client")
        address: str = client[0] if client else ""
        identity, is_fresh = await self.identify(request.headers.get("authorization"), address, fresh=fresh)
        standing = known.standing if known else await self.count(identity)
        admission = request.scope[ADMISSION] = Admission(identity, standing, is_fresh)
        return admission

    async def identify(self, header: str | None, address: str, *, fresh: bool) -> tuple[Identity, bool]:
        """Return who sent an `Authorization` header from *address*, and whether that was looked up now.

        Raises: as `authenticate`.
        """
        try:
            return await self._authenticator.authenticate(header, fresh=fresh)
        except Unauthenticated:
            await self._rates.count_failure(address)
            raise

    async def renew(self, header: str | None, since: float) -> Identity:
        """Return who sent an `Authorization` header before, by a look-up that began *since*; a token that is no longer
        good is no failure of its address.

        Raises: Unauthenticated, IdentityUnavailable, DeadlineExceeded.
        """
        return await self._shared.identity(header, since)

    async def _look_up(self, header: str | None) -> Identity:
        identity, _ = await self._authenticator.authenticate(header, fresh=True)
        return identity

    async def count(self, identity: Identity) -> RateLimitStatus | None:
        """Count a request of this token, and return how it stands; whether its limit is passed is to `demand`."""
        return await self._rates.count_request(identity.actor.token_id)

    async def count_stream(self, identity: Identity) -> None:
        """Count a stream that this token begins. Raises: RateLimited."""
        await self._rates.count_stream(identity.actor.token_id)


def demand_rate(standing: RateLimitStatus | None) -> None:
    """Refuse a client that sends too many requests. Raises: RateLimited."""
    if standing is not None and standing.passed:
        raise RateLimited(seconds=standing.reset_s)
