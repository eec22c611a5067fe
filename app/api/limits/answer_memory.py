"""The memory of a process for answers that are being built, shared out among accounts, tokens and operations.

An operation takes what it needs step by step, and gives all of it back once its answer is on its way. One token and one
account have a part each; what has no room is refused, and a single operation may have as much as one answer may take.
"""

from collections import Counter
from uuid import UUID

from app.domain.errors import Overloaded
from app.web.concurrency import RETRY_S


class AnswerMemory:
    """At most *total* bytes at once."""

    def __init__(self, total: int) -> None:
        self.taken = 0
        self._total = total
        self._of_account = total * 2 // 3
        self._of_token = total // 2
        self._holders: Counter[UUID] = Counter()

    def share(self, account_id: UUID, token_id: UUID) -> "Share":
        """Return the share of one operation, which holds nothing yet."""
        return Share(self, (account_id, token_id))

    def has_room(self, holders: tuple[UUID, UUID], held: int, more: int) -> bool:
        """Tell whether an operation of these that holds so much may have *more*."""
        account_id, token_id = holders
        return self.taken == held or (
            self.taken + more <= self._total
            and self._holders[account_id] + more <= self._of_account
            and self._holders[token_id] + more <= self._of_token
        )

    def note(self, holders: tuple[UUID, UUID], more: int) -> None:
        """Count what an operation of these takes, or gives back."""
        self.taken += more
        for holder in holders:
            self._holders[holder] += more
            if not self._holders[holder]:
                del self._holders[holder]


class Share:
    """What one operation holds."""

    __slots__ = ("_holders", "_memory", "held")

    def __init__(self, memory: AnswerMemory, holders: tuple[UUID, UUID]) -> None:
        self._memory = memory
        self._holders = holders
        self.held = 0

    def take(self, more: int) -> None:
        """Hold so many bytes more. Raises: Overloaded."""
        if not self._memory.has_room(self._holders, self.held, more):
            raise Overloaded(seconds=RETRY_S)
        self._memory.note(self._holders, more)
        self.held += more

    def release(self) -> None:
        """Give back all that is held."""
        if self.held:
            self._memory.note(self._holders, -self.held)
            self.held = 0
