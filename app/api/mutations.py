"""The seven mutations, one for each type of action: what they take, what they give back, and nothing else.

Who may do them is in `domain.workflow`, checked by `permissions`; what they do is in `app.actions`.
"""

from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, Self

import strawberry

from app.actions import Supposed
from app.api.context import Info
from app.api.errors import ERRORS_MAX, UserError
from app.api.fields import described
from app.api.inputs import (
    AcceptOverrideInput,
    ActionInput,
    AddCommentInput,
    CancelOverrideInput,
    CloseCaseInput,
    OpenCaseInput,
    RefuseOverrideInput,
    RequestOverrideInput,
)
from app.api.permissions import ActionPermission
from app.api.types import Case, CaseAction, Comment, Override
from app.api.types.supposed import SupposedOutcome, supposed_outcome
from app.domain.model import ActionType
from app.idempotency import Outcome

CASE = "The case as it is now; null when refused, and in a dry run."
ACTION = "The new row of the case's log; null when refused, and in a dry run."
COMMENT = "The comment that came with it; null in a dry run."
OVERRIDE = "The override as it is now; null when refused, and in a dry run."
SUPPOSED = "What a dry run would have made; null when refused, and for what was really done."
REPLAYED = "Whether this key had done it before: the action is the first one, the case is as it is now."
ERRORS = f"Why nothing was done, {ERRORS_MAX} reasons at most; empty when it was done."


class ActionPayload:
    """What the payloads share: they are made from an outcome, of a dry run from what it supposes, else from errors."""

    @classmethod
    def of(cls, outcome: Outcome) -> Self:
        """Return the payload that shows *outcome*."""
        shown = {name: getattr(outcome, name) for name in _shown(cls)}  # type: ignore[arg-type]  # a class can be hashed
        return cls(errors=[], **shown)  # type: ignore[call-arg]  # of those that inherit it

    @classmethod
    def supposing(cls, supposed: Supposed) -> Self:
        """Return the payload that shows what is supposed, and nothing that is."""
        return cls(errors=[], supposed=supposed_outcome(supposed))  # type: ignore[call-arg]  # as above


@cache
def _shown(payload: Any) -> list[str]:
    """Return the names of what a payload shows of an outcome."""
    names = (field.python_name for field in payload.__strawberry_definition__.fields)
    return [name for name in names if name not in ("errors", "supposed")]


def _made(description: str) -> Any:
    return strawberry.field(default=None, description=description)


@strawberry.type(description="What opening a case gave.")
class OpenCasePayload(ActionPayload):
    errors: Sequence[UserError] = described(ERRORS)
    replayed: bool = strawberry.field(default=False, description=REPLAYED)
    case: Case | None = _made(CASE)
    action: CaseAction | None = _made(ACTION)
    supposed: SupposedOutcome | None = _made(SUPPOSED)


@strawberry.type(description="What commenting gave.")
class AddCommentPayload(ActionPayload):
    errors: Sequence[UserError] = described(ERRORS)
    replayed: bool = strawberry.field(default=False, description=REPLAYED)
    case: Case | None = _made(CASE)
    action: CaseAction | None = _made(ACTION)
    supposed: SupposedOutcome | None = _made(SUPPOSED)
    comment: Comment | None = _made(COMMENT)


@strawberry.type(description="What requesting an override gave.")
class RequestOverridePayload(ActionPayload):
    errors: Sequence[UserError] = described(ERRORS)
    replayed: bool = strawberry.field(default=False, description=REPLAYED)
    case: Case | None = _made(CASE)
    action: CaseAction | None = _made(ACTION)
    supposed: SupposedOutcome | None = _made(SUPPOSED)
    comment: Comment | None = _made("The reason that came with it; null in a dry run.")
    override: Override | None = _made(OVERRIDE)


@strawberry.type(description="What accepting an override gave.")
class AcceptOverridePayload(ActionPayload):
    errors: Sequence[UserError] = described(ERRORS)
    replayed: bool = strawberry.field(default=False, description=REPLAYED)
    case: Case | None = _made(CASE)
    action: CaseAction | None = _made(ACTION)
    supposed: SupposedOutcome | None = _made(SUPPOSED)
    comment: Comment | None = _made(COMMENT)
    override: Override | None = _made(OVERRIDE)


@strawberry.type(description="What refusing an override gave.")
class RefuseOverridePayload(ActionPayload):
    errors: Sequence[UserError] = described(ERRORS)
    replayed: bool = strawberry.field(default=False, description=REPLAYED)
    case: Case | None = _made(CASE)
    action: CaseAction | None = _made(ACTION)
    supposed: SupposedOutcome | None = _made(SUPPOSED)
    comment: Comment | None = _made(COMMENT)
    override: Override | None = _made(OVERRIDE)


@strawberry.type(description="What cancelling an override gave.")
class CancelOverridePayload(ActionPayload):
    errors: Sequence[UserError] = described(ERRORS)
    replayed: bool = strawberry.field(default=False, description=REPLAYED)
    case: Case | None = _made(CASE)
    action: CaseAction | None = _made(ACTION)
    supposed: SupposedOutcome | None = _made(SUPPOSED)
    comment: Comment | None = _made(COMMENT)
    override: Override | None = _made(OVERRIDE)


@strawberry.type(description="What closing a case gave.")
class CloseCasePayload(ActionPayload):
    errors: Sequence[UserError] = described(ERRORS)
    replayed: bool = strawberry.field(default=False, description=REPLAYED)
    case: Case | None = _made(CASE)
    action: CaseAction | None = _made(ACTION)
    supposed: SupposedOutcome | None = _made(SUPPOSED)
    comment: Comment | None = _made(COMMENT)


def action_mutation(action: ActionType, takes: type[ActionInput], gives: type[ActionPayload], description: str) -> Any:
    """Return the mutation of one type of action, with the permission extension that each of them carries."""

    async def resolve(info: Info, input: Any) -> Any:
        context = info.context
        if input.dry_run:
            return gives.supposing(await context.rehearse(input.command))
        return gives.of(await context.perform(input.command, input.files))

    argument = Annotated[takes, strawberry.argument(description="What to do.")]  # type: ignore[valid-type]  # made here
    resolve.__annotations__ = {"info": Info, "input": argument, "return": gives}
    return strawberry.field(resolver=resolve, description=description, extensions=[ActionPermission(action)])


@strawberry.type(description="The actions on cases. Each is one row in a case's log, or is refused and writes nothing.")
class Mutation:
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
