"""What a row of the log says of who works on the case."""

import strawberry

from app.api.fields import object_type, related
from app.api.types.people import User
from app.db.rows import ActionRow
from app.domain.assignment import Assignment, assignment_of
from app.domain.canonical_json import parsed_json


@object_type(Assignment, "Whose a case was from then on.")
class RecordedAssignment:
    assignee: User | None = related("users", "assignee_id", "The owner from then on; null for nobody.")


def action_assignment(parent: strawberry.Parent[ActionRow]) -> RecordedAssignment | None:
    """Return what the row says of the case's owner; None of all other rows."""
    return assignment_of(parsed_json(parent.details))  # type: ignore[return-value]  # what stands for it
