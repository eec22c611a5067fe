"""Until when a case is to be finished, as the case and a row of the log show it."""

from datetime import datetime

import strawberry

from app import clock
from app.db.rows import ActionRow, CaseRow
from app.domain.canonical_json import parsed_json
from app.domain.due_dates import due_date_of, is_overdue

DUE_AT = "Until when it is to be finished; null where it is due at no time."


def case_overdue(parent: strawberry.Parent[CaseRow]) -> bool:
    """Return whether the case should have been finished by now."""
    return is_overdue(parent.status, parent.due_at, clock.now())


def action_due_at(parent: strawberry.Parent[ActionRow]) -> datetime | None:
    """Return the time that the row set; None where it took it away, and of all other rows."""
    due_date = due_date_of(parsed_json(parent.details))
    return None if due_date is None else due_date.due_at
