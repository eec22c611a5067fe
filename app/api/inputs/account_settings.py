"""The input that changes an account's settings and policies."""

import strawberry

from app.api.enums import EvaluationStatus, Language
from app.api.inputs.administration import KEY, AdminFields, AdminInput
from app.api.inputs.checklists import ChecklistStepInput, checklist_policy
from app.api.inputs.fields import dry_run, given, optional
from app.domain.admin_commands import AdminCommand, UpdateAccount
from app.domain.checklist import STEPS_MAX
from app.domain.due_dates import due_hours_text
from app.domain.errors import Detail, InvalidInput
from app.domain.validation import EXPIRY_MAX, RETENTION_MAX, TITLE_MAX, InputValidator


@strawberry.input(description="Within how many hours a new case is due whose subject has this result.")
class DueHoursInput:
    evaluation_status: EvaluationStatus = given("The result when the case is opened.")
    hours: int = given(f"How many hours, 1 to {EXPIRY_MAX}.")


@strawberry.input(
    description="What to change of the account; what is left out stays as it is. A second admin has to approve"
    " policies: the features, who may decide on what, how long content is kept, how long overrides wait, and when"
    " people are reminded."
)
class UpdateAccountInput(AdminInput):
    name: str | None = optional("What it is called, 1 to 200 characters.")
    default_language: Language | None = optional("The language where neither the request nor the person asks for one.")
    cases_enabled: bool | None = optional("Whether the feature CASES is on.")
    overrides_enabled: bool | None = optional("Whether the feature OVERRIDES is on.")
    restrict_to_assigned_reviewers: bool | None = optional("Whether only the reviewers who were asked may decide.")
    require_reviewed_version: bool | None = optional(
        "Whether who decides through the JSON:API has to name the override and the case's version; here that is so"
        " anyway."
    )
    retention_days: int | None = optional(
        f"For how many days after closing the content of cases is kept, 1 to {RETENTION_MAX}; then it is erased for"
        " good, unless a legal hold keeps it. 0: until somebody erases it."
    )
    override_expiry_hours: int | None = optional(
        f"For how many hours an override can be decided that is requested from now on, 1 to {EXPIRY_MAX}; then it ends"
        " as EXPIRED. 0: for ever."
    )
    due_hours: list[DueHoursInput] | None = optional(
        "When a case is due that is opened from now on, each result once at most; none of the others. An empty list: at"
        " no time."
    )
    reminder_hours: int | None = optional(
        "How many hours before a due date or an override's expiry, or after the request of one that does not expire,"
        f" the case's log gets a row REMIND, 1 to {EXPIRY_MAX}. 0: never."
    )
    escalation_hours: int | None = optional(
        "How many hours after a due date, or after the request of an override, the case's log gets a row ESCALATE"
        f" where it still waits, 1 to {EXPIRY_MAX}. 0: never."
    )
    checklist: list[ChecklistStepInput] | None = optional(
        f"The steps that are to be taken on each case, open ones too, in their order, {STEPS_MAX} at most, each key"
        " once. An empty list: none."
    )
    idempotency_key: str | None = optional(KEY)
    dry_run: bool | None = dry_run()

    def _command(self, shape: InputValidator, common: AdminFields) -> AdminCommand:
        command = UpdateAccount(
            name=None if self.name is None else shape.line(self.name, "name", maximum=TITLE_MAX),
            default_language=self.default_language,
            cases_enabled=self.cases_enabled,
            overrides_enabled=self.overrides_enabled,
            restrict_to_assigned_reviewers=self.restrict_to_assigned_reviewers,
            require_reviewed_version=self.require_reviewed_version,
            retention_days=shape.number(self.retention_days, "retentionDays", maximum=RETENTION_MAX),
            override_expiry_hours=shape.number(self.override_expiry_hours, "overrideExpiryHours", maximum=EXPIRY_MAX),
            due_hours=self._due_hours(shape),
            reminder_hours=shape.number(self.reminder_hours, "reminderHours", maximum=EXPIRY_MAX),
            escalation_hours=shape.number(self.escalation_hours, "escalationHours", maximum=EXPIRY_MAX),
            checklist=checklist_policy(self.checklist, shape),
            **common,
        )
        if not any(value is not None for value in command.settings.values()):
            shape.note(InvalidInput(detail=Detail("nothing_given")))
        return command

    def _due_hours(self, shape: InputValidator) -> str | None:
        found: dict[EvaluationStatus, int] = {}
        for index, item in enumerate(self.due_hours or ()):
            path = ("dueHours", str(index))
            if item.evaluation_status in found:
                shape.note(InvalidInput(detail=Detail("twice")), *path, "evaluationStatus")
            if not 1 <= item.hours <= EXPIRY_MAX:
                shape.note(InvalidInput(detail=Detail.of_range(1, EXPIRY_MAX)), *path, "hours")
            found[item.evaluation_status] = item.hours
        return None if self.due_hours is None else due_hours_text(found)
