"""The identity provider's public keys: fetched without blocking, kept, and fetched anew when it has changed them.

Where it does not answer, keys that were seen an hour ago at most go on being used. It verifies nothing.
"""

import asyncio
import time
from collections.abc import Callable

import httpx2
import orjson
import structlog
from jwt import PyJWK, PyJWTError

from app.domain.errors import IdentityUnavailable

FRESH_S = 300
GRACE_S = 3600
RETRY_S = 10
FETCH_S = 5
SIZE_MAX = 512 * 1024
KEYS_MAX = 100

log = structlog.get_logger()


class KeySet:
    """The keys at one address, by their ids."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._keys: dict[str, PyJWK] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._lock = asyncio.Lock()

    async def key(self, key_id: str) -> PyJWK | None:
        """Return the key of this id, None where the provider has none. Raises: IdentityUnavailable."""
        if key_id not in self._keys or not self._is_younger_than(FRESH_S):
            await self._refresh(key_id)
        key = self._keys.get(key_id)
        # Whether an unknown key is a new one of the provider, nobody knows while the provider does not answer.
        if not self._is_younger_than(GRACE_S) or (key is None and self._fetched_at != self._tried_at):
            raise IdentityUnavailable(seconds=RETRY_S)
        return key

    def _is_younger_than(self, seconds: float) -> bool:
        return self._fetched_at is not None and self._clock() - self._fetched_at < seconds

    async def _refresh(self, key_id: str) -> None:
        """Fetch the keys, one request at a time and not too often: any client can make up a key's id."""
        async with self._lock:
            is_known = key_id in self._keys and self._is_younger_than(FRESH_S)
            if is_known or (self._tried_at is not None and self._clock() - self._tried_at < RETRY_S):
                return
            self._tried_at = self._clock()
            try:
                self._keys = await self._fetch()
                self._fetched_at = self._tried_at
            except (httpx2.HTTPError, OSError, ValueError, TimeoutError) as error:
                log.warning("keys_not_fetched", reason=type(error).__name__)

    async def _fetch(self) -> dict[str, PyJWK]:
        """Return the keys that the provider has now. Raises: ValueError for what is no key set."""
        async with (
            asyncio.timeout(FETCH_S),
            httpx2.AsyncClient(timeout=FETCH_S, follow_redirects=False) as client,
            client.stream("GET", self._url, headers={"Accept": "application/json"}) as answer,
        ):
            answer.raise_for_status()
            body = bytearray()
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > SIZE_MAX:
                    raise ValueError("the key set is too long")
        return _read(orjson.loads(body))


def _read(document: object) -> dict[str, PyJWK]:
    """Return the usable keys of a JWK Set (RFC 7517, section 5), which says to pass over the others."""
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise ValueError("not a key set")
    keys = {}
    for item in listed[:KEYS_MAX]:
        if not isinstance(item, dict) or not isinstance(item.get("kid"), str) or item.get("use", "sig") != "sig":
            continue
        if item.get("kty") not in ("RSA", "EC", "OKP"):  # a symmetric key has no place in a public set
            continue
        try:
            keys[item["kid"]] = PyJWK(item)
        except (PyJWTError, ValueError, TypeError, KeyError):
            continue
    return keys
