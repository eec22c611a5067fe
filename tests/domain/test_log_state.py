"""The state that a log gives: each action's columns, and what is reported where other ones are stored.

No database: what the verifier finds in real tables is in tests/audit.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.domain.action_log import Entry, OverrideContent, Seal
from app.domain.due_dates import DueDate
from app.domain.evaluation import Evaluation
from app.domain.log_chain import Fault, FaultKind
from app.domain.log_results import SubjectState, TimedEvaluation, recorded_fault, result_fault
from app.domain.log_state import RESULT_TYPES, CaseState, Folded, OverrideState, ResultChange
from app.domain.model import ActionType, CaseStatus, EvaluationStatus, OverrideStatus, RequestedStatus

ADA, ROSA, ACCOUNT, CASE, OTHER_CASE, SUBJECT, FIRST, SECOND = (UUID(int=number) for number in range(0xA0, 0xA8))
MORNING = datetime(2026, 11, 24, 8, tzinfo=UTC)


def at(minute: int) -> datetime:
    return MORNING + timedelta(minutes=minute)


def entry(seq: int, action: str, user: UUID = ADA, override: tuple[UUID, str] | None = None) -> Entry:
    content = None
    if override is not None:
        content = OverrideContent(
            id=override[0],
            creator_id=ADA,
            subject_id=SUBJECT,
            requested_status=RequestedStatus.FAVORABLE,
            subject_status_at_request=EvaluationStatus.ANOMALY,
            reviewer_ids=(ROSA,),
            status=OverrideStatus(override[1]),
        )
    return Entry(
        account_id=ACCOUNT,
        case_id=CASE,
        seq=seq,
        type=ActionType(action),
        user_id=user,
        status_before=CaseStatus.OPEN,
        status_after=CaseStatus.OPEN,
        created_at=at(seq),
        request_id="r",
        prev_hash="",
        override=content,
    )


STORY = [
    entry(1, "OPEN"),
    entry(2, "COMMENT", ROSA),
    entry(3, "REQUEST_OVERRIDE", override=(FIRST, "PENDING")),
    entry(4, "REASSIGN", override=(FIRST, "PENDING")),
    entry(5, "REFUSE", ROSA, override=(FIRST, "REFUSED")),
    entry(6, "REQUEST_OVERRIDE", override=(SECOND, "PENDING")),
    entry(7, "CANCEL", override=(SECOND, "CANCELLED")),
    entry(8, "CLOSE", ROSA),
]
CLOSED = CaseState(ADA, at(1), at(8), 8, ROSA, at(8))
REFUSED = OverrideState(CASE, OverrideStatus.REFUSED, at(3), 3, ROSA, at(5))
CANCELLED = OverrideState(CASE, OverrideStatus.CANCELLED, at(6), 2)


def folded(entries: Sequence[Entry]) -> Folded:
    state = Folded()
    for item in entries:
        state.add(item)
    return state


def faults(entries: Sequence[Entry], case: CaseState, overrides: dict[UUID, OverrideState]) -> list[Fault]:
    return list(folded(entries).faults(case, overrides))


def test_a_log_gives_the_columns_of_its_case_and_overrides() -> None:
    state = folded(STORY)

    assert state.case == CLOSED
    assert state.overrides == {FIRST: (5, REFUSED), SECOND: (7, CANCELLED)}
    assert faults(STORY, CLOSED, {FIRST: REFUSED, SECOND: CANCELLED}) == []


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (1, CaseState(ADA, at(1), at(1), 1)),
        (2, CaseState(ADA, at(1), at(2), 2)),
        (7, CaseState(ADA, at(1), at(7), 7)),
    ],
)
def test_each_row_counts_a_version_and_only_the_last_closes(rows: int, expected: CaseState) -> None:
    assert folded(STORY[:rows]).case == expected


def test_the_last_row_that_assigns_gives_the_owner() -> None:
    rows = [
        replace(entry(seq, "ASSIGN"), seal=Seal({}, {}, {"assignee_id": None if owner is None else str(owner)}))
        for seq, owner in ((2, ROSA), (3, ADA), (4, None))
    ]

    owners = [folded([STORY[0], *rows[:count]]).case for count in range(4)]

    assert [case.owner_id for case in owners if case is not None] == [None, ROSA, ADA, None]


def test_the_last_row_that_sets_a_due_date_gives_it() -> None:
    rows = [
        replace(entry(seq, "SET_DUE_DATE"), seal=Seal({}, {}, DueDate(due_at).details()))
        for seq, due_at in ((2, at(9)), (3, at(99)), (4, None))
    ]

    cases = [folded([STORY[0], *rows[:count]]).case for count in range(4)]

    assert [case.due_at for case in cases if case is not None] == [None, at(9), at(99), None]


def test_an_override_is_pending_until_it_is_decided() -> None:
    assert folded(STORY[:3]).overrides == {FIRST: (3, OverrideState(CASE, OverrideStatus.PENDING, at(3), 1))}
    assert folded(STORY[:4]).overrides == {FIRST: (4, OverrideState(CASE, OverrideStatus.PENDING, at(3), 2))}


def test_an_acceptance_names_who_decided() -> None:
    state = folded([*STORY[:4], entry(5, "ACCEPT", ROSA, override=(FIRST, "ACCEPTED"))])

    assert state.overrides[FIRST] == (5, replace(REFUSED, status=OverrideStatus.ACCEPTED))


def test_a_row_that_changes_an_override_which_none_has_made_makes_none() -> None:
    assert folded([STORY[0], STORY[4]]).overrides == {}
    assert folded([STORY[0], entry(2, "COMMENT", override=(FIRST, "PENDING"))]).overrides == {}


def test_no_rows_say_nothing() -> None:
    assert faults([], CLOSED, {FIRST: REFUSED}) == []


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"version": 9}, "version"),
        ({"closed_by_id": None, "closed_at": None}, "closed_by_id and closed_at"),
        ({"created_by_id": ROSA}, "created_by_id"),
        ({"owner_id": ROSA}, "owner_id"),
        ({"due_at": at(9)}, "due_at"),
        ({"updated_at": at(7), "version": 7}, "updated_at and version"),
    ],
)
def test_a_case_that_does_not_follow_is_a_fault_of_the_last_row(changed: dict[str, Any], names: str) -> None:
    reason = f"the case has another {names} than the log gives"

    found = faults(STORY, replace(CLOSED, **changed), {FIRST: REFUSED, SECOND: CANCELLED})

    assert found == [Fault(8, FaultKind.STATE, reason)]


def test_each_override_that_does_not_follow_is_a_fault_of_the_row_that_changed_it_last() -> None:
    others = {FIRST: replace(REFUSED, decided_by_id=ADA), SECOND: replace(CANCELLED, version=1, created_at=at(1))}

    assert faults(STORY, CLOSED, others) == [
        Fault(5, FaultKind.STATE, f"the override {FIRST} has another decided_by_id than the log gives"),
        Fault(7, FaultKind.STATE, f"the override {SECOND} has another created_at and version than the log gives"),
    ]


def test_an_override_that_is_missing_or_unknown_is_for_others_to_find() -> None:
    assert faults(STORY, CLOSED, {OTHER_CASE: REFUSED}) == []


# --- The subject's result --------------------------------------------------------------------------------------------


def change(
    seq: int,
    action: str,
    result: str = "ANOMALY",
    requested: str | None = None,
    case_id: UUID = CASE,
    day: int = 0,
) -> ResultChange:
    wanted = None if requested is None else RequestedStatus(requested)
    override_id = None if requested is None else FIRST
    moment = MORNING + timedelta(days=day)
    return ResultChange(case_id, 1, seq, ActionType(action), moment, EvaluationStatus(result), wanted, override_id)


def evaluation(version: int, before: str | None, after: str, replaced: UUID | None = None) -> Evaluation:
    result = None if before is None else EvaluationStatus(before)
    return Evaluation(result, EvaluationStatus(after), version, ("evaluationStatus",), replaced)


def evaluated(seq: int, *said: Any, case_id: UUID = CASE) -> ResultChange:
    """Return a row of a case's log that says so."""
    kind = ActionType.EVALUATION
    return ResultChange(case_id, 1, seq, kind, MORNING, EvaluationStatus.ANOMALY, None, None, evaluation(*said))


