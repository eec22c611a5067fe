"""What a row of the log reminds of, or says is late."""

from datetime import datetime

import strawberry

from app.api.enums import ReminderOccasion
from app.api.fields import described, object_type, related
from app.api.labels import labelled
from app.api.types.overrides import Override
from app.db.rows import ActionRow
from app.domain.canonical_json import parsed_json
from app.domain.reminders import Reminder, reminder_of


@object_type(Reminder, "What the account's own rules remind of, or say is late.")
class RecordedReminder:
    occasion: ReminderOccasion = described("What is due soon, or late.")
    occasion_label: str = labelled("occasion")
    at: datetime = described("The due date, when the override expires, or since when it waits.")
    override: Override | None = related(
        "overrides", "override_id", "The override that waits, as it is now; null where it is about the due date."
    )


def action_reminder(parent: strawberry.Parent[ActionRow]) -> RecordedReminder | None:
    """Return what the row says; None of all other rows."""
    return reminder_of(parsed_json(parent.details))  # type: ignore[return-value]  # what stands for it
