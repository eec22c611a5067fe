"""Cases, as they are now."""

from datetime import datetime

from app.api.enums import CaseStatus, Resolution
from app.api.fields import computed, described, object_type, related
from app.api.labels import labelled
from app.api.pagination import Connection
from app.api.types.available import AvailableAction, actions_available_on, case_available_actions
from app.api.types.checklists import CaseStep, case_checklist, checklists_of_cases
from app.api.types.due_dates import DUE_AT, case_overdue
from app.api.types.erasures import ERASURE, CaseLegalHold, Erasure
from app.api.types.evidence import Document
from app.api.types.lists import (
    actions_of_cases,
    case_actions,
    case_documents,
    case_overrides,
    documents_of_cases,
    overrides_of_cases,
)
from app.api.types.log import CaseAction
from app.api.types.nodes import Node
from app.api.types.overrides import Override
from app.api.types.people import User
from app.api.types.reviewers import ReviewerConnection, eligible_reviewers
from app.api.types.signals import Signal, case_signals, signals_of_cases
from app.api.types.subjects import Subject
from app.db.rows import CaseRow
from app.domain.checklist import STEPS_MAX


@object_type(CaseRow, "A doubtful check, and all that was said and done about it.")
class Case(Node):
    reference: str = described("A short name for people, unique in the account, as in CASE-000123.", ("number",))
    subject: Subject | None = related("subjects", "subject_id", "The check it is about.")
    title: str | None = described("What it is about, in a line; null once it is erased.")
    description: str | None = described("What it is about, at length; null where there is none, and once it is erased.")
    erasure: Erasure | None = related("actions", "erased_by_id", ERASURE)
    legal_hold: CaseLegalHold | None = related(
        "actions", "held_by_id", "The legal hold that keeps its content from being erased; null where there is none."
    )
    status: CaseStatus = described("Where it stands.")
    resolution: Resolution | None = described("How it ended; null until it is closed.")
    status_label: str = labelled("status")
    resolution_label: str | None = labelled("resolution", nullable=True)
    created_by: User | None = related("users", "created_by_id", "Who opened it.")
    created_at: datetime = described("When it was opened.")
    updated_at: datetime = described("When the last action was.")
    closed_by: User | None = related("users", "closed_by_id", "Who closed it.")
    closed_at: datetime | None = described("When it was closed.")
    version: int = described("Counts its changes, from 1; for `expectedVersion`.")
    action_count: int = described("How many rows its log has.")
    head_hash: str = described("The hash of its log's last row.")
    owner: User | None = related(
        "users", "owner_id", "Who works on it, as the last `assignCase` said; null for nobody."
    )
    due_at: datetime | None = described(DUE_AT)
    overdue: bool = computed(
        case_overdue, "Whether that time is over by now; never of a closed case.", ("status", "due_at"), loads=()
    )
    active_override: Override | None = related(
        "pending_override_by_case", "id", "The override that waits for a decision."
    )
    overrides: Connection[Override] = computed(
        case_overrides,
        "Its overrides, newest first.",
        ("id",),
        overrides_of_cases,
        loads=("overrides_by_case",),
    )
    actions: Connection[CaseAction] = computed(
        case_actions,
        "Its log, newest first; the latest row comes with `first: 1`.",
        ("id", "action_count"),
        actions_of_cases,
        loads=("actions_by_case",),
    )
    documents: Connection[Document] = computed(
        case_documents,
        "The files of all its comments, newest first.",
        ("id",),
        documents_of_cases,
        loads=("documents_by_case",),
    )
    available_actions: list[AvailableAction] = computed(
        case_available_actions,
        "What the viewer may do now, every action that names a case once, and if not, why: what the mutations would"
        " answer.",
        ("id", "subject_id", "status", "held_by_id"),
        actions_available_on,
    )
    checklist: list[CaseStep] = computed(
        case_checklist,
        f"The steps of the account's present checklist, as they stand on it, {STEPS_MAX} at most.",
        ("id",),
        checklists_of_cases,
        loads=("recorded_steps_by_case",),
    )
    eligible_reviewers: ReviewerConnection | None = computed(
        eligible_reviewers,
        "People whom the viewer may ask to decide on an override, and for others why not. Needs the scope users_read.",
        ("id",),
    )
    signals: list[Signal] | None = computed(
        case_signals,
        "What a careful colleague would notice on it, each kind once at most, in the enum's order. What is erased gives"
        " none.",
        ("id",),
        signals_of_cases,
    )