def recorded(*said: Any, day: int = 0) -> TimedEvaluation:
    """Return a row of the account's own log that says so."""
    return TimedEvaluation(evaluation(*said), MORNING + timedelta(days=day))


def stored(result: str, version: int, override_id: UUID | None = None) -> SubjectState:
    return SubjectState(EvaluationStatus(result), version, override_id)


OPENED, ACCEPTED = change(1, "OPEN"), change(4, "ACCEPT", requested="FAVORABLE")
OPENED_AGAIN = change(1, "OPEN", "FAVORABLE", case_id=OTHER_CASE)


def test_results_come_of_openings_acceptances_and_evaluations() -> None:
    assert {"OPEN", "ACCEPT", "EVALUATION"} == RESULT_TYPES


@pytest.mark.parametrize(
    ("changes", "case_id", "result", "version"),
    [
        ([OPENED], CASE, "ANOMALY", 1),
        ([OPENED, ACCEPTED], CASE, "FAVORABLE", 2),
        ([OPENED, ACCEPTED, OPENED_AGAIN], OTHER_CASE, "FAVORABLE", 2),  # the same result is no other version
        ([OPENED, change(1, "OPEN", "PENDING", case_id=OTHER_CASE)], OTHER_CASE, "PENDING", 2),
        ([], CASE, "ANOMALY", 5),
        ([OPENED, OPENED_AGAIN], CASE, "PENDING", 7),  # the last case's to say
    ],
)
def test_a_result_that_follows_from_the_log_is_no_fault(
    changes: list[ResultChange], case_id: UUID, result: str, version: int
) -> None:
    override_id = FIRST if result == "FAVORABLE" else None
    assert result_fault(changes, case_id, stored(result, version, override_id)) is None


