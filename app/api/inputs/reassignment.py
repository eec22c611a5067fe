"""The input that asks other reviewers to decide on an override."""

import strawberry
from strawberry import ID

from app.api.inputs.action_input import ActionInput, CommonFields
from app.api.inputs.fields import CASE_ID, COMMENT, EXPECTED_VERSION, IDEMPOTENCY_KEY, dry_run, given, optional
from app.domain.commands import Command, ReassignReviewers
from app.domain.validation import COMMENT_MAX, InputValidator


@strawberry.input(description="Other people to decide on an override, where none of those who were asked can.")
class ReassignReviewersInput(ActionInput):
    case_id: ID = given(CASE_ID)
    override_id: ID = given("The pending override, whose id is `Case.activeOverride.id`.")
    reviewer_ids: list[ID] = given(
        "Who is asked to decide from now on: 1 to 10 active reviewers, without the override's creator and without you."
    )
    comment: str | None = optional(COMMENT)
    expected_version: int | None = optional(EXPECTED_VERSION)
    idempotency_key: str | None = optional(IDEMPOTENCY_KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: CommonFields) -> Command:
        return ReassignReviewers(
            case_id=shape.id(self.case_id, "caseId"),
            override_id=shape.id(self.override_id, "overrideId"),
            comment=shape.optional_text(self.comment, "comment", maximum=COMMENT_MAX),
            reviewer_ids=shape.reviewers(self.reviewer_ids, "reviewerIds"),
            **common,
        )
