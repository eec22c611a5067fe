"""The inputs of checklists: the steps that an account wants taken, and where one stands on a case."""

from collections.abc import Sequence

import strawberry
from strawberry import ID

from app.api.enums import ActionType, StepState
from app.api.inputs.action_input import ActionInput, CommonFields
from app.api.inputs.fields import CASE_ID, EXPECTED_VERSION, IDEMPOTENCY_KEY, dry_run, given, optional
from app.domain.checklist import STEPS_MAX, checklist_text
from app.domain.commands import Command, RecordStep
from app.domain.errors import Detail, InvalidInput
from app.domain.facts import ChecklistStep
from app.domain.validation import COMMENT_MAX, LABEL_MAX, InputValidator


@strawberry.input(description="A step that is to be taken on each case, as a call back to a known number.")
class ChecklistStepInput:
    key: str = given("Its name for programs, 1 to 40 of A-Z 0-9 _, beginning with a letter. Cases know it by that.")
    label_en: str = given(f"Its name for people in English, a line of 1 to {LABEL_MAX} characters.")
    label_fr: str = given(f"Its name for people in French, a line of 1 to {LABEL_MAX} characters.")
    required_to_accept: bool | None = optional("Whether no override is accepted while it is open.")
    required_to_close: bool | None = optional("Whether no case is closed while it is open.")

    def step(self, shape: InputValidator, *path: str) -> ChecklistStep:
        """Return the step; faults are noted in *shape*."""
        required = {ActionType.ACCEPT: self.required_to_accept, ActionType.CLOSE: self.required_to_close}
        return ChecklistStep(
            key=shape.step_key(self.key, *path, "key"),
            label_en=shape.line(self.label_en, *path, "labelEn", maximum=LABEL_MAX),
            label_fr=shape.line(self.label_fr, *path, "labelFr", maximum=LABEL_MAX),
            required_for=frozenset(action for action, is_required in required.items() if is_required),
        )


def checklist_policy(items: Sequence[ChecklistStepInput] | None, shape: InputValidator) -> str | None:
    """Return the policy as it is stored; None where it is to stay as it is."""
    if items is None:
        return None
    if len(items) > STEPS_MAX:
        shape.note(InvalidInput(detail=Detail.of_length(len(items), STEPS_MAX)), "checklist")
        return ""
    steps: dict[str, ChecklistStep] = {}
    for index, item in enumerate(items):
        path = ("checklist", str(index))
        step = item.step(shape, *path)
        if step.key in steps:
            shape.note(InvalidInput(detail=Detail("twice")), *path, "key")
        steps[step.key] = step
    return checklist_text(list(steps.values()))


@strawberry.input(description="Where a step of the account's checklist stands on a case from now on.")
class RecordStepInput(ActionInput):
    case_id: ID = given(CASE_ID)
    step: str = given("The step, by its key in `Account.checklist`.")
    state: StepState = given("DONE, NOT_NEEDED, or OPEN to take back what was recorded before.")
    comment: str = given(
        "Who was reached and by which number or source, why it is not needed, or why it is open again: 1 to 10 000"
        " characters."
    )
    expected_version: int | None = optional(EXPECTED_VERSION)
    idempotency_key: str | None = optional(IDEMPOTENCY_KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: CommonFields) -> Command:
        return RecordStep(
            case_id=shape.id(self.case_id, "caseId"),
            step=self.step,
            state=self.state,
            comment=shape.text(self.comment, "comment", maximum=COMMENT_MAX),
            **common,
        )
