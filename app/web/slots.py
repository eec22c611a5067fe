"""Slots for long reads: so few that short reads always have connections, and shared out fairly.

One account has a part of them, and one token a part of that; who finds theirs taken waits, and others pass.
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from app.web.concurrency import AdmittedOperation, WaitQueue, less


class Slots:
    """At most *total* at once; a request that waits for longer than *patience* seconds is refused."""

    def __init__(self, total: int, patience: float) -> None:
        self.taken = 0
        self._total = total
        self._of_account = max(1, total * 2 // 3)
        self._of_token = max(1, total // 2)
        self._holders: Counter[UUID] = Counter()
        self._queue = WaitQueue(patience)

    @classmethod
    def beside(cls, connections: int, patience: float) -> "Slots":
        """Return as many slots as leave two fifths of the *connections* to others, one connection at least."""
        return cls(max(1, connections * 3 // 5), patience)

    @asynccontextmanager
    async def one(self, account_id: UUID, token_id: UUID) -> AsyncIterator[None]:
        """Hold a slot. Raises: Overloaded, when it is entered."""
        who = AdmittedOperation(account_id, token_id, writes=False)
        if not self._take(who):
            await self._queue.wait(who, self._give)
        try:
            yield
        finally:
            self._give(who)

    def _take(self, who: AdmittedOperation) -> bool:
        """Take a slot, if there is one."""
        if (
            self.taken >= self._total
            or self._holders[who.account_id] >= self._of_account
            or self._holders[who.token_id] >= self._of_token
        ):
            return False
        self.taken += 1
        self._holders.update((who.account_id, who.token_id))
        return True

    def _give(self, who: AdmittedOperation) -> None:
        """Give a slot back, and grant it to whose account has the fewest; of one account, to who has waited longest."""
        self.taken -= 1
        for holder in (who.account_id, who.token_id):
            less(self._holders, holder)
        self._queue.grant(self._take, lambda waiting: self._holders[waiting.account_id])
