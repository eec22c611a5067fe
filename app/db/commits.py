"""Tells who wants to know, in this process, that rows of an account's log were committed."""

from collections.abc import Callable
from uuid import UUID


class CommitSignal:
    """What is called after each commit of an account's log, in order. It must return at once."""

    __slots__ = ("_called",)

    def __init__(self) -> None:
        self._called: list[Callable[[UUID], None]] = []

    def subscribe(self, called: Callable[[UUID], None]) -> None:
        """Call *called* with the account's id after each commit."""
        self._called.append(called)

    def send(self, account_id: UUID) -> None:
        """Tell that something of this account's log was committed."""
        for called in self._called:
            called(account_id)
