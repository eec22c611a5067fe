"""The payloads of evaluations: what each changed, would change, or why it was refused."""

from collections.abc import Sequence
from typing import Any, Self, cast

import strawberry

from app.actions.evaluation import EvaluationOutcome
from app.api.errors import ERRORS_MAX, UserError
from app.api.fields import described
from app.api.inputs.evaluations import EVALUATIONS_MAX
from app.api.types import Case, CaseAction, Subject
from app.api.types.evaluations import RecordedEvaluation
from app.api.types.supposed import SupposedEvaluation, supposed_evaluation


def _made(description: str) -> Any:
    return strawberry.field(default=None, description=description)


@strawberry.type(description="What one evaluation gave.")
class EvaluationResult:
    errors: Sequence[UserError] = described(
        f"Why nothing was done, {ERRORS_MAX} reasons at most; empty when it was done, or there was nothing to do."
    )
    replayed: bool = strawberry.field(
        default=False, description="Whether this key had done it before: the subject and the case are as they are now."
    )
    changed: bool = strawberry.field(
        default=False,
        description="Whether it changed the subject. A result that is known already changes nothing, and no log has a"
        " row of it. False when refused, and in a dry run.",
    )
    subject: Subject | None = _made("The subject as it is now; null when refused, and in a dry run.")
    evaluation: RecordedEvaluation | None = _made("What it changed; null for nothing, and in a dry run.")
    case: Case | None = _made("The case that is open on the subject, as it is now; null for none, and in a dry run.")
    action: CaseAction | None = _made(
        "The new row of that case's log. Null where no case is open: then the account's own log has the row."
    )
    supposed: SupposedEvaluation | None = _made("What a dry run would have made; null for what was really done.")

    @classmethod
    def of(cls, outcome: EvaluationOutcome) -> Self:
        """Return what shows *outcome*."""
        return cls(
            errors=[],
            replayed=outcome.replayed,
            changed=outcome.evaluation is not None,
            subject=cast(Subject, outcome.subject),
            evaluation=cast(RecordedEvaluation | None, outcome.evaluation),
            case=cast(Case | None, outcome.case),
            action=cast(CaseAction | None, outcome.action),
        )

    @classmethod
    def supposing(cls, outcome: EvaluationOutcome) -> Self:
        """Return what shows what is supposed, and nothing that is."""
        return cls(errors=[], supposed=supposed_evaluation(outcome))


@strawberry.type(description="What recording a result gave.")
class RecordEvaluationPayload(EvaluationResult):
    pass


@strawberry.type(description="What recording several results gave.")
class RecordEvaluationsPayload:
    errors: Sequence[UserError] = described(
        f"Why nothing of it was done, {ERRORS_MAX} reasons at most; what is wrong with one of them is in its result."
    )
    results: list[EvaluationResult] = strawberry.field(
        default_factory=list,
        description=f"What each gave, in the order of the input, {EVALUATIONS_MAX} at most. Some may be refused, and"
        " others done.",
    )
