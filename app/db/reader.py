"""What statements that read can be sent by: a connection, or SQLite's group commit.

A dry run reads by the connection of its transaction. `prepared` sends prepared statements by either.
"""

from typing import Any, Protocol

from sqlalchemy import CursorResult, Dialect, Executable


class Reader(Protocol):
    """Sends statements that read. SQLAlchemy's `AsyncConnection` is one, `sqlite.group_commit.GroupCommit` another."""

    @property
    def dialect(self) -> Dialect:
        """Which database it is, and how statements are compiled for it."""

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[*tuple[Any, ...]]:
        """Execute what is not prepared. Raises: what SQLAlchemy raises."""

    async def scalar(self, statement: Executable, parameters: Any = None) -> Any:
        """Do as `execute`, and return the first column of the first row, None where there is none."""
