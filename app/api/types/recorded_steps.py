"""What a row of the log says of the steps of the account's checklist."""

from collections.abc import Sequence

import strawberry

from app.api.enums import StepState
from app.db.rows import ActionRow
from app.domain.canonical_json import parsed_json
from app.domain.checklist import open_steps_of, step_record_of


def action_step(parent: strawberry.Parent[ActionRow]) -> str | None:
    """Return the key of the step; None of all other rows."""
    record = step_record_of(parsed_json(parent.details))
    return None if record is None else record.key


def action_step_state(parent: strawberry.Parent[ActionRow]) -> StepState | None:
    """Return where the step stands; None of all other rows."""
    record = step_record_of(parsed_json(parent.details))
    return None if record is None else record.state


def action_open_steps(parent: strawberry.Parent[ActionRow]) -> list[str] | None:
    """Return the keys of the steps that were open at a decision; None of all other rows."""
    keys: Sequence[str] | None = open_steps_of(parsed_json(parent.details))
    return None if keys is None else list(keys)
