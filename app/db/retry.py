"""Retries a transaction that lost against another one, as a whole.

What it does not do: try again after a COMMIT whose end is unknown, as when the connection is lost. That is settled by
an idempotency key alone.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engines import Database
from app.db.errors import AuthorityChanged, is_authority_gone, is_retryable, refusal_of
from app.db.prepared import AutocommitWriter

RETRIES = 3
FIRST_WAIT_S = 0.02

T = TypeVar("T")


async def attempt(database: Database, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    """Do *work* as one transaction, up to four times, and return what it gives once that is durable.

    Raises: Refusal, where a constraint stands for one; AuthorityGone.
    """
    for retry in range(RETRIES + 1):
        try:
            async with database.write() as connection:
                return await work(connection)
        except IntegrityError as error:
            if is_authority_gone(error):
                raise AuthorityChanged from error
            refusal = refusal_of(error)
            if refusal is None:
                raise
            raise refusal from error
        except DBAPIError as error:
            if not is_retryable(error) or retry == RETRIES:
                raise
        # Those that met once would meet again, if they all waited for the same time.
        await asyncio.sleep(FIRST_WAIT_S * 2**retry * random.uniform(0.5, 1.5))
    raise AssertionError("unreachable")


async def attempt_autocommit(database: Database, work: Callable[[AutocommitWriter], Awaitable[T | None]]) -> T | None:
    """Do *work*, which writes by `prepared.write_if_unchanged`, without a transaction around it.

    Return None where it lost against another one, or a constraint did not let it: then nothing is done, and a
    transaction with its locks will tell.
    """
    try:
        async with database.autocommit_writer() as connection:
            return await work(connection)
    except DBAPIError as error:
        if not isinstance(error, IntegrityError) and not is_retryable(error):
            raise
    return None
