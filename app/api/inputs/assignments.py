"""The input that says who works on a case."""

import strawberry
from strawberry import ID, UNSET

from app.api.inputs.action_input import ActionInput, CommonFields
from app.api.inputs.fields import CASE_ID, COMMENT, EXPECTED_VERSION, IDEMPOTENCY_KEY, dry_run, given, optional
from app.domain.commands import AssignCase, Command
from app.domain.errors import Required
from app.domain.validation import COMMENT_MAX, InputValidator


@strawberry.input(description="Whose a case is from now on.")
class AssignCaseInput(ActionInput):
    case_id: ID = given(CASE_ID)
    assignee_id: ID | None = strawberry.field(
        default=UNSET,
        description="Who is to work on it: an active contributor or reviewer, you too. Null: nobody; it must be given.",
    )
    comment: str | None = optional(COMMENT)
    expected_version: int | None = optional(EXPECTED_VERSION)
    idempotency_key: str | None = optional(IDEMPOTENCY_KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: CommonFields) -> Command:
        assignee_id = self.assignee_id
        if assignee_id is UNSET:
            shape.note(Required(), "assigneeId")
            assignee_id = None
        return AssignCase(
            case_id=shape.id(self.case_id, "caseId"),
            assignee_id=None if assignee_id is None else shape.id(assignee_id, "assigneeId"),
            comment=shape.optional_text(self.comment, "comment", maximum=COMMENT_MAX),
            **common,
        )