@pytest.mark.parametrize(
    ("changes", "result", "version", "seq", "reason"),
    [
        ([OPENED], "FAVORABLE", 1, 1, "FAVORABLE in version 1, and the log says ANOMALY in version 1"),
        ([OPENED], "ANOMALY", 2, 1, "ANOMALY in version 2, and the log says ANOMALY in version 1"),
        ([OPENED, ACCEPTED], "ANOMALY", 1, 4, "ANOMALY in version 1, and the log says FAVORABLE in version 2"),
        (
            [OPENED, ACCEPTED, change(9, "OPEN", "FAVORABLE")],
            "PENDING",
            2,
            4,
            "PENDING in version 2, and the log says FAVORABLE in version 2",
        ),
        (
            [OPENED, change(4, "ACCEPT")],
            "ANOMALY",
            1,
            4,
            "ANOMALY in version 1, and the log says None in version 2",
        ),
        (
            [OPENED, change(2, "COMMENT")],
            "ANOMALY",
            1,
            2,
            "ANOMALY in version 1, and the log says None in version 2",
        ),
    ],
)
def test_a_result_that_does_not_follow_is_a_fault_of_the_row_that_made_the_last_one(
    changes: list[ResultChange], result: str, version: int, seq: int, reason: str
) -> None:
    fault = result_fault(changes, CASE, stored(result, version))

    assert fault == Fault(seq, FaultKind.STATE, f"the subject is {reason}")


@pytest.mark.parametrize(
    ("changes", "rows", "expected"),
    [
        ([OPENED, evaluated(2, 2, "ANOMALY", "PENDING")], [], stored("PENDING", 2)),
        ([OPENED, ACCEPTED, evaluated(5, 3, "FAVORABLE", "PENDING", FIRST)], [], stored("PENDING", 3)),
        # The name alone: the result rests on the override as before.
        ([OPENED, ACCEPTED, evaluated(5, 3, "FAVORABLE", "FAVORABLE")], [], stored("FAVORABLE", 3, FIRST)),
        # The account's own log stands before the first case, between two, and after the last one.
        ([OPENED], [recorded(1, None, "ANOMALY")], stored("ANOMALY", 1)),
        ([OPENED], [recorded(1, None, "PENDING"), recorded(2, "PENDING", "ANOMALY")], stored("ANOMALY", 2)),
        ([OPENED, ACCEPTED], [recorded(3, "FAVORABLE", "PENDING", FIRST)], stored("PENDING", 3)),
        (
            [OPENED, change(1, "OPEN", "PENDING"), evaluated(2, 4, "PENDING", "ANOMALY")],
            [recorded(2, "ANOMALY", "FAVORABLE"), recorded(3, "FAVORABLE", "PENDING")],
            stored("ANOMALY", 4),
        ),
        # An opening made version 2, and the account's log version 3 after that case was closed.
        ([OPENED, change(1, "OPEN", "PENDING")], [recorded(3, "PENDING", "ANOMALY")], stored("ANOMALY", 3)),
    ],
)
def test_results_of_the_check_system_are_folded_from_both_logs(
    changes: list[ResultChange], rows: list[TimedEvaluation], expected: SubjectState
) -> None:
    assert result_fault(changes, CASE, expected, rows) is None
    for other in (expected._replace(version=9), expected._replace(override_id=SECOND)):
        assert result_fault(changes, CASE, other, rows) is not None


