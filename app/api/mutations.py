"""The mutations of cases, one for each type of action: what they take, and which payload they give.

Who may do them is in `domain.workflow`, checked by `permissions`; what they do is in `app.actions.perform`.
"""

from typing import Annotated, Any

import strawberry

from app.api.admin_mutations import AdminMutation
from app.api.bulk_mutation import BulkMutation
from app.api.context import Info
from app.api.delegation_mutations import DelegationMutation
from app.api.evaluation_mutations import EvaluationMutation
from app.api.execution.operations import COMPARES_AUTHORITY
from app.api.inputs.action_input import ActionInput
from app.api.inputs.actions import (
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
from app.api.inputs.reassignment import ReassignReviewersInput
from app.api.payloads import (
    AcceptOverridePayload,
    ActionPayload,
    AddCommentPayload,
    AssignCasePayload,
    CancelOverridePayload,
    CloseCasePayload,
    EraseContentPayload,
    OpenCasePayload,
    ReassignReviewersPayload,
    RecordStepPayload,
    RefuseOverridePayload,
    RequestOverridePayload,
    SetDueDatePayload,
    SetLegalHoldPayload,
)
from app.api.permissions import ActionPermission
from app.api.webhook_mutations import WebhookMutation
from app.domain.model import ActionType

RETRIES = "Give an `idempotencyKey`, so that a retry writes no second row."


def action_mutation(action: ActionType, takes: type[ActionInput], gives: type[ActionPayload], description: str) -> Any:
    """Return the mutation of one type of action, with the permission extension that each of them carries."""

    async def resolve(info: Info, input: Any) -> Any:
        if input.dry_run:
            return gives.supposing(await info.context.actions.dry_run(input.command))
        return gives.of(await info.context.actions.run(input.command, input.files))

    argument = Annotated[takes, strawberry.argument(description="What to do.")]  # type: ignore[valid-type]  # made here
    resolve.__annotations__ = {"info": Info, "input": argument, "return": gives}
    description = f"{description} {RETRIES}"
    return strawberry.field(
        resolver=resolve,
        description=description,
        extensions=[ActionPermission(action)],
        metadata={COMPARES_AUTHORITY: True},  # by the row of the log: see `app.db.writes.inserted_by`
    )


@strawberry.type(
    description="The actions on cases, each one row in a case's log; and administration, each one row in the account's"
    " own log. What is refused writes nothing."
)
class Mutation(AdminMutation, DelegationMutation, WebhookMutation, EvaluationMutation, BulkMutation):
    open_case: OpenCasePayload = action_mutation(
        ActionType.OPEN, OpenCaseInput, OpenCasePayload, "Open a case on a check. For contributors and reviewers."
    )
    add_comment: AddCommentPayload = action_mutation(
        ActionType.COMMENT, AddCommentInput, AddCommentPayload, "Comment on a case. For contributors and reviewers."
    )
    request_override: RequestOverridePayload = action_mutation(
        ActionType.REQUEST_OVERRIDE,
        RequestOverrideInput,
        RequestOverridePayload,
        "Ask reviewers to set the subject's result by hand. For contributors.",
    )
    accept_override: AcceptOverridePayload = action_mutation(
        ActionType.ACCEPT,
        AcceptOverrideInput,
        AcceptOverridePayload,
        "Accept the pending override: the subject gets the requested result. For reviewers, never for its creator.",
    )
    refuse_override: RefuseOverridePayload = action_mutation(
        ActionType.REFUSE,
        RefuseOverrideInput,
        RefuseOverridePayload,
        "Refuse the pending override. For reviewers, never for its creator.",
    )
    cancel_override: CancelOverridePayload = action_mutation(
        ActionType.CANCEL,
        CancelOverrideInput,
        CancelOverridePayload,
        "Take back the pending override. For its creator only.",
    )
    close_case: CloseCasePayload = action_mutation(
        ActionType.CLOSE, CloseCaseInput, CloseCasePayload, "Close a case for good. For contributors and reviewers."
    )
    reassign_reviewers: ReassignReviewersPayload = action_mutation(
        ActionType.REASSIGN,
        ReassignReviewersInput,
        ReassignReviewersPayload,
        "Ask other reviewers to decide on the pending override, while none of those who were asked can: each of them is"
        " deactivated or no reviewer any more. For contributors, who never name themselves nor the override's creator.",
    )
    erase_content: EraseContentPayload = action_mutation(
        ActionType.REDACT,
        EraseContentInput,
        EraseContentPayload,
        "Erase content of a case for good, with all by which it could be guessed. The rows of the log stay, and verify."
        " For administrators.",
    )
    set_legal_hold: SetLegalHoldPayload = action_mutation(
        ActionType.HOLD,
        SetLegalHoldInput,
        SetLegalHoldPayload,
        "Keep a case's content from being erased, or end that. For administrators.",
    )
    assign_case: AssignCasePayload = action_mutation(
        ActionType.ASSIGN,
        AssignCaseInput,
        AssignCasePayload,
        "Make somebody a case's owner, who works on it, or nobody. It gives no right and takes none. For contributors"
        " and reviewers.",
    )
    set_due_date: SetDueDatePayload = action_mutation(
        ActionType.SET_DUE_DATE,
        SetDueDateInput,
        SetDueDatePayload,
        "Say until when a case is to be finished, or that it is due at no time. For contributors and reviewers.",
    )
    record_step: RecordStepPayload = action_mutation(
        ActionType.RECORD_STEP,
        RecordStepInput,
        RecordStepPayload,
        "Say where a step of the account's checklist stands on a case: it was done, is not needed, or is open again."
        " For contributors and reviewers.",
    )
