"""What the logs say of a subject's result, which all of its cases and the account's own log may change.

Folded row by row, and held against what is stored, as `log_state` does with a case's own columns.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from app.domain.evaluation import Evaluation
from app.domain.log_chain import Fault, FaultKind
from app.domain.log_state import CHANGES, ResultChange
from app.domain.model import ActionType, EvaluationStatus

CLOCK_SKEW = timedelta(minutes=10)
"""By how much a row's time may miss when it was written: the clocks of nodes differ, and a row waits for its turn."""

LATEST = datetime.max.replace(tzinfo=UTC)


class SubjectState(NamedTuple):
    """The columns of a subject that follow from the logs. `override_id`: the override that made its result, if any."""

    result: EvaluationStatus | None
    version: int
    override_id: UUID | None = None


class TimedEvaluation(NamedTuple):
    """What a row of the account's own log says of a subject's result, and when."""

    evaluation: Evaluation
    created_at: datetime


class FoldedResult(NamedTuple):
    """A subject's result after some rows of both logs, in an order in which they may have been written.

    `seq`: the row that made the last version, of whichever case; 0 for one of the account's own log. `recorded`: how
    many rows of that log are among them. `reason`: why a row does not follow from those before it.
    """

    state: SubjectState = SubjectState(None, 0)
    seq: int = 0
    recorded: int = 0
    reason: str | None = None

    def after(self, row: ResultChange) -> "FoldedResult":
        """Return the result after the next row of a case."""
        if row.evaluation is not None:
            return self._evaluated(row.evaluation)._replace(seq=row.seq)
        what = CHANGES[row.type].result
        said = what(row) if what is not None else None
        if said is self.state.result:
            return self
        accepted = row.override_id if row.type is ActionType.ACCEPT else None
        return self._replace(state=SubjectState(said, self.state.version + 1, accepted), seq=row.seq)

    def after_recorded(self, evaluation: Evaluation) -> "FoldedResult":
        """Return the result after the next row of the account's own log."""
        if evaluation.subject_version == self.state.version + 1:
            return self._evaluated(evaluation)._replace(seq=0, recorded=self.recorded + 1)
        reason = f"the account's own log has version {evaluation.subject_version}, which follows no other"
        return self._replace(recorded=self.recorded + 1, reason=self.reason or reason)

    def _evaluated(self, evaluation: Evaluation) -> "FoldedResult":
        before, reason = self.state, self.reason
        is_new = evaluation.status_after is not before.result
        made = SubjectState(evaluation.status_after, before.version + 1, None if is_new else before.override_id)
        replaced = before.override_id if is_new else None
        said = evaluation.status_before, evaluation.subject_version, evaluation.replaced_override_id
        if said != (before.result, made.version, replaced):
            reason = reason or f"an evaluation replaces another result than that of version {before.version}"
        return self._replace(state=made, reason=reason)


class ResultFold:
    """One subject's result, folded row by row.

    *recorded*: what the account's own log says of it, in order. Such a row was written while no case on the subject was
    open. Where the times of two rows are too near to tell which of them came first, either may have.
    """

    def __init__(self, recorded: Sequence[TimedEvaluation] = ()) -> None:
        self._recorded = recorded
        self._results = [FoldedResult()]

    def add(self, row: ResultChange) -> None:
        """Take the next row of the subject's cases."""
        if row.type is ActionType.OPEN:
            self._take_recorded(row.created_at - CLOCK_SKEW, row.created_at + CLOCK_SKEW)
        self._results = [result.after(row) for result in self._results]

    def end(self, stored: SubjectState) -> FoldedResult:
        """Return the result after all rows, in the order that gives what is *stored* if there is one."""
        self._take_recorded(LATEST, LATEST)
        results = self._results
        return next((result for result in results if result.reason is None and result.state == stored), results[0])

    def _take_recorded(self, surely: datetime, possibly: datetime) -> None:
        """Take the rows of the account's own log from before *surely*, and each number of those up to *possibly*."""
        found: list[FoldedResult] = []
        for result in self._results:
            for evaluation, created_at in self._recorded[result.recorded :]:
                if created_at >= surely:
                    found.append(result)
                if created_at > possibly:
                    break
                result = result.after_recorded(evaluation)  # noqa: PLW2901  # step by step
            else:
                found.append(result)
        sound = {(result.state, result.recorded): result for result in found if result.reason is None}
        self._results = list(sound.values()) or found[:1]


def result_fault(
    changes: Iterable[ResultChange],
    case_id: UUID,
    stored: SubjectState,
    recorded: Sequence[TimedEvaluation] = (),
) -> Fault | None:
    """Return what is wrong with a subject as it is *stored*; None where that follows from the logs.

    *changes* are those of all the subject's cases, in order; *recorded*: see `ResultFold`. It is the last case's fault,
    and None for any other one.
    """
    last: ResultChange | None = None
    fold = ResultFold(recorded)
    for last in changes:
        fold.add(last)
    if last is None or last.case_id != case_id:
        return None
    result = fold.end(stored)
    reason = _unlike(result, stored)
    return None if reason is None else Fault(result.seq or last.seq, FaultKind.STATE, reason)


def recorded_fault(subject_id: UUID, stored: SubjectState, recorded: Sequence[TimedEvaluation]) -> Fault | None:
    """Return what is wrong with a subject that has no case."""
    if not recorded:
        return Fault(0, FaultKind.UNLOGGED, f"the subject {subject_id} is in no row of a log")
    reason = _unlike(ResultFold(recorded).end(stored), stored)
    return None if reason is None else Fault(0, FaultKind.STATE, f"{reason} ({subject_id})")


def _unlike(result: FoldedResult, stored: SubjectState) -> str | None:
    """Return in what the subject is not as its rows give it."""
    said = result.state
    if (said.result, said.version) != (stored.result, stored.version):
        has, gives = f"{stored.result} in version {stored.version}", f"{said.result} in version {said.version}"
        return f"the subject is {has}, and the log says {gives}"
    if result.reason is None and said.override_id != stored.override_id:
        return "the subject has another override_id than the log gives"
    return result.reason
