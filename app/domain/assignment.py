"""What a row ASSIGN says: whose the case is from then on."""

from dataclasses import dataclass
from uuid import UUID

from app.domain.canonical_json import JsonObject

_ASSIGNEE = "assignee_id"


@dataclass(frozen=True, slots=True)
class Assignment:
    """Whom a row makes the case's owner; None: nobody."""

    assignee_id: UUID | None

    def details(self) -> JsonObject:
        """Return what the row says beside that it assigns."""
        return {_ASSIGNEE: None if self.assignee_id is None else str(self.assignee_id)}


def assignment_of(details: JsonObject | None) -> Assignment | None:
    """Return what the row says; None of all other rows."""
    if details is None or _ASSIGNEE not in details:
        return None
    assignee = details[_ASSIGNEE]
    return Assignment(UUID(assignee) if isinstance(assignee, str) else None)
