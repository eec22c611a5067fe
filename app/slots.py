"""Slots for what takes the database long: so few that short reads always have connections, and shared out fairly.

One account has a part of them, and one token a part of that; who finds theirs taken waits, and others pass.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from uuid import UUID

from app.domain.errors import Overloaded
from app.gate import RETRY_S


class Slots:
    """At most *total* at once; who waits for longer than *patience* seconds is told to come back."""

    def __init__(self, total: int, patience: float) -> None:
        self.taken = 0
        self._total = total
        self._of_account = max(1, total * 2 // 3)
        self._of_token = max(1, total // 2)
        self._patience = patience
        self._holders: Counter[UUID] = Counter()
        self._waiting: dict[asyncio.Future[None], tuple[UUID, UUID]] = {}

    @classmethod
    def beside(cls, connections: int, patience: float) -> "Slots":
        """Return as many slots as leave two fifths of the *connections* to others, one connection at least."""
        return cls(max(1, connections * 3 // 5), patience)

    @asynccontextmanager
    async def one(self, account_id: UUID, token_id: UUID) -> AsyncIterator[None]:
        """Hold a slot. Raises: Overloaded, when it is entered."""
        await self._take(account_id, token_id)
        try:
            yield
        finally:
            self._give((account_id, token_id))

    async def _take(self, *holders: UUID) -> None:
        account_id, token_id = holders
        if self._may_take(account_id, token_id):
            self._note(holders)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting[turn] = account_id, token_id
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():  # it came at the last moment
                self._give(holders)
            if isinstance(error, TimeoutError):
                raise Overloaded(seconds=RETRY_S) from None
            raise
        finally:
            self._waiting.pop(turn, None)

    def _may_take(self, account_id: UUID, token_id: UUID) -> bool:
        return (
            self.taken < self._total
            and self._holders[account_id] < self._of_account
            and self._holders[token_id] < self._of_token
        )

    def _note(self, holders: Iterable[UUID]) -> None:
        self.taken += 1
        self._holders.update(holders)

    def _give(self, holders: Iterable[UUID]) -> None:
        """Give a slot back, and to those who have waited longest what they may take now."""
        self.taken -= 1
        for holder in holders:
            self._holders[holder] -= 1
            if not self._holders[holder]:
                del self._holders[holder]
        for turn, waiting in list(self._waiting.items()):
            if not turn.done() and self._may_take(*waiting):
                self._note(waiting)
                turn.set_result(None)
