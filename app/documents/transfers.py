"""Uploads under way: bounds on their bytes for a token and an account, and on the time of each."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

from app.domain.errors import RateLimited
from app.domain.facts import Actor

TOKEN_MAX = 256 * 1024 * 1024
ACCOUNT_MAX = 512 * 1024 * 1024
"""Bytes that have arrived and are not stored yet, in one process."""

RETRY_S = 5
RATE_MIN = 32 * 1024
"""Bytes a second: what comes more slowly than that is given no more time for it."""
TOTAL_S = 300


class Transfer:
    """What one request brings."""

    def __init__(self, transfers: "Transfers", actor: Actor) -> None:
        self._transfers = transfers
        self._keys = (actor.token_id, actor.account_id)
        self.taken = 0

    def take(self, size: int) -> None:
        """Count *size* bytes more. Raises: RateLimited, where the token or its account has too many under way."""
        self._transfers.count(self._keys, size)
        self.taken += size

    def end(self) -> None:
        self._transfers.release(self._keys, self.taken)
        self.taken = 0


class Transfers:
    """The bytes under way, by token and by account."""

    def __init__(self, token_max: int = TOKEN_MAX, account_max: int = ACCOUNT_MAX) -> None:
        self._most = (token_max, account_max)
        self._under_way: Counter[UUID] = Counter()

    @contextmanager
    def begun(self, actor: Actor) -> Iterator[Transfer]:
        """Yield a transfer of *actor*'s; whatever comes, its bytes are not under way any more afterwards."""
        transfer = Transfer(self, actor)
        try:
            yield transfer
        finally:
            transfer.end()

    def count(self, keys: tuple[UUID, UUID], size: int) -> None:
        for key, most in zip(keys, self._most, strict=True):
            if self._under_way[key] + size > most:
                raise RateLimited(seconds=RETRY_S)
        self._under_way.update(dict.fromkeys(keys, size))

    def release(self, keys: tuple[UUID, UUID], size: int) -> None:
        for key in keys:
            self._under_way[key] -= size
            if self._under_way[key] <= 0:
                del self._under_way[key]


async def in_time(
    stream: AsyncIterator[bytes], receive_s: float, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[bytes]:
    """Yield what arrives. All of it has *receive_s*, and what RATE_MIN gives for the bytes that have come.

    Raises: TimeoutError.
    """
    start, received, pieces = clock(), 0, aiter(stream)
    while True:
        left = start + min(receive_s + received / RATE_MIN, TOTAL_S) - clock()
        if left <= 0:
            raise TimeoutError
        try:
            async with asyncio.timeout(left):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        received += len(piece)
        yield piece
