"""The rules of checklists: how a policy is stored, which steps are open, and what a log says of them."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.domain.action_log import GENESIS, Entry, Seal
from app.domain.canonical_json import JsonObject
from app.domain.checklist import (
    StepRecord,
    TakenSteps,
    check_step,
    checklist_of,
    checklist_text,
    open_among,
    open_steps_details,
    open_steps_of,
    requires_steps,
    step_record_of,
    steps_to_accept_are_taken,
    steps_to_close_are_taken,
)
from app.domain.errors import InvalidStep, StateRefused
from app.domain.facts import CaseFacts, ChecklistStep
from app.domain.model import ActionType, CaseStatus, EvaluationStatus, Language, StepState
from app.i18n import message

BOTH = ChecklistStep("CALL_BACK", "Call back", "Rappel", frozenset({ActionType.ACCEPT, ActionType.CLOSE}))
AT_CLOSE = ChecklistStep("SECOND_SOURCE", "Second source", "Seconde source", frozenset({ActionType.CLOSE}))
SHOWN = ChecklistStep("LETTER", "Letter", "Courrier")
STEPS = (BOTH, AT_CLOSE, SHOWN)
TEXT = (
    '{"steps":[{"key":"CALL_BACK","label":{"EN":"Call back","FR":"Rappel"},"required_for":["ACCEPT","CLOSE"]},'
    '{"key":"SECOND_SOURCE","label":{"EN":"Second source","FR":"Seconde source"},"required_for":["CLOSE"]},'
    '{"key":"LETTER","label":{"EN":"Letter","FR":"Courrier"},"required_for":[]}]}'
)
NO_ONE = UUID(int=0)


def facts(*open_steps: ChecklistStep) -> CaseFacts:
    return CaseFacts(CaseStatus.RESOLVED, EvaluationStatus.ANOMALY, has_checklist=True, open_steps=open_steps)


def entry(type_: ActionType, details: JsonObject | None) -> Entry:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    made = Entry(NO_ONE, NO_ONE, 2, type_, NO_ONE, CaseStatus.OPEN, CaseStatus.OPEN, moment, "r", GENESIS)
    return replace(made, seal=Seal({}, {}, details))


def test_a_policy_is_stored_in_its_order_and_read_again() -> None:
    assert checklist_text(STEPS) == TEXT
    assert checklist_of(TEXT) == STEPS
    assert checklist_text(()) == ""
    assert checklist_of("") == checklist_of(None) == ()


@pytest.mark.parametrize("state", StepState)
def test_a_row_s_details_give_the_record_back(state: StepState) -> None:
    record = StepRecord("CALL_BACK", state)

    assert step_record_of(record.details()) == record
    assert record.text() == f'{{"state":"{state}","step":"CALL_BACK"}}'
    assert open_steps_of(record.details()) is None


def test_other_rows_say_nothing_of_steps_and_decisions_say_which_were_open() -> None:
    assert step_record_of(None) is step_record_of({"due_at": None}) is None
    assert open_steps_of(None) is open_steps_of({"reason": "x"}) is None
    assert open_steps_of(open_steps_details([])) == ()
    assert open_steps_of(open_steps_details(STEPS)) == ("CALL_BACK", "SECOND_SOURCE", "LETTER")


def test_steps_that_are_not_taken_are_open() -> None:
    assert open_among(STEPS, ()) == STEPS
    assert open_among(STEPS, {"CALL_BACK", "GONE"}) == (AT_CLOSE, SHOWN)
    assert requires_steps(STEPS) and not requires_steps((SHOWN,)) and not requires_steps(())


def test_a_step_must_be_one_of_the_checklist() -> None:
    check_step("LETTER", STEPS)
    for key, steps in (("letter", STEPS), ("", STEPS), ("LETTER", ())):
        with pytest.raises(InvalidStep):
            check_step(key, steps)


def test_a_step_that_there_is_not_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(InvalidStep) as unknown:
        check_step("TEA", STEPS)
    with pytest.raises(InvalidStep) as none:
        check_step("TEA", ())
    with pytest.raises(InvalidStep) as like_a_word:
        check_step("TEA", (ChecklistStep("ACCEPTED", "Accepted", "Accepté"),))

    assert {language: message(unknown.value, language) for language in Language} == {
        "EN": "There is no such step: the account's checklist has CALL_BACK, SECOND_SOURCE, LETTER.",
        "FR": "Cette étape n’existe pas : la liste de contrôle du compte comprend CALL_BACK, SECOND_SOURCE, LETTER.",
    }
    assert message(none.value, Language.EN) == "There is no such step: the account has no checklist."
    assert message(like_a_word.value, Language.FR).endswith(" comprend ACCEPTED.")


def test_a_decision_is_refused_while_a_step_is_open_that_it_requires() -> None:
    steps_to_accept_are_taken(facts(AT_CLOSE, SHOWN), None)
    steps_to_close_are_taken(facts(SHOWN), None)
    with pytest.raises(StateRefused) as accepting:
        steps_to_accept_are_taken(facts(*STEPS), None)
    with pytest.raises(StateRefused) as closing:
        steps_to_close_are_taken(facts(*STEPS), None)

    assert (accepting.value.code, accepting.value.path) == ("CHECKLIST_OPEN", ("input", "overrideId"))
    assert (closing.value.code, closing.value.path) == ("CHECKLIST_OPEN", ("input", "caseId"))
    assert message(accepting.value, Language.EN) == "Steps of the checklist are open: Call back."
    assert message(closing.value, Language.FR) == (
        "Des étapes de la liste de contrôle restent à faire : Rappel, Seconde source."
    )


def test_a_decision_that_calls_a_taken_step_open_is_a_fault() -> None:
    said = open_steps_details([BOTH, AT_CLOSE])
    steps = TakenSteps()

    assert steps.add(entry(ActionType.ACCEPT, said)) is None
    assert steps.add(entry(ActionType.RECORD_STEP, StepRecord("CALL_BACK", StepState.DONE).details())) is None
    assert steps.add(entry(ActionType.ACCEPT, said)) == (
        "it says that CALL_BACK was open, and an earlier row that it was not"
    )
    assert steps.add(entry(ActionType.ACCEPT, open_steps_details([AT_CLOSE]))) is None
    assert steps.add(entry(ActionType.RECORD_STEP, StepRecord("CALL_BACK", StepState.OPEN).details())) is None
    assert steps.add(entry(ActionType.ACCEPT, said)) is None
