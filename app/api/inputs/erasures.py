"""The inputs of erasures and of legal holds."""

import strawberry
from strawberry import ID

from app.api.inputs.action_input import ActionInput, CommonFields
from app.api.inputs.fields import CASE_ID, EXPECTED_VERSION, IDEMPOTENCY_KEY, KEPT_REASON, dry_run, given, optional
from app.domain.commands import Command, EraseContent, SetLegalHold
from app.domain.errors import Detail, InvalidInput, Required
from app.domain.validation import COMMENT_MAX, ERASED_MAX, InputValidator


@strawberry.input(
    description="What is to be erased of a case: comments and documents by id, or everything of a closed case."
)
class EraseContentInput(ActionInput):
    case_id: ID = given(CASE_ID)
    comment_ids: list[ID] | None = optional(f"Comments of the case, {ERASED_MAX} at most: their texts go.")
    document_ids: list[ID] | None = optional(
        f"Documents of the case, {ERASED_MAX} at most: their names, their bytes and the digests of these go."
    )
    everything: bool | None = strawberry.field(
        default=False,
        description="All comments and documents, the title and the description of a closed case, without naming any.",
    )
    reason: str = given(KEPT_REASON)
    expected_version: int | None = optional(EXPECTED_VERSION)
    idempotency_key: str | None = optional(IDEMPOTENCY_KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: CommonFields) -> Command:
        comment_ids = shape.ids(self.comment_ids or (), "commentIds", ERASED_MAX)
        document_ids = shape.ids(self.document_ids or (), "documentIds", ERASED_MAX)
        is_named = bool(self.comment_ids or self.document_ids)
        if self.everything and is_named:
            shape.note(InvalidInput(detail=Detail("everything_alone")), "everything")
        elif not self.everything and not is_named:
            shape.note(Required(), "commentIds")
        return EraseContent(
            case_id=shape.id(self.case_id, "caseId"),
            comment_ids=comment_ids,
            document_ids=document_ids,
            everything=bool(self.everything),
            reason=shape.text(self.reason, "reason", maximum=COMMENT_MAX),
            **common,
        )


@strawberry.input(description="A legal hold on a case's content, or its end.")
class SetLegalHoldInput(ActionInput):
    case_id: ID = given(CASE_ID)
    held: bool = given("Whether the content is to be kept from being erased from now on.")
    reason: str = given(KEPT_REASON)
    expected_version: int | None = optional(EXPECTED_VERSION)
    idempotency_key: str | None = optional(IDEMPOTENCY_KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: CommonFields) -> Command:
        return SetLegalHold(
            case_id=shape.id(self.case_id, "caseId"),
            held=self.held,
            reason=shape.text(self.reason, "reason", maximum=COMMENT_MAX),
            **common,
        )
