"""What a case's log says of the columns that people are shown: the case's and its overrides'.

Folded row by row, and held against what is stored. What each type of action changes is one entry of a table. That the
rows themselves are as they were written is for `log.Chain`, which also looks at statuses, counts and the last hash.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from app.domain.action_log import Entry
from app.domain.assignment import assignment_of
from app.domain.checklist import TakenSteps
from app.domain.delegations import representation_fault
from app.domain.due_dates import due_date_of
from app.domain.erasure import sets_hold
from app.domain.evaluation import Evaluation
from app.domain.expiry import expiry_of
from app.domain.log_chain import Fault, FaultKind
from app.domain.model import ActionType, EvaluationStatus, OverrideStatus, RequestedStatus
from app.domain.reminders import ReminderOccasion, reminder_of, time_of_override


@dataclass(frozen=True, slots=True)
class CaseState:
    """The columns of a case that follow from its log."""

    created_by_id: UUID
    created_at: datetime
    updated_at: datetime
    version: int
    closed_by_id: UUID | None = None
    closed_at: datetime | None = None
    held_by_id: UUID | None = None
    owner_id: UUID | None = None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OverrideState:
    """The columns of an override that follow from its case's log."""

    case_id: UUID
    status: OverrideStatus
    created_at: datetime
    version: int
    decided_by_id: UUID | None = None
    decided_at: datetime | None = None
    expires_at: datetime | None = None


class ResultChange(NamedTuple):
    """A row of the log that says what the subject's result is, of whichever of the subject's cases.

    `evaluation`: what it says where it is one; `override_id`: that of the row, which is requested to be `requested`.
    """

    case_id: UUID
    number: int
    seq: int
    type: ActionType
    created_at: datetime
    at_opening: EvaluationStatus
    requested: RequestedStatus | None
    override_id: UUID | None = None
    evaluation: Evaluation | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What an action changes besides the case's status; *result*: what it makes the subject's result."""

    closes: bool = False
    makes_override: bool = False
    changes_override: bool = False
    holds: bool = False
    assigns: bool = False
    sets_due_date: bool = False
    reminds: bool = False
    result: Callable[[ResultChange], EvaluationStatus | None] | None = None


CHANGES: Mapping[ActionType, Change] = {
    ActionType.OPEN: Change(sets_due_date=True, result=lambda row: row.at_opening),
    ActionType.COMMENT: Change(),
    ActionType.REQUEST_OVERRIDE: Change(makes_override=True),
    ActionType.ACCEPT: Change(
        changes_override=True,
        result=lambda row: None if row.requested is None else EvaluationStatus(row.requested.value),
    ),
    ActionType.REFUSE: Change(changes_override=True),
    ActionType.CANCEL: Change(changes_override=True),
    ActionType.CLOSE: Change(closes=True),
    ActionType.REASSIGN: Change(changes_override=True),
    ActionType.REDACT: Change(),
    ActionType.HOLD: Change(holds=True),
    ActionType.EVALUATION: Change(result=lambda row: None if row.evaluation is None else row.evaluation.status_after),
    ActionType.ASSIGN: Change(assigns=True),
    ActionType.SET_DUE_DATE: Change(sets_due_date=True),
    ActionType.EXPIRE: Change(changes_override=True),
    ActionType.REMIND: Change(reminds=True),
    ActionType.ESCALATE: Change(reminds=True),
    ActionType.RECORD_STEP: Change(),
}

RESULT_TYPES = frozenset(type for type, change in CHANGES.items() if change.result is not None)
"""The actions after which a subject's result may be another."""

PLANNING_TYPES = frozenset(type for type, change in CHANGES.items() if change.assigns or change.sets_due_date)
"""The actions after which a case may be another's, or due at another time."""

_DECIDED = (OverrideStatus.ACCEPTED, OverrideStatus.REFUSED)


