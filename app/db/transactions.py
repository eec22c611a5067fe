"""Transactions whose ends go to the driver at once, where SQLAlchemy takes a greenlet and a call for each.

SQLAlchemy's connection knows of them all the same. To roll back, which is rare, is left to it whole.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.util.concurrency import greenlet_spawn

from app.db.sqlalchemy_internals import commit, fail_execution, has_begun, raise_adapted
from app.db.sqlite import driver
from app.db.sqlite.driver import BoundStatement


@asynccontextmanager
async def transaction(connection: AsyncConnection) -> AsyncIterator[None]:
    """Be in a transaction that is committed at the end, if it was not before, or rolled back by an exception."""
    sync = connection.sync_connection
    assert sync is not None
    begun = sync.begin()  # waits for nothing: either driver begins with the first statement
    try:
        yield
        await _commit(sync)
        begun.commit()  # waits for nothing: it is done
    except BaseException:
        await greenlet_spawn(begun.rollback)
        raise


async def _commit(sync: Connection) -> None:
    adapted: Any = sync.connection.dbapi_connection
    try:
        if isinstance(adapted, driver.DriverConnection):
            await adapted.execute_batch_and_commit([])
        elif has_begun(adapted):
            await commit(adapted)
    except BaseException as error:
        await greenlet_spawn(fail, sync, adapted, error)
        raise


def fail(
    sync: Connection, adapted: Any, error: BaseException, sent: BoundStatement | None = None, execution: Any = None
) -> NoReturn:
    """Do what SQLAlchemy does where its own execution fails: tell listeners, let go of what is lost, and raise."""
    statement, parameters = sent or (None, None)
    try:
        if isinstance(error, Exception):
            raise_adapted(adapted, error)
        raise error
    except BaseException as known:
        fail_execution(sync, known, statement, parameters, execution)
