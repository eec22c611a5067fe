"""What an evaluation changed, as the row of a log says."""

import strawberry

from app.api.enums import EvaluationStatus
from app.api.fields import described, object_type, related
from app.api.labels import labelled
from app.api.types.overrides import Override
from app.db.rows import ActionRow
from app.domain.canonical_json import parsed_json
from app.domain.evaluation import Evaluation, evaluation_of_case
from app.domain.model import ActionType


@object_type(Evaluation, "What a result of the check system changed of a subject.")
class RecordedEvaluation:
    status_before: EvaluationStatus | None = described("The result before; null of a subject that was new.")
    status_after: EvaluationStatus = described("The result from then on.")
    status_before_label: str | None = labelled("status_before", nullable=True)
    status_after_label: str = labelled("status_after")
    subject_version: int = described("The subject's version from then on.")
    changed: list[str] = described("The fields of the subject that became others, as `label`; each once.")
    replaced_override: Override | None = related(
        "overrides",
        "replaced_override_id",
        "The accepted override that the result before rested on, and whose place this one took; null for none.",
    )


def action_evaluation(parent: strawberry.Parent[ActionRow]) -> RecordedEvaluation | None:
    """Return what the row says of an evaluation; None of all other rows."""
    details = parsed_json(parent.details)
    if parent.type is not ActionType.EVALUATION or details is None:
        return None
    return evaluation_of_case(details)  # type: ignore[return-value]  # what stands for it
