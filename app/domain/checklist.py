"""An account's checklist: the steps that are to be taken on each case, and what a case's log says of them."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from app.domain.action_log import Entry
from app.domain.canonical_json import JsonObject, canonical_json
from app.domain.errors import ChecklistOpen, Enumeration, InvalidStep
from app.domain.facts import CaseFacts, ChecklistStep
from app.domain.model import ActionType, RequestedStatus, StepState

STEPS_MAX = 20
"""Steps that a checklist can have."""

TAKEN = (StepState.DONE, StepState.NOT_NEEDED)
"""The states of a step with which a decision can go on."""

_STEP, _STATE, _OPEN = "step", "state", "open_steps"


@dataclass(frozen=True, slots=True)
class StepRecord:
    """Where a row RECORD_STEP says that a step stands."""

    key: str
    state: StepState

    def details(self) -> JsonObject:
        """Return what the row says beside that it records a step."""
        return {_STEP: self.key, _STATE: self.state.value}

    def text(self) -> str:
        """Return the same as the row has it: no two records of one state of one step have other texts."""
        return canonical_json(self.details())


def step_record_of(details: JsonObject | None) -> StepRecord | None:
    """Return what the row says; None of all other rows."""
    if details is None or _STEP not in details:
        return None
    return StepRecord(str(details[_STEP]), StepState(str(details[_STATE])))


def open_steps_details(steps: Iterable[ChecklistStep]) -> JsonObject:
    """Return what the row of a decision says of the steps that were open."""
    return {_OPEN: [step.key for step in steps]}


def open_steps_of(details: JsonObject | None) -> Sequence[str] | None:
    """Return the steps that were open at a decision; None of all other rows, and where there was no checklist."""
    keys = (details or {}).get(_OPEN)
    return tuple(map(str, keys)) if isinstance(keys, list) else None


def checklist_text(steps: Sequence[ChecklistStep]) -> str:
    """Return an account's policy as it is stored and logged: canonical JSON; empty for none."""
    if not steps:
        return ""
    found = [
        {
            "key": step.key,
            "label": {"EN": step.label_en, "FR": step.label_fr},
            "required_for": sorted(step.required_for),
        }
        for step in steps
    ]
    return canonical_json({"steps": found})


@lru_cache(maxsize=100)
def checklist_of(text: str | None) -> tuple[ChecklistStep, ...]:
    """Return the steps of an account, as `checklist_text` has them."""
    return tuple(
        ChecklistStep(
            key=step["key"],
            label_en=step["label"]["EN"],
            label_fr=step["label"]["FR"],
            required_for=frozenset(map(ActionType, step["required_for"])),
        )
        for step in (json.loads(text)["steps"] if text else ())
    )


def open_among(steps: Sequence[ChecklistStep], taken: Collection[str]) -> tuple[ChecklistStep, ...]:
    """Return those of the *steps* that are neither done nor not needed; *taken* are the keys of those that are."""
    return tuple(step for step in steps if step.key not in taken)


def requires_steps(steps: Sequence[ChecklistStep]) -> bool:
    """Tell whether any action is refused while one of them is open."""
    return any(step.required_for for step in steps)


def check_step(key: str, steps: Sequence[ChecklistStep]) -> None:
    """Refuse a step that the checklist does not have. Raises: InvalidStep."""
    if all(step.key != key for step in steps):
        raise InvalidStep("input", "step", keys=(step.key for step in steps))


# --- Guards ----------------------------------------------------------------------------------------------------------


def checklist_has_steps(facts: CaseFacts, _requested: RequestedStatus | None) -> None:
    """Refuse where the account has no checklist, so that no step can be named."""
    if not facts.has_checklist:
        raise InvalidStep("input", "step")


def steps_to_accept_are_taken(facts: CaseFacts, _requested: RequestedStatus | None) -> None:
    """Refuse while a step is open that is required to accept an override."""
    _demand_taken(facts, ActionType.ACCEPT, "overrideId")


def steps_to_close_are_taken(facts: CaseFacts, _requested: RequestedStatus | None) -> None:
    """Refuse while a step is open that is required to close a case."""
    _demand_taken(facts, ActionType.CLOSE, "caseId")


def _demand_taken(facts: CaseFacts, action: ActionType, about: str) -> None:
    missing = tuple(step for step in facts.open_steps if action in step.required_for)
    if missing:
        raise ChecklistOpen("input", about, steps=Enumeration(missing))


# --- The log ---------------------------------------------------------------------------------------------------------


class TakenSteps:
    """The steps of one case that are taken, folded row by row."""

    def __init__(self) -> None:
        self.keys: set[str] = set()

    def add(self, entry: Entry) -> str | None:
        """Take the next row, and return what is wrong with what it says of steps; None where nothing is."""
        details = None if entry.seal is None else entry.seal.details
        record = step_record_of(details)
        if record is not None:
            (self.keys.add if record.state in TAKEN else self.keys.discard)(record.key)
        said = sorted(self.keys.intersection(open_steps_of(details) or ()))
        return f"it says that {', '.join(said)} was open, and an earlier row that it was not" if said else None