class Folded:
    """One case's state, folded row by row."""

    def __init__(self) -> None:
        self.case: CaseState | None = None
        self.overrides: dict[UUID, tuple[int, OverrideState]] = {}
        """By its id: the row that changed an override last, and how it stands."""
        self.unfounded: list[Fault] = []
        """Decisions in the place of somebody who was not asked, or that call a taken step open, and wrong reminders."""
        self._steps = TakenSteps()

    def add(self, entry: Entry, row_id: UUID | None = None) -> None:
        """Take the next row, which has this id."""
        change = CHANGES[entry.type]
        case = self.case or CaseState(entry.user_id, entry.created_at, entry.created_at, 0)
        self.case = replace(case, updated_at=entry.created_at, version=case.version + 1)
        if change.closes:
            self.case = replace(self.case, closed_by_id=entry.user_id, closed_at=entry.created_at)
        if change.holds and entry.seal is not None:
            self.case = replace(self.case, held_by_id=row_id if sets_hold(entry.seal.details) else None)
        if change.assigns and entry.seal is not None:
            assignment = assignment_of(entry.seal.details)
            self.case = replace(self.case, owner_id=None if assignment is None else assignment.assignee_id)
        if change.sets_due_date and entry.seal is not None:
            due_date = due_date_of(entry.seal.details)
            self.case = replace(self.case, due_at=None if due_date is None else due_date.due_at)
        if entry.override is not None:
            self._take_override(change, entry, entry.override.id, entry.override.status)
        for reason in self._faults_of(entry, change, self.case):
            if reason is not None:
                self.unfounded.append(Fault(entry.seq, FaultKind.STATE, reason))

    def _faults_of(self, entry: Entry, change: Change, case: CaseState) -> Iterator[str | None]:
        yield representation_fault(entry)
        yield self._steps.add(entry)
        if change.reminds:
            yield self._reminder_fault(entry, case)

    def _reminder_fault(self, entry: Entry, case: CaseState) -> str | None:
        """Return what is wrong with a row that reminds, or escalates: it is about what was so just before it."""
        reminder = None if entry.seal is None else reminder_of(entry.seal.details)
        if reminder is None:
            return "it does not say what it reminds of"
        if reminder.occasion is ReminderOccasion.DUE_DATE:
            return None if reminder.at == case.due_at else "it is about another due date than the case had"
        _, override = self.overrides.get(reminder.override_id or entry.case_id, (0, None))
        if override is not None:
            times = override.status, override.created_at, override.expires_at
            if reminder.at == time_of_override(reminder.occasion, *times):
                return None
        return "it is about an override that did not wait so"

    def _take_override(self, change: Change, entry: Entry, id: UUID, status: OverrideStatus) -> None:
        if change.makes_override:
            expiry = None if entry.seal is None else expiry_of(entry.seal.details)
            state = OverrideState(entry.case_id, status, entry.created_at, 1)
            state = replace(state, expires_at=None if expiry is None else expiry.expires_at)
        elif change.changes_override and id in self.overrides:
            before = self.overrides[id][1]
            state = replace(before, status=status, version=before.version + 1)
            if status in _DECIDED:
                state = replace(state, decided_by_id=entry.user_id, decided_at=entry.created_at)
        else:
            return
        self.overrides[id] = entry.seq, state

    def faults(self, case: CaseState, overrides: Mapping[UUID, OverrideState]) -> Iterator[Fault]:
        """Yield what is stored and does not follow from the log, and what does not follow from what was before."""
        yield from self.unfounded
        if self.case is not None and case != self.case:
            yield Fault(self.case.version, FaultKind.STATE, _reported("case", case, self.case))
        for id, (seq, state) in self.overrides.items():
            if id in overrides and overrides[id] != state:
                yield Fault(seq, FaultKind.STATE, _reported(f"override {id}", overrides[id], state))


def _reported(what: str, stored: CaseState | OverrideState, folded: CaseState | OverrideState) -> str:
    names = [name for name in stored.__slots__ if getattr(stored, name) != getattr(folded, name)]
    return f"the {what} has another {' and '.join(names)} than the log gives"
