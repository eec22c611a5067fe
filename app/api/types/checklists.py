"""Checklists: the steps that an account wants taken, and where they stand on a case."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast
from uuid import UUID

import strawberry

from app.api.context import Info
from app.api.enums import StepState
from app.api.fields import computed, described, object_type, related
from app.api.labels import labelled
from app.api.types.log import CaseAction
from app.db.repository.checklists import RecordedStep
from app.db.rows import CaseRow
from app.db.snapshots import CaseSnapshotRow
from app.domain.checklist import checklist_of
from app.domain.facts import ChecklistStep
from app.domain.model import ActionType, Language

KEY = "Its name for programs."
LABEL = "Its name for people, in the language of the request."
TO_ACCEPT = "Whether no override is accepted while it is open."
TO_CLOSE = "Whether no case is closed while it is open."


@dataclass(frozen=True, slots=True)
class CaseStepRow:
    """A step of the account's checklist, and where it stands on a case."""

    step: ChecklistStep
    state: StepState
    action_id: UUID | None

    @property
    def key(self) -> str:
        return self.step.key

    @property
    def required_to_accept(self) -> bool:
        return ActionType.ACCEPT in self.step.required_for

    @property
    def required_to_close(self) -> bool:
        return ActionType.CLOSE in self.step.required_for


async def _label(parent: strawberry.Parent[CaseStepRow], info: Info) -> str:
    return parent.step.label(info.context.request.language)


@object_type(CaseStepRow, "A step of the account's checklist, as it stands on a case.")
class CaseStep:
    key: str = described(KEY)
    label: str = computed(_label, LABEL, ("step",), loads=())
    state: StepState = described("Where it stands.")
    state_label: str = labelled("state")
    required_to_accept: bool = described(TO_ACCEPT)
    required_to_close: bool = described(TO_CLOSE)
    action: CaseAction | None = related(
        "actions", "action_id", "The row of the log that says so: who, when, and in what words. Null where none does."
    )


@strawberry.type(description="A step that the account wants taken on each case.")
class ChecklistItem:
    key: str = described(KEY)
    label: str = described(LABEL)
    label_en: str = described("Its name for people in English.")
    label_fr: str = described("Its name for people in French.")
    required_to_accept: bool = described(TO_ACCEPT)
    required_to_close: bool = described(TO_CLOSE)


async def case_checklist(parent: strawberry.Parent[CaseRow], info: Info) -> list[CaseStep]:
    """Return the steps of the account's checklist, as they stand on the case."""
    (found,) = await checklists_of_cases([parent], info)
    return cast(list[CaseStep], found)


async def checklists_of_cases(parents: Sequence[CaseRow], info: Info) -> list[list[CaseStepRow]]:
    """Return the same of each case."""
    steps = checklist_of(info.context.actor.checklist)
    if not steps:
        return [[] for _ in parents]
    ids = [parent.id for parent in parents]
    recorded = await info.context.loaders.recorded_steps_by_case.collect(ids)
    return [_rows(steps, recorded[id]) for id in ids]


async def snapshot_checklist(parent: strawberry.Parent[CaseSnapshotRow], info: Info) -> list[CaseStep]:
    """Return the steps of the account's present checklist, as they stood on the case, or would."""
    steps = checklist_of(info.context.actor.checklist)
    if not steps:
        return []
    recorded = await info.context.loaders.recorded_steps_until.of(parent.until).load(parent.row_id)
    changed = parent.changed_step
    if changed is not None:
        recorded = {**recorded, changed.key: RecordedStep(changed.state, None)}
    return cast(list[CaseStep], _rows(steps, recorded))


def _rows(steps: Sequence[ChecklistStep], recorded: Mapping[str, RecordedStep]) -> list[CaseStepRow]:
    nothing = RecordedStep(StepState.OPEN, None)
    return [CaseStepRow(step, *recorded.get(step.key, nothing)) for step in steps]


def checklist_item(step: ChecklistStep, language: Language) -> ChecklistItem:
    """Return a step of the account's policy."""
    return ChecklistItem(
        key=step.key,
        label=step.label(language),
        label_en=step.label_en,
        label_fr=step.label_fr,
        required_to_accept=ActionType.ACCEPT in step.required_for,
        required_to_close=ActionType.CLOSE in step.required_for,
    )
