"""Retention: what an account keeps for so many days after closing is erased then, as an act of the account's own rules.

Each case is decided anew under its lock: a hold, another erasure or another retention that came meanwhile counts.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.actions.draft import Draft
from app.actions.erasure import demand_erasable
from app.actions.outcome import Outcome
from app.actions.perform import perform_by_rule
from app.actions.rules import BATCH, attempted, drafted_by_rule, in_batches
from app.db.account_log import NO_REQUEST, lock_account
from app.db.engines import Database
from app.db.reader import Reader
from app.db.repository.locks import lock_case
from app.db.repository.retention import (
    Overdue,
    OverdueCase,
    Retention,
    count_overdue,
    overdue_cases,
    retention_of,
    retentions,
)
from app.domain.commands import EraseContent
from app.domain.errors import InputRefused, Refusal
from app.domain.workflow import advance


@dataclass(frozen=True, slots=True)
class RetentionStep:
    """What came of one case: whether its content was erased; where not, something else came first, or it failed."""

    retention: Retention
    case: OverdueCase
    is_erased: bool
    is_failed: bool = False


async def count_by_account(database: Database, now: clock.Clock = clock.now) -> list[tuple[Retention, Overdue]]:
    """Return of each account that has a retention how many of its cases are over it."""
    async with database.read() as connection:
        known = await retentions(connection)
        until = {item: _closed_by(item.days, now()) for item in known}
        return [(item, await count_overdue(connection, item.account_id, until[item])) for item in known]


async def erase_overdue(
    database: Database, now: clock.Clock = clock.now, *, batch: int = BATCH
) -> AsyncGenerator[RetentionStep, None]:
    """Erase the content of each case that is over its account's retention, and yield what came of it.

    A case that can't be erased is logged, and holds up no other. Raises: what a database raises that is away.
    """
    async with database.read() as connection:
        known = await retentions(connection)
    for retention in known:

        async def find(connection: Reader, last: OverdueCase | None, kept: Retention = retention) -> list[OverdueCase]:
            return await overdue_cases(connection, kept.account_id, _closed_by(kept.days, now()), last, batch)

        async for case in in_batches(database, find, batch):
            erased = erase_case(database, retention.account_id, case.id, now)
            yield RetentionStep(retention, case, *await attempted(erased, "case_not_erased", case=case.id))


async def erase_case(
    database: Database, account_id: UUID, case_id: UUID, now: clock.Clock = clock.now
) -> Outcome | None:
    """Erase all content of a case that is over its account's retention; None where it is not, or not any more."""

    async def draft(connection: AsyncConnection) -> Draft | None:
        return await _draft(connection, account_id, case_id, now)

    outcome = await perform_by_rule(database, account_id, draft, request_id=NO_REQUEST)
    if outcome is not None:
        database.erased.set()
    return outcome


async def _draft(connection: AsyncConnection, account_id: UUID, case_id: UUID, now: clock.Clock) -> Draft | None:
    await lock_account(connection, account_id)
    days = await retention_of(connection, account_id)
    locked = await lock_case(connection, account_id, case_id)
    if days is None or locked is None:
        return None
    case, moment = locked.case, now()
    if case.closed_at is None or case.closed_at > _closed_by(days, moment):
        return None
    reason = f"The account keeps content for {days} days after closing."
    command = EraseContent(case_id=case_id, everything=True, reason=reason)
    try:
        status = advance(command.action, case.status, is_held=case.held_by_id is not None)
        await demand_erasable(connection, account_id, command, case)
    except (Refusal, InputRefused):
        return None
    return await drafted_by_rule(connection, locked, command, status, account_id, moment)


def _closed_by(days: int, now: datetime) -> datetime:
    """Return when what is over the retention *now* was closed at the latest."""
    return now - timedelta(days=days)
