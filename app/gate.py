"""Lets only so many operations in at once: who finds it full is told at once to come back, and nobody waits outside."""

from app.domain.errors import Overloaded

RETRY_S = 1


class Gate:
    """A bound on what goes on at the same time in this process; `with` it, one is inside."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self.inside = 0

    def look(self) -> None:
        """Refuse whoever would find it full. Raises: Overloaded."""
        if self.inside >= self._capacity:
            raise Overloaded(seconds=RETRY_S)

    def __enter__(self) -> None:
        """Go inside. Raises: Overloaded, when it is full."""
        self.look()
        self.inside += 1

    def __exit__(self, *_: object) -> None:
        self.inside -= 1
