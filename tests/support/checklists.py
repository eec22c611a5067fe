"""Accounts with a checklist, and steps that are recorded on their cases."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from app.actions.outcome import Outcome
from app.db import tables
from app.domain.checklist import checklist_text
from app.domain.commands import RecordStep
from app.domain.facts import ChecklistStep
from app.domain.model import ActionType, Scope, StepState
from tests.support.database_contents import set_by_hand
from tests.support.world import Person, World, person_of

CALL_BACK = ChecklistStep("CALL_BACK", "Call back", "Rappel", frozenset({ActionType.ACCEPT, ActionType.CLOSE}))
SECOND_SOURCE = ChecklistStep("SECOND_SOURCE", "Second source", "Seconde source", frozenset({ActionType.CLOSE}))
LETTER = ChecklistStep("LETTER", "Letter", "Courrier")
CHECKLIST = (CALL_BACK, SECOND_SOURCE, LETTER)


async def with_checklist(world: World, *steps: ChecklistStep) -> World:
    """Give the account these steps, and return its people as they are known since."""
    await set_by_hand(world.database, tables.accounts, world.account_id, checklist=checklist_text(steps))
    names = ("ada", "carl", "rosa", "rolf", "bea", "aldo")
    people: dict[str, Any] = {name: await person_of(world.database, getattr(world, name).id, *Scope) for name in names}
    return replace(world, **people)


async def record(
    world: World,
    case_id: UUID,
    step: ChecklistStep | str,
    state: StepState = StepState.DONE,
    person: Person | None = None,
) -> Outcome:
    """Record where a step stands, as Carl unless it is somebody else."""
    key = step if isinstance(step, str) else step.key
    command = RecordStep(case_id=case_id, step=key, state=state, comment=f"{key} is {state}.")
    return await world.do(person or world.carl, command)
