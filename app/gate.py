"""Lets only so many operations in at once: who finds it full is told at once to come back, and nobody waits outside.

One token and one account have a part of it each, and reads leave a part to writes: nobody is shut out by others.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from app.domain.errors import Overloaded

RETRY_S = 1


class Gate:
    """A bound on what goes on at the same time in this process. `inside`: how many operations that is."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._of_reads = max(1, capacity * 9 // 10)
        self._of_account = max(1, capacity * 9 // 10)
        self._of_token = max(1, capacity * 8 // 10)
        self._holders: Counter[UUID] = Counter()
        self._reads = 0
        self.inside = 0

    def look(self) -> None:
        """Refuse whoever would find it full. Raises: Overloaded."""
        if self.inside >= self._capacity:
            raise Overloaded(seconds=RETRY_S)

    @contextmanager
    def entered(self, account_id: UUID, token_id: UUID, *, writes: bool) -> Iterator[None]:
        """Be inside. Raises: Overloaded, when it is full, or one's own part of it is."""
        self.look()
        holders = self._holders
        if holders[token_id] >= self._of_token or holders[account_id] >= self._of_account:
            raise Overloaded(seconds=RETRY_S)
        if not writes and self._reads >= self._of_reads:
            raise Overloaded(seconds=RETRY_S)
        self.inside += 1
        self._reads += not writes
        holders[token_id] += 1
        holders[account_id] += 1
        try:
            yield
        finally:
            self.inside -= 1
            self._reads -= not writes
            for holder in (token_id, account_id):
                holders[holder] -= 1
                if not holders[holder]:
                    del holders[holder]
