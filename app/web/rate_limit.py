"""Rate limits: requests of one token, and failed authentications of one address, in a number of seconds.

Counted in memory, by each worker for itself, or in Redis for all of them. Where Redis does not answer, each worker goes
on counting for itself: the limit is looser then, and never gone.
"""

import inspect
import ipaddress
import math
import time
from functools import lru_cache, partial
from typing import NamedTuple
from uuid import UUID

import structlog
from limits import RateLimitItem, RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage, memory

from app.domain.errors import RateLimited

REDIS_S = 0.25
SWEEP_S = 1
KEYS_KEPT = 10_000

log = structlog.get_logger()


class RateLimitStatus(NamedTuple):
    """How a token stands: what is left of its limit, and in how many seconds there is more; `passed` if too much."""

    limit: int
    window_s: int
    remaining: int
    reset_s: int
    passed: bool = False

    def shown(self) -> dict[str, int]:
        """Return it as the API shows it."""
        return {
            "limit": self.limit,
            "window_seconds": self.window_s,
            "remaining": self.remaining,
            "reset_seconds": self.reset_s,
        }

    def headers(self) -> dict[str, str]:
        """Return the fields of draft-ietf-httpapi-ratelimit-headers-10."""
        return {
            "RateLimit-Policy": f'"token";q={self.limit};w={self.window_s}',
            "RateLimit": f'"token";r={self.remaining};t={self.reset_s}',
        }


class _Monotonic:
    """What the library's storage in memory takes for the module `time`: the monotonic clock.

    By the wall clock, one that is set back an hour would lock every busy token out for an hour.
    """

    time = staticmethod(time.monotonic)


memory.time = _Monotonic  # type: ignore[assignment, attr-defined]  # the library has no other seam


class _Memory(MemoryStorage):
    """The library's storage in memory. Its own looks for what has expired at each hit, in another thread.

    That would be 12 % more instructions for reading one case.
    """

    _sweep_at = 0.0

    async def _MemoryStorage__schedule_expiry(self) -> None:  # noqa: N802  # the name that the library calls it by
        if time.monotonic() >= self._sweep_at:
            self._sweep_at = time.monotonic() + SWEEP_S
            await super()._MemoryStorage__schedule_expiry()  # type: ignore[misc]  # it is private there


# The library wraps the methods of each storage, and again those of its heir, to give what they raise another type.
for _name in ("acquire_entry", "get_moving_window"):
    setattr(_Memory, _name, inspect.unwrap(getattr(MemoryStorage, _name)))


# The library's own scripts take the caller's time; here it is Redis' for all workers, whose clocks may differ.
# What lies ahead of it was counted before its clock was set back: it would count for longer than the window.
_HIT = """
local time = redis.call('TIME')
local now, limit, window = time[1] + time[2] / 1000000, tonumber(ARGV[1]), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.6f', now - window))
redis.call('ZREMRANGEBYSCORE', KEYS[1], string.format('(%.6f', now + 0.001), '+inf')
local used = redis.call('ZCARD', KEYS[1])
local passed = used >= limit
if not passed then
    redis.call('ZADD', KEYS[1], string.format('%.6f', now), time[1] .. '.' .. time[2] .. '-' .. used)
    redis.call('PEXPIRE', KEYS[1], window * 1000)
    used = used + 1
end
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
return {passed and 1 or 0, used, math.ceil(oldest + window - now)}
"""


class _Redis:
    """Counts in Redis."""

    def __init__(self, url: str) -> None:
        from redis.asyncio import Redis  # an extra

        self._client = Redis.from_url(url, socket_timeout=REDIS_S, socket_connect_timeout=REDIS_S)
        self._hit = self._client.register_script(_HIT)

    async def hit(self, item: RateLimitItem, key: str) -> RateLimitStatus:
        limit, window_s = item.amount, item.get_expiry()
        passed, used, wait_s = await self._hit([f"casegate:{key}"], [limit, window_s])
        return RateLimitStatus(limit, window_s, limit - used, min(max(1, wait_s), window_s), passed=bool(passed))

    async def close(self) -> None:
        await self._client.aclose()


