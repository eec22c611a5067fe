"""Rate limits: requests of one token, and failed authentications of one address, in a number of seconds.

Counted in memory, by each worker for itself, or in Redis for all of them. Where Redis does not answer, each worker goes
on counting for itself: the limit is looser then, and never gone.
"""

import ipaddress
from bisect import bisect_left
from collections import OrderedDict
from functools import lru_cache
from math import ceil
from time import monotonic
from typing import NamedTuple
from uuid import UUID

import structlog

from app.domain.errors import RateLimited

REDIS_S = 0.25
FAILURES_S = 60
KEYS_KEPT = 10_000

log = structlog.get_logger()


class Limit(NamedTuple):
    """So many of one `kind` in so many seconds, of each token or address by itself."""

    kind: str
    amount: int
    window_s: int

    def key(self, whose: str) -> str:
        """Return what those of one token or address are counted by; workers with another limit count by another."""
        return f"{self.kind}/{whose}/{self.amount}/{self.window_s}"


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


class MovingWindow:
    """Counts in this process, for one limit. `kept`: by key, the moments that are within its window, the oldest first.

    The clock is monotonic: by the wall clock, one that is set back an hour would lock every busy token out for an hour.
    """

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self.kept: OrderedDict[str, list[float]] = OrderedDict()  # whose last moment is the oldest comes first

    def hit(self, key: str) -> RateLimitStatus:
        """Count one more, unless there are as many as may be."""
        _, amount, window_s = self._limit
        now = monotonic()
        since = now - window_s
        self._forget(since)
        moments = self.kept.setdefault(key, [])
        del moments[: bisect_left(moments, since)]
        passed = len(moments) >= amount
        if not passed:
            moments.append(now)
            self.kept.move_to_end(key)
        wait_s = min(max(1, ceil(moments[0] - since)), window_s)
        return RateLimitStatus(amount, window_s, amount - len(moments), wait_s, passed)

    def _forget(self, since: float) -> None:
        """Forget those of whom nothing counts any more. They come first: nobody else is looked at."""
        while self.kept and next(iter(self.kept.values()))[-1] < since:
            self.kept.popitem(last=False)


# The time is Redis' for all workers, whose clocks may differ. What lies ahead of it was counted before that clock was
# set back: it would count for longer than the window.
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

    async def hit(self, limit: Limit, key: str) -> RateLimitStatus:
        _, amount, window_s = limit
        passed, used, wait_s = await self._hit([f"casegate:{key}"], [amount, window_s])
        return RateLimitStatus(amount, window_s, amount - used, min(max(1, wait_s), window_s), passed=bool(passed))

    async def close(self) -> None:
        await self._client.aclose()


class _Counter:
    """Counts what one limit is about, in Redis if there is one and it answers."""

    def __init__(self, limit: Limit, redis: _Redis | None) -> None:
        self._limit = limit
        self._redis = redis
        self._window = MovingWindow(limit)
        # To write a token's id takes as long as to count.
        self._key = lru_cache(KEYS_KEPT)(lambda whose: limit.key(str(whose)))

    async def hit(self, whose: UUID | str) -> RateLimitStatus:
        """Count one more of a token or an address, and return how it stands."""
        key = self._key(whose)
        if self._redis is not None:
            try:
                return await self._redis.hit(self._limit, key)
            except (
                Exception
            ) as error:  # whatever it raises: a limit that can't be asked about must not stop the gateway
                log.warning("rates_not_shared", reason=type(error).__name__)
        return self._window.hit(key)


class RateLimiter:
    """Counts requests, streams that begin, and failures; a limit of 0 is none."""

    def __init__(self, *, requests: int, seconds: int, failures: int, streams: int = 0, redis_url: str = "") -> None:
        self._redis = _Redis(redis_url) if redis_url else None
        self._requests = self._counter(Limit("token", requests, seconds))
        self._streams = self._counter(Limit("streams", streams, seconds))
        self._failures = self._counter(Limit("failures", failures, FAILURES_S))

    def _counter(self, limit: Limit) -> _Counter | None:
        return _Counter(limit, self._redis) if limit.amount else None

    async def count_request(self, token_id: UUID) -> RateLimitStatus | None:
        """Count a request of the token, and return how it stands; None where there is no limit."""
        return None if self._requests is None else await self._requests.hit(token_id)

    async def count_stream(self, token_id: UUID) -> None:
        """Count a stream that the token begins. Raises: RateLimited."""
        if self._streams is not None:
            _demand(await self._streams.hit(token_id))

    async def count_failure(self, address: str) -> None:
        """Count a failed authentication of the address. Raises: RateLimited."""
        if self._failures is not None:
            _demand(await self._failures.hit(network(address)))

    async def close(self) -> None:
        """Let go of Redis."""
        if self._redis is not None:
            await self._redis.close()


def _demand(standing: RateLimitStatus) -> None:
    if standing.passed:
        raise RateLimited(seconds=standing.reset_s)


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
