"""Lets only so many operations in at once: who finds it full is told at once to come back, and nobody waits outside."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.domain.errors import Overloaded
from app.metrics import in_hand

RETRY_S = 1


class Gate:
    """A bound on what goes on at the same time in this process."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self.inside = 0

    def look(self) -> None:
        """Refuse whoever would find it full. Raises: Overloaded."""
        if self.inside >= self._capacity:
            raise Overloaded(seconds=RETRY_S)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be inside meanwhile. Raises: Overloaded, when it is full."""
        self.look()
        self.inside += 1
        in_hand.inc()
        try:
            yield
        finally:
            self.inside -= 1
            in_hand.dec()