class RateLimiter:
    """Counts requests, streams that begin, and failures; a limit of 0 is none."""

    def __init__(self, *, requests: int, seconds: int, failures: int, streams: int = 0, redis_url: str = "") -> None:
        self._requests = RateLimitItemPerSecond(requests, seconds) if requests else None
        self._streams = RateLimitItemPerSecond(streams, seconds) if streams else None
        self._failures = RateLimitItemPerSecond(failures, 60) if failures else None
        self._key = lru_cache(KEYS_KEPT)(partial(_key, self._requests))
        self._own = _Memory()
        self._shared = _Redis(redis_url) if redis_url else None

    async def count_request(self, token_id: UUID) -> RateLimitStatus | None:
        """Count a request of the token, and return how it stands; None where there is no limit."""
        return None if self._requests is None else await self._hit(self._requests, self._key(token_id))

    async def count_stream(self, token_id: UUID) -> None:
        """Count a stream that the token begins. Raises: RateLimited."""
        if self._streams is None:
            return
        standing = await self._hit(self._streams, self._streams.key_for("streams", str(token_id)))
        if standing.passed:
            raise RateLimited(seconds=standing.reset_s)

    async def count_failure(self, address: str) -> None:
        """Count a failed authentication of the address. Raises: RateLimited."""
        if self._failures is None:
            return
        standing = await self._hit(self._failures, self._failures.key_for("failures", network(address)))
        if standing.passed:
            raise RateLimited(seconds=standing.reset_s)

    async def close(self) -> None:
        """Let go of Redis."""
        if self._shared is not None:
            await self._shared.close()

    async def _hit(self, item: RateLimitItem, key: str) -> RateLimitStatus:
        if self._shared is not None:
            try:
                return await self._shared.hit(item, key)
            except (
                Exception
            ) as error:  # whatever it raises: a limit that can't be asked about must not stop the gateway
                log.warning("rates_not_shared", reason=type(error).__name__)
        return await _hit_on(self._own, item, key)


def _key(item: RateLimitItem | None, token_id: UUID) -> str:
    return "" if item is None else item.key_for("token", str(token_id))


async def _hit_on(storage: _Memory, item: RateLimitItem, key: str) -> RateLimitStatus:
    """Do what the library's `MovingWindowRateLimiter` does in two calls, each of which makes the key anew."""
    limit, window_s = item.amount, item.get_expiry()
    allowed = await storage.acquire_entry(key, limit, window_s)
    began, used = await storage.get_moving_window(key, limit, window_s)
    wait_s = min(max(1, math.ceil(began + window_s - time.monotonic())), window_s)
    return RateLimitStatus(limit, window_s, limit - used, wait_s, passed=not allowed)


def network(address: str) -> str:
    """Return what one customer of a provider has: an IPv4 address, or the /64 of an IPv6 address.

    Where an IPv6 address stands for an IPv4 one, it is that one: else all who come by one translator would be one. What
    is no address, as a proxy may pass on, is one for all: making up another one evades nothing.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    embedded = _embedded(parsed)
    if embedded is not None:
        return str(embedded)
    length = 128 if parsed in _LOCAL_TRANSLATION else 64
    return str(ipaddress.ip_network((int(parsed), length), strict=False))


# RFC 6052, section 2.1, and the older form of RFC 2765, section 2.1. Behind a prefix of one's own (RFC 8215) the IPv4
# address may stand anywhere, and each address is counted by itself.
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("::ffff:0:0:0/96")
_LOCAL_TRANSLATION = ipaddress.IPv6Network("64:ff9b:1::/48")


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that *address* stands for: mapped, translated, or tunnelled by 6to4 or Teredo."""
    if any(address in prefix for prefix in _TRANSLATED):
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
