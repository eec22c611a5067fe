"""Until when a case is to be finished: what a row of the log says of it, and whether that time is over."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from app.domain.action_log import time_text
from app.domain.canonical_json import JsonObject
from app.domain.model import CaseStatus, EvaluationStatus

_DUE = "due_at"


@dataclass(frozen=True, slots=True)
class DueDate:
    """Until when a row says that the case is to be finished; None: at no time."""

    due_at: datetime | None

    def details(self) -> JsonObject:
        """Return what the row says of it."""
        return {_DUE: None if self.due_at is None else time_text(self.due_at)}


def due_date_of(details: JsonObject | None) -> DueDate | None:
    """Return what the row says; None of all other rows."""
    if details is None or _DUE not in details:
        return None
    due_at = details[_DUE]
    return DueDate(datetime.fromisoformat(due_at) if isinstance(due_at, str) else None)


def is_overdue(status: CaseStatus, due_at: datetime | None, now: datetime) -> bool:
    """Tell whether a case should have been finished by now."""
    return status is not CaseStatus.CLOSED and due_at is not None and due_at <= now


def due_hours_text(hours: Mapping[EvaluationStatus, int]) -> str:
    """Return an account's policy as it is stored and logged: ANOMALY=24 UNFAVORABLE=48; empty for none."""
    return " ".join(f"{status}={hours[status]}" for status in EvaluationStatus if status in hours)


@lru_cache(maxsize=100)
def due_hours_of(text: str | None) -> Mapping[EvaluationStatus, int]:
    """Return within how many hours a new case is due, by its subject's result, as `due_hours_text` has it."""
    pairs = (part.split("=") for part in (text or "").split())
    return {EvaluationStatus(status): int(hours) for status, hours in pairs}
