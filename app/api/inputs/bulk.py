"""The input of many actions in one request: each as its own mutation takes it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import strawberry
from strawberry import UNSET
from strawberry.utils.str_converters import to_camel_case

from app.api.fields import described_enum
from app.api.inputs.action_input import ActionInput
from app.api.inputs.actions import (
    INPUTS,
    AcceptOverrideInput,
    AddCommentInput,
    CancelOverrideInput,
    CloseCaseInput,
    OpenCaseInput,
    RefuseOverrideInput,
    RequestOverrideInput,
)
from app.api.inputs.assignments import AssignCaseInput
from app.api.inputs.checklists import RecordStepInput
from app.api.inputs.due_dates import SetDueDateInput
from app.api.inputs.erasures import EraseContentInput, SetLegalHoldInput
from app.api.inputs.fields import given
from app.api.inputs.reassignment import ReassignReviewersInput
from app.domain.model import ActionType

ACTIONS_MAX = 100

ACTIONS: Mapping[type[ActionInput], ActionType] = {takes: action for action, takes in INPUTS.items()}


class OnError(StrEnum):
    """What becomes of the actions after one that was not done."""

    CONTINUE = "CONTINUE"
    STOP = "STOP"


described_enum(
    OnError,
    "What becomes of the actions that come after one that was not done.",
    {
        OnError.CONTINUE: "They are done all the same, each by itself.",
        OnError.STOP: "None of them is attempted. What was done before stays done.",
    },
)


def _member(mutation: str) -> Any:
    return strawberry.field(default=UNSET, description=f"As `{mutation}` takes it.")


@strawberry.input(
    name="ActionInput",
    description="One action on a case: just one of these, as its own mutation takes it.",
    one_of=True,
)
class BulkActionInput:
    open_case: OpenCaseInput | None = _member("openCase")
    add_comment: AddCommentInput | None = _member("addComment")
    request_override: RequestOverrideInput | None = _member("requestOverride")
    accept_override: AcceptOverrideInput | None = _member("acceptOverride")
    refuse_override: RefuseOverrideInput | None = _member("refuseOverride")
    cancel_override: CancelOverrideInput | None = _member("cancelOverride")
    close_case: CloseCaseInput | None = _member("closeCase")
    reassign_reviewers: ReassignReviewersInput | None = _member("reassignReviewers")
    erase_content: EraseContentInput | None = _member("eraseContent")
    set_legal_hold: SetLegalHoldInput | None = _member("setLegalHold")
    assign_case: AssignCaseInput | None = _member("assignCase")
    set_due_date: SetDueDateInput | None = _member("setDueDate")
    record_step: RecordStepInput | None = _member("recordStep")

    @property
    def chosen(self) -> tuple[str, ActionInput]:
        """The name of the one that is there, and its input."""
        return next((to_camel_case(name), value) for name, value in vars(self).items() if value is not UNSET)


@strawberry.input(description="Many actions on cases, each a transaction of its own, in this order.")
class PerformActionsInput:
    inputs: list[BulkActionInput] = given(
        f"The actions, 1 to {ACTIONS_MAX}. Give each its own `idempotencyKey`: where no answer comes, send all again;"
        " after one, those that were not done."
    )
    on_error: OnError | None = strawberry.field(
        default=OnError.CONTINUE, description="What becomes of the actions that come after one that was not done."
    )
    dry_run: bool | None = strawberry.field(
        default=False,
        description="Make each of them a dry run, on the cases as they are: none sees what another one would do.",
    )
