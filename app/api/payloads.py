"""The payloads of the mutations: what was made, what would be made, or why nothing was."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Self

import strawberry

from app.actions.outcome import Outcome, Supposed
from app.api.context import Info
from app.api.errors import ERRORS_MAX, UserError
from app.api.fields import computed, described
from app.api.pagination import Edge
from app.api.resolvers.worklist import CaseEdge, case_edge
from app.api.types import Case, CaseAction, Comment, Override
from app.api.types.lists import action_edge
from app.api.types.supposed import SupposedOutcome, supposed_outcome


def _made(description: str) -> Any:
    return strawberry.field(default=None, description=description)


def payload_action_edge(parent: strawberry.Parent[Any]) -> Edge[CaseAction] | None:
    """Return the new row with its place in the case's log."""
    return None if parent.action is None else action_edge(parent.action)


def payload_case_edge(parent: strawberry.Parent[Any], info: Info) -> CaseEdge | None:
    """Return the new case with its place in the account's list."""
    return None if parent.case is None else case_edge(info.context, parent.case)


@strawberry.type(description="What an action gave.")
class ActionPayload:
    """What the payloads share: they are made from an outcome, of a dry run from what it supposes, else from errors."""

    errors: Sequence[UserError] = described(
        f"Why nothing was done, {ERRORS_MAX} reasons at most; empty when it was done."
    )
    replayed: bool = strawberry.field(
        default=False,
        description="Whether this key had done it before: the action is the first one, the case is as it is now.",
    )
    case: Case | None = _made("The case as it is now; null when refused, and in a dry run.")
    action: CaseAction | None = _made("The new row of the case's log; null when refused, and in a dry run.")
    action_edge: Edge[CaseAction] | None = computed(
        payload_action_edge,
        "The new row as an edge of the case's `actions`, with a cursor that is good where neither types, since nor user"
        " are asked for. Unless it was replayed it is the first, since they come newest first. Null when refused, and"
        " in a dry run.",
        (),
        loads=(),
    )
    supposed: SupposedOutcome | None = _made(
        "What a dry run would have made; null when refused, and for what was really done."
    )

    @classmethod
    def of(cls, outcome: Outcome) -> Self:
        """Return the payload that shows *outcome*."""
        return cls(errors=[], **{name: getattr(outcome, name) for name in _shown(cls)})  # type: ignore[arg-type]  # a class can be hashed

    @classmethod
    def supposing(cls, supposed: Supposed) -> Self:
        """Return the payload that shows what is supposed, and nothing that is."""
        return cls(errors=[], supposed=supposed_outcome(supposed))


@cache
def _shown(payload: Any) -> list[str]:
    """Return the names of what a payload shows of an outcome."""
    fields = payload.__strawberry_definition__.fields
    names = (field.python_name for field in fields if field.base_resolver is None)
    return [name for name in names if name not in ("errors", "supposed", "status")]


@strawberry.type(description="What an action gave that can bring a comment.")
class CommentedPayload(ActionPayload):
    comment: Comment | None = _made("The comment that came with it; null in a dry run.")


@strawberry.type(description="What an action on an override gave.")
class OverridePayload(CommentedPayload):
    override: Override | None = _made("The override as it is now; null when refused, and in a dry run.")


@strawberry.type(description="What opening a case gave.")
class OpenCasePayload(ActionPayload):
    case_edge: CaseEdge | None = computed(
        payload_case_edge,
        "The new case as an edge of `cases`, with a cursor that is good where neither filter, orderBy nor search are"
        " asked for. Unless it was replayed it is the first: they come newest first. Null when refused, and in a dry"
        " run.",
        (),
        loads=(),
    )


@strawberry.type(description="What commenting gave.")
class AddCommentPayload(CommentedPayload):
    pass


@strawberry.type(description="What requesting an override gave; the comment is the reason.")
class RequestOverridePayload(OverridePayload):
    pass


@strawberry.type(description="What accepting an override gave.")
class AcceptOverridePayload(OverridePayload):
    pass


@strawberry.type(description="What refusing an override gave.")
class RefuseOverridePayload(OverridePayload):
    pass


@strawberry.type(description="What cancelling an override gave.")
class CancelOverridePayload(OverridePayload):
    pass


@strawberry.type(description="What closing a case gave.")
class CloseCasePayload(CommentedPayload):
    pass


@strawberry.type(description="What erasing content gave.")
class EraseContentPayload(ActionPayload):
    pass


@strawberry.type(description="What setting or lifting a legal hold gave.")
class SetLegalHoldPayload(ActionPayload):
    pass


@strawberry.type(description="What assigning a case gave.")
class AssignCasePayload(CommentedPayload):
    pass


@strawberry.type(description="What setting a due date gave.")
class SetDueDatePayload(CommentedPayload):
    pass


@strawberry.type(description="What recording a step of the checklist gave; the comment says who was reached, or why.")
class RecordStepPayload(CommentedPayload):
    pass


@strawberry.type(description="What naming other reviewers gave.")
class ReassignReviewersPayload(OverridePayload):
    pass
