"""The rows of the log."""

from datetime import datetime

from app.api.enums import ActionType, CaseStatus, Resolution, StepState
from app.api.fields import computed, described, object_type, related
from app.api.labels import labelled
from app.api.types.assignments import RecordedAssignment, action_assignment
from app.api.types.authority import ActionAuthority, action_authority
from app.api.types.due_dates import action_due_at
from app.api.types.erasures import action_held, reason_of
from app.api.types.evaluations import RecordedEvaluation, action_evaluation
from app.api.types.evidence import Comment
from app.api.types.nodes import Node
from app.api.types.overrides import Override
from app.api.types.people import User
from app.api.types.recorded_steps import action_open_steps, action_step, action_step_state
from app.api.types.references import CaseReference
from app.api.types.reminders import RecordedReminder, action_reminder
from app.db.rows import ActionRow
from app.domain.checklist import STEPS_MAX


@object_type(ActionRow, "One permanent row of a case's log.")
class CaseAction(Node):
    case: CaseReference | None = related("cases", "case_id", "The case.")
    seq: int = described("Its place in the case's log: 1, 2, 3, without a gap.")
    type: ActionType = described("What was done.")
    type_label: str = labelled("type")
    user: User | None = related("users", "user_id", "Who did it.")
    comment: Comment | None = related("comments", "comment_id", "The words that came with it.")
    override: Override | None = related(
        "overrides", "override_id", "The override that it made or decided, as it is now."
    )
    status_before: CaseStatus | None = described("The case's status before; null for the first row.")
    status_after: CaseStatus = described("The case's status after.")
    resolution: Resolution | None = described("How the case ended, where this row closed it.")
    created_at: datetime = described("When, never earlier than the row before.")
    request_id: str = described("The request that did it, as the answer's header named it.")
    authority: ActionAuthority | None = computed(
        action_authority,
        "By what right it was done, frozen in the row and covered by its hash; null of rows of format 1.",
        ("authority",),
        loads=(),
    )
    reason: str | None = computed(
        reason_of, "Why, where it erased content, or set or lifted a legal hold.", ("details",), loads=()
    )
    held: bool | None = computed(
        action_held, "Whether it set a legal hold, or lifted it; null of all other rows.", ("details",), loads=()
    )
    evaluation: RecordedEvaluation | None = computed(
        action_evaluation,
        "What the check system's result changed and replaced; null of all other rows.",
        ("type", "details"),
        loads=(),
    )
    assignment: RecordedAssignment | None = computed(
        action_assignment, "Whom it made the case's owner; null of all other rows.", ("details",), loads=()
    )
    due_at: datetime | None = computed(
        action_due_at,
        "Until when it said that the case is to be finished; null for at no time.",
        ("details",),
        loads=(),
    )
    reminder: RecordedReminder | None = computed(
        action_reminder, "What it reminds of, or says is late; null of all other rows.", ("details",), loads=()
    )
    step: str | None = computed(
        action_step,
        "Of which step of the checklist it says where that stands; null of all other rows.",
        ("details",),
        loads=(),
    )
    step_state: StepState | None = computed(
        action_step_state, "Where it says that the step stands; null of all other rows.", ("details",), loads=()
    )
    open_steps: list[str] | None = computed(
        action_open_steps,
        f"The steps of the checklist that were open when it accepted an override or closed the case, {STEPS_MAX} at"
        " most; null of all other rows, and where the account had no checklist.",
        ("details",),
        loads=(),
    )
    hash: str = described("SHA-256 over the row's canonical encoding and prevHash, 64 hexadecimal digits.")
    prev_hash: str = described("The hash of the row before; 64 zeros in the first row.")
