"""Expiry: an override on which nobody decided in time ends, as an act of the account's own rules."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.actions.draft import Draft
from app.actions.outcome import Outcome
from app.actions.perform import perform_by_rule
from app.actions.rules import BATCH, attempted, drafted_by_rule, in_batches
from app.db.account_log import NO_REQUEST, lock_account
from app.db.engines import Database
from app.db.reader import Reader
from app.db.repository.expiry import ExpiringOverride, expiring_overrides
from app.db.repository.locks import lock_for_decision
from app.domain.commands import ExpireOverride
from app.domain.errors import Refusal
from app.domain.workflow import advance


@dataclass(frozen=True, slots=True)
class ExpiryStep:
    """What came of one override: whether it was ended; where not, something else came first, or it failed."""

    override: ExpiringOverride
    is_expired: bool
    is_failed: bool = False


async def expire_overrides(
    database: Database, now: clock.Clock = clock.now, *, batch: int = BATCH
) -> AsyncGenerator[ExpiryStep, None]:
    """End each override whose time is over, and yield what came of it.

    One that can't be ended is logged, and holds up no other. Raises: what a database raises that is away.
    """

    async def find(connection: Reader, last: ExpiringOverride | None) -> list[ExpiringOverride]:
        return await expiring_overrides(connection, now(), last, batch)

    async for override in in_batches(database, find, batch):
        expired = expire_override(database, override.account_id, override.case_id, override.id, now)
        yield ExpiryStep(override, *await attempted(expired, "override_not_expired", override=override.id))


async def expire_override(
    database: Database, account_id: UUID, case_id: UUID, override_id: UUID, now: clock.Clock = clock.now
) -> Outcome | None:
    """End an override whose time is over; None where it is not, or where it is finished already."""

    async def draft(connection: AsyncConnection) -> Draft | None:
        return await _draft(connection, account_id, case_id, override_id, now)

    return await perform_by_rule(database, account_id, draft, request_id=NO_REQUEST)


async def _draft(
    connection: AsyncConnection, account_id: UUID, case_id: UUID, override_id: UUID, now: clock.Clock
) -> Draft | None:
    await lock_account(connection, account_id)
    locked = await lock_for_decision(connection, account_id, case_id, override_id)
    if locked is None or locked.override is None:
        return None
    case, override, moment = locked.case, locked.override, now()
    command = ExpireOverride(case_id=case_id, override_id=override_id)
    facts = override.facts(frozenset(locked.reviewer_ids), now=moment)
    try:
        status = advance(command.action, case.status, facts)
    except Refusal:
        return None
    if not facts.is_expired:
        return None
    draft = await drafted_by_rule(connection, locked, command, status, account_id, moment)
    return replace(draft, override=override, reviewer_ids=locked.reviewer_ids)
