"""Wakes listeners of a log by groups, each in its turn, so that a commit does not wake all that wait at once."""

import asyncio
from collections.abc import Callable
from itertools import islice
from typing import Protocol
from uuid import UUID

AT_ONCE = 20
"""Listeners of a group that are woken in one turn."""


class Turns(Protocol):
    """Has what waits go on bit by bit."""

    def enqueue(self, wake: Callable[[], object], streams: int) -> None:
        """Have *wake* called once, in its turn, which wakes so many."""


class ListenerGroup:
    """Listeners that are woken together, as the streams of one token that share what an event gives.

    `case_id` is the case whose rows alone they are woken for, None for all.
    """

    def __init__(self, turns: Turns, case_id: UUID | None) -> None:
        self.case_id = case_id
        self._turns = turns
        self._waiting: dict[asyncio.Future[None], None] = {}
        self._due: dict[asyncio.Future[None], None] = {}
        self._is_queued = False
        self.members = 0

    def join(self, *, is_due: bool) -> asyncio.Future[None]:
        """Return what is done in the group's turn after rows have come, as they have already where it *is_due*.

        To be given to `leave` then. It is no coroutine, as each of a thousand streams would keep one while it waits.
        """
        turn = asyncio.get_running_loop().create_future()
        (self._due if is_due else self._waiting)[turn] = None
        if is_due:
            self._enqueue()
        return turn

    def leave(self, turn: asyncio.Future[None]) -> None:
        """Forget who waited, or waits no more."""
        self._waiting.pop(turn, None)
        self._due.pop(turn, None)

    def note_rows(self) -> None:
        """Have those who wait woken in the group's turn."""
        if self._waiting:
            self._due |= self._waiting
            self._waiting.clear()
            self._enqueue()

    def _enqueue(self) -> None:
        if not self._is_queued:
            self._is_queued = True
            self._turns.enqueue(self._wake, min(len(self._due), AT_ONCE))

    def _wake(self) -> None:
        self._is_queued = False
        for turn in list(islice(self._due, AT_ONCE)):
            del self._due[turn]
            if not turn.done():
                turn.set_result(None)
        if self._due:
            self._enqueue()
