"""What all acts of an account's own rules share: they are looked for in batches, tried one by one, and drafted.

Each is a transaction of its own, so that a run which ends early is taken up by the next one, and is decided anew under
the lock of its case: whoever is second, in another process too, finds nothing left to do.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple, TypeVar
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.actions.draft import Draft
from app.actions.outcome import Outcome
from app.db.account_log import NO_REQUEST
from app.db.engines import Database
from app.db.errors import unavailable_of
from app.db.reader import Reader
from app.db.repository.locks import Locked
from app.db.user_writes import system_identity
from app.domain.commands import CaseCommand
from app.domain.facts import SystemActor
from app.domain.model import CaseStatus

BATCH = 100

log = structlog.get_logger()

Found = TypeVar("Found")


async def in_batches(
    database: Database, find: Callable[[Reader, Found | None], Awaitable[list[Found]]], batch: int
) -> AsyncIterator[Found]:
    """Yield all that *find* finds: up to *batch* at a time, behind the last one that was found, None at first."""
    last: Found | None = None
    while True:
        async with database.read() as connection:
            found = await find(connection, last)
        for item in found:
            yield item
        if len(found) < batch:
            return
        last = found[-1]


class Attempt(NamedTuple):
    """Whether it was done; where not, something else came first, or it failed."""

    is_done: bool
    is_failed: bool = False


async def attempted(act: Awaitable[Outcome | None], failed: str, **about: UUID) -> Attempt:
    """Do it; what fails is logged as the event *failed*, with what it is *about*, and holds up no other.

    Raises: what a database raises that is away.
    """
    try:
        return Attempt(await act is not None)
    except Exception as fault:
        if unavailable_of(fault, NO_REQUEST) is not None:
            raise
        log.error(failed, exc_info=fault, **{name: str(id) for name, id in about.items()})
        return Attempt(is_done=False, is_failed=True)


async def drafted_by_rule(
    connection: AsyncConnection,
    locked: Locked,
    command: CaseCommand,
    status: CaseStatus,
    account_id: UUID,
    now: datetime,
) -> Draft:
    """Return the draft of an act on a locked case, whose status it becomes; no earlier than what came before."""
    case, actor = locked.case, SystemActor(account_id, await system_identity(connection, account_id, now))
    moment, after = max(now, case.updated_at), replace(case, status=status)
    return Draft(connection, actor, command, moment, before=case, case=after, subject=locked.subject)
