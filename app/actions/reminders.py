"""Reminders and escalations: rows of the account's own rules for what is due soon, or late, once for each occasion."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.actions.draft import Draft
from app.actions.outcome import Outcome
from app.actions.perform import perform_by_rule
from app.actions.rules import BATCH, attempted, drafted_by_rule, in_batches
from app.db.account_log import NO_REQUEST, lock_account
from app.db.engines import Database
from app.db.reader import Reader
from app.db.repository.locks import Locked, lock_case, lock_for_decision
from app.db.repository.reminders import Due, due_by, hours_of, is_written
from app.domain.commands import Escalate, Remind
from app.domain.errors import Refusal
from app.domain.model import ActionType
from app.domain.reminders import RULES, Reminder, ReminderOccasion, ReminderRule, time_of_override
from app.domain.workflow import advance

_COMMANDS: Mapping[ActionType, type[Remind | Escalate]] = {
    ActionType.REMIND: Remind,
    ActionType.ESCALATE: Escalate,
}


@dataclass(frozen=True, slots=True)
class ReminderStep:
    """What came of one: whether it was written; where not, something else came first, or it failed."""

    rule: ReminderRule
    due: Due
    is_written: bool
    is_failed: bool = False


async def write_reminders(
    database: Database, now: clock.Clock = clock.now, *, batch: int = BATCH
) -> AsyncGenerator[ReminderStep, None]:
    """Write what it is time for, and yield what came of each.

    One that can't be written is logged, and holds up no other. Raises: what a database raises that is away.
    """
    for rule in RULES:

        async def find(connection: Reader, last: Due | None, rule: ReminderRule = rule) -> list[Due]:
            return await due_by(connection, rule, now(), last, batch)

        async for due in in_batches(database, find, batch):
            written = write_reminder(database, rule, due, now)
            yield ReminderStep(rule, due, *await attempted(written, "reminder_not_written", case=due.case_id))


async def write_reminder(
    database: Database, rule: ReminderRule, due: Due, now: clock.Clock = clock.now
) -> Outcome | None:
    """Write the row; None where it is no time for it, or not any more, or it is there already."""

    async def draft(connection: AsyncConnection) -> Draft | None:
        return await _draft(connection, rule, due, now)

    return await perform_by_rule(database, due.account_id, draft, request_id=NO_REQUEST)


async def _draft(connection: AsyncConnection, rule: ReminderRule, due: Due, now: clock.Clock) -> Draft | None:
    account_id = due.account_id
    await lock_account(connection, account_id)
    hours = await hours_of(connection, account_id)
    locked = await _lock(connection, due)
    if hours is None or locked is None:
        return None
    case, moment = locked.case, now()
    reminder = _reminder(rule, locked, moment)
    if reminder is None or not rule.holds(reminder.at, hours, moment):
        return None
    try:
        status = advance(rule.action, case.status)
    except Refusal:
        return None
    if await is_written(connection, case.id, rule.action, reminder):
        return None
    command = _COMMANDS[rule.action](case_id=case.id, reminder=reminder)
    return await drafted_by_rule(connection, locked, command, status, account_id, moment)


async def _lock(connection: AsyncConnection, due: Due) -> Locked | None:
    if due.override_id is None:
        return await lock_case(connection, due.account_id, due.case_id)
    return await lock_for_decision(connection, due.account_id, due.case_id, due.override_id)


def _reminder(rule: ReminderRule, locked: Locked, now: datetime) -> Reminder | None:
    """Return what the row is going to say, as the case stands under its lock; None where there is no occasion."""
    if rule.occasion is ReminderOccasion.DUE_DATE:
        due_at = locked.case.due_at
        return None if due_at is None else Reminder(rule.occasion, due_at)
    override = locked.override
    if override is None:
        return None
    expires_at = override.expires_at
    if expires_at is not None and (not rule.of_expiring or expires_at <= now):
        return None
    at = time_of_override(rule.occasion, override.status, override.created_at, expires_at)
    return None if at is None else Reminder(rule.occasion, at, override.id)