UNCHANGED = [change(1, "OPEN"), change(1, "OPEN", case_id=OTHER_CASE, day=2)]


@pytest.mark.parametrize(
    ("changes", "rows", "expected", "others"),
    [
        # The second case found the result as it was; the account's log has another one from the day after, or before.
        (UNCHANGED, [recorded(2, "ANOMALY", "PENDING", day=3)], stored("PENDING", 2), stored("ANOMALY", 3)),
        (UNCHANGED, [recorded(2, "ANOMALY", "PENDING", day=1)], stored("ANOMALY", 3), stored("PENDING", 2)),
        # It went and came back before the second case, which changes it in the version after that.
        (
            [*UNCHANGED, change(4, "ACCEPT", requested="FAVORABLE", case_id=OTHER_CASE, day=4)],
            [recorded(2, "ANOMALY", "PENDING", day=1), recorded(3, "PENDING", "ANOMALY", day=1)],
            stored("FAVORABLE", 4, FIRST),
            stored("FAVORABLE", 2, FIRST),
        ),
        (
            [*UNCHANGED, change(4, "ACCEPT", requested="FAVORABLE", case_id=OTHER_CASE, day=4)],
            [recorded(3, "FAVORABLE", "PENDING", FIRST, day=5), recorded(4, "PENDING", "ANOMALY", day=5)],
            stored("ANOMALY", 4),
            stored("FAVORABLE", 4, FIRST),
        ),
    ],
)
def test_the_account_s_log_stands_where_its_times_say(
    changes: list[ResultChange], rows: list[TimedEvaluation], expected: SubjectState, others: SubjectState
) -> None:
    assert result_fault(changes, OTHER_CASE, expected, rows) is None
    assert result_fault(changes, OTHER_CASE, others, rows) is not None


def test_rows_of_about_the_same_time_may_have_come_in_either_order() -> None:
    for minutes in (-10, 10):
        moment = UNCHANGED[-1].created_at + timedelta(minutes=minutes)
        rows = [TimedEvaluation(evaluation(2, "ANOMALY", "PENDING"), moment)]

        assert result_fault(UNCHANGED, OTHER_CASE, stored("PENDING", 2), rows) is None
        assert result_fault(UNCHANGED, OTHER_CASE, stored("ANOMALY", 3), rows) is None
        assert result_fault(UNCHANGED, OTHER_CASE, stored("PENDING", 3), rows) is not None


@pytest.mark.parametrize(
    ("changes", "rows", "reason"),
    [
        ([OPENED, evaluated(2, 2, "PENDING", "PENDING")], [], "an evaluation replaces another result"),
        ([OPENED, evaluated(2, 2, "ANOMALY", "PENDING", FIRST)], [], "an evaluation replaces another result"),
        ([OPENED, ACCEPTED, evaluated(5, 3, "FAVORABLE", "PENDING")], [], "an evaluation replaces another result"),
        ([OPENED, evaluated(2, 3, "ANOMALY", "PENDING")], [], "an evaluation replaces another result"),
        ([OPENED, evaluated(2, 2, "ANOMALY", "PENDING")], [recorded(7, "PENDING", "ANOMALY")], "the account's own"),
    ],
)
def test_an_evaluation_that_follows_from_no_row_is_a_fault(
    changes: list[ResultChange], rows: list[TimedEvaluation], reason: str
) -> None:
    version = len(changes)
    fault = result_fault(changes, CASE, stored("PENDING", version), rows)

    assert fault is not None and fault.reason.startswith(reason)


def test_a_subject_without_a_case_is_what_the_account_s_log_says() -> None:
    rows = [recorded(1, None, "ANOMALY"), recorded(2, "ANOMALY", "PENDING")]
    said = f"the subject is ANOMALY in version 2, and the log says PENDING in version 2 ({SUBJECT})"

    assert recorded_fault(SUBJECT, stored("PENDING", 2), rows) is None
    assert recorded_fault(SUBJECT, stored("ANOMALY", 2), rows) == Fault(0, FaultKind.STATE, said)
    assert recorded_fault(SUBJECT, stored("PENDING", 2), rows[1:]) is not None
    unlogged = Fault(0, FaultKind.UNLOGGED, f"the subject {SUBJECT} is in no row of a log")
    assert recorded_fault(SUBJECT, stored("PENDING", 1), []) == unlogged
