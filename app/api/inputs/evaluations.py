"""The inputs of evaluations: one, and several at once, of which each has its own faults."""

import strawberry

from app.api.enums import EvaluationStatus, SubjectType
from app.api.inputs.action_input import ActionInput, CommonFields
from app.api.inputs.fields import IDEMPOTENCY_KEY, dry_run, given, optional
from app.domain.commands import RecordEvaluation, SubjectDetails
from app.domain.validation import TITLE_MAX, InputValidator

EVALUATIONS_MAX = 100

TYPE = "What kind of check it is."
EXTERNAL_REF = "The check's reference in your system, 1 to 200 characters. A check that is not known yet is made."
STATUS = "The result of the check."
LABEL = "What to call it, as the supplier's name, 1 to 200 characters. It takes the place of the known one."
COUNTRY = "The country, by ISO 3166-1 alpha-2, as in FR. Without it, or with null, a known check keeps its own."
VERSION = (
    "Refuse with VERSION_CONFLICT unless the subject has this version, `Subject.version`; 0 for one that must be new."
    " So an older result never takes the place of a newer one."
)


class EvaluationFields(ActionInput):
    """What the inputs of one evaluation share."""

    type: SubjectType
    external_ref: str
    evaluation_status: EvaluationStatus
    label: str
    country_code: str | None

    def _command(self, shape: InputValidator, common: CommonFields) -> RecordEvaluation:
        return RecordEvaluation(
            subject=SubjectDetails(
                type=self.type,
                external_ref=shape.identifier(self.external_ref, "externalRef", maximum=TITLE_MAX),
                label=shape.line(self.label, "label", maximum=TITLE_MAX),
                country_code=shape.country_code(self.country_code, "countryCode"),
                evaluation_status=self.evaluation_status,
            ),
            **common,
        )


@strawberry.input(description="The result of a check, as the system that makes checks has it.")
class RecordEvaluationInput(EvaluationFields):
    type: SubjectType = given(TYPE)
    external_ref: str = given(EXTERNAL_REF)
    evaluation_status: EvaluationStatus = given(STATUS)
    label: str = given(LABEL)
    country_code: str | None = optional(COUNTRY)
    expected_version: int | None = optional(VERSION)
    idempotency_key: str | None = optional(IDEMPOTENCY_KEY)
    dry_run: bool | None = dry_run()


@strawberry.input(description="One of several results of checks.")
class EvaluationInput(EvaluationFields):
    type: SubjectType = given(TYPE)
    external_ref: str = given(EXTERNAL_REF)
    evaluation_status: EvaluationStatus = given(STATUS)
    label: str = given(LABEL)
    country_code: str | None = optional(COUNTRY)
    expected_version: int | None = optional(VERSION)
    idempotency_key: str | None = optional(IDEMPOTENCY_KEY)

    def command_at(self, *root: str) -> RecordEvaluation:
        """Return it as a command; *root* leads to it in the input. Raises: InputRefused."""
        shape = InputValidator(*root)
        command = self._command(shape, self._common(shape))
        shape.finish()
        return command


@strawberry.input(description="Results of several checks. Each is a transaction of its own, in this order.")
class RecordEvaluationsInput:
    evaluations: list[EvaluationInput] = given(
        f"The results, 1 to {EVALUATIONS_MAX}. Give each its own `idempotencyKey`; after a failure send all again."
    )
    dry_run: bool | None = dry_run()
