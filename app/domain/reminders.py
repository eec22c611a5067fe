"""Reminders and escalations: what an account's own rules write of what is due soon, or late, into a case's log.

Such a row changes nothing else. There is one for each occasion, which it names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from app.domain.action_log import time_text
from app.domain.canonical_json import JsonObject
from app.domain.model import ActionType, OverrideStatus


class ReminderOccasion(StrEnum):
    """What is due soon, or late."""

    DUE_DATE = "DUE_DATE"
    OVERRIDE_EXPIRY = "OVERRIDE_EXPIRY"
    OVERRIDE_WAITING = "OVERRIDE_WAITING"


@dataclass(frozen=True, slots=True)
class Reminder:
    """What a row is about. `at`: the due date, when the override expires, or since when it waits."""

    occasion: ReminderOccasion
    at: datetime
    override_id: UUID | None = None

    def details(self) -> JsonObject:
        """Return what the row says of it."""
        said: JsonObject = {"at": time_text(self.at), "occasion": self.occasion.value}
        return said if self.override_id is None else {**said, "override_id": str(self.override_id)}


def reminder_of(details: JsonObject | None) -> Reminder | None:
    """Return what the row says; None of all other rows."""
    occasion = (details or {}).get("occasion")
    if details is None or occasion is None:
        return None
    override_id = details.get("override_id")
    return Reminder(
        ReminderOccasion(str(occasion)),
        datetime.fromisoformat(str(details["at"])),
        None if override_id is None else UUID(str(override_id)),
    )


@dataclass(frozen=True, slots=True)
class ReminderRule:
    """When a row of a type is written: so many hours before the time of the occasion, or after it.

    `of_expiring`: whether overrides that expire count too. `unless_escalated`: what it is time to escalate is left to
    that.
    """

    action: ActionType
    occasion: ReminderOccasion
    is_before: bool = False
    of_expiring: bool = True
    unless_escalated: bool = False

    def holds(self, at: datetime, hours: "PolicyHours", now: datetime) -> bool:
        """Tell whether it is time, by the account's policies."""
        own, escalation = hours[self.action], hours[ActionType.ESCALATE]
        if own is None:
            return False
        if self.is_before:
            return now < at <= now + timedelta(hours=own)
        if self.unless_escalated and escalation is not None and at <= now - timedelta(hours=escalation):
            return False
        return at <= now - timedelta(hours=own)


PolicyHours = Mapping[ActionType, int | None]
"""The account's policies for rows of each type; None where it has none."""


RULES: Sequence[ReminderRule] = (
    ReminderRule(ActionType.REMIND, ReminderOccasion.DUE_DATE, is_before=True),
    ReminderRule(ActionType.REMIND, ReminderOccasion.OVERRIDE_EXPIRY, is_before=True),
    ReminderRule(ActionType.REMIND, ReminderOccasion.OVERRIDE_WAITING, of_expiring=False, unless_escalated=True),
    ReminderRule(ActionType.ESCALATE, ReminderOccasion.DUE_DATE),
    ReminderRule(ActionType.ESCALATE, ReminderOccasion.OVERRIDE_WAITING),
)


def time_of_override(
    occasion: ReminderOccasion, status: OverrideStatus, created_at: datetime, expires_at: datetime | None
) -> datetime | None:
    """Return the time of an *occasion* that is an override's; None where the override gives none."""
    if status is not OverrideStatus.PENDING:
        return None
    return expires_at if occasion is ReminderOccasion.OVERRIDE_EXPIRY else created_at
