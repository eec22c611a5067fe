"""The input that says until when a case is to be finished."""

from datetime import datetime

import strawberry
from strawberry import ID, UNSET

from app.api.inputs.action_input import ActionInput, CommonFields
from app.api.inputs.fields import CASE_ID, COMMENT, EXPECTED_VERSION, IDEMPOTENCY_KEY, dry_run, given, optional
from app.domain.commands import Command, SetDueDate
from app.domain.errors import Required
from app.domain.validation import COMMENT_MAX, InputValidator


@strawberry.input(description="Until when a case is to be finished.")
class SetDueDateInput(ActionInput):
    case_id: ID = given(CASE_ID)
    due_at: datetime | None = strawberry.field(
        default=UNSET,
        description="The time, with its offset from UTC; one that is over makes it overdue. Null: at no time. It must"
        " be given.",
    )
    comment: str | None = optional(COMMENT)
    expected_version: int | None = optional(EXPECTED_VERSION)
    idempotency_key: str | None = optional(IDEMPOTENCY_KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: CommonFields) -> Command:
        due_at = self.due_at
        if due_at is UNSET:
            shape.note(Required(), "dueAt")
            due_at = None
        return SetDueDate(
            case_id=shape.id(self.case_id, "caseId"),
            due_at=shape.time(due_at, "dueAt"),
            comment=shape.optional_text(self.comment, "comment", maximum=COMMENT_MAX),
            **common,
        )
