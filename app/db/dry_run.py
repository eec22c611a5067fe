"""A transaction that is rolled back: what it returned is all that is left of a dry run."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import background
from app.db.engines import Database
from app.db.errors import DATABASE_ERRORS
from app.db.retry import attempt

T = TypeVar("T")

# What can be searched is numbered by a sequence, which would not roll back; a trigger of migration 0004 heeds it.
_NO_NUMBERS = text("SET LOCAL casegate.rehearsal = 'on'")


class _Undo(Exception):
    """Rolls back a transaction."""


async def rehearsed(database: Database, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Do *work* as one transaction, undo it, and return what it gave.

    It is in a task of its own: who is cancelled while waiting for it leaves no transaction half open.

    Raises: what the work raises.
    """
    task = background.start(_undone(database, work))
    task.add_done_callback(background.mark_seen)
    return await asyncio.shield(task)


async def _undone(database: Database, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    given: list[T] = []

    async def show(connection: AsyncConnection) -> None:
        given.clear()  # of an attempt that lost
        if not database.is_sqlite:
            await connection.execute(_NO_NUMBERS)
        given.append(await work(connection))
        raise _Undo

    try:
        await attempt(database, show)
    except _Undo:
        pass
    except DATABASE_ERRORS:
        if not given:
            raise
        # It is about the rolling back: a connection that is lost has done it.
    return given[-1]
