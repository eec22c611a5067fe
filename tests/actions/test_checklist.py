"""The checklist on cases: who records a step, what it holds up, how the log says it, and what is shown of it."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from app.actions.perform import perform, rehearse
from app.domain.canonical_json import parsed_json
from app.domain.commands import AcceptOverride, CloseCase, EraseContent, RecordStep
from app.domain.errors import InputRefused, Refusal
from app.domain.model import CaseStatus, StepState
from tests.support.api import Api
from tests.support.checklists import CALL_BACK, CHECKLIST, LETTER, SECOND_SOURCE, record, with_checklist
from tests.support.database_contents import contents, differences
from tests.support.erasure import assert_whole
from tests.support.world import Person, World, make_world

SHOWN = """case { status version checklist { key state action { user { displayName } comment { body } } } }
    action { type step stepState } comment { body }"""


@pytest.fixture
async def checked(world: World) -> World:
    """The world with a checklist."""
    return await with_checklist(world, *CHECKLIST)


async def code_of(world: World, person: Person, command: Any) -> str | None:
    """Return what it is refused with; None where it is done."""
    try:
        await world.do(person, command)
    except Refusal as refusal:
        return refusal.code
    except InputRefused as refused:
        return refused.refusals[0].code
    return None


def step(case_id: UUID, key: str, state: StepState = StepState.DONE, **more: Any) -> RecordStep:
    return RecordStep(case_id=case_id, step=key, state=state, comment="Reached them.", **more)


async def test_a_step_is_recorded_by_one_row_of_the_log(checked: World, api: Api) -> None:
    case_id = (await checked.open_case()).case.id
    before = await contents(checked.database)
    input = {
        "caseId": str(case_id),
        "step": "CALL_BACK",
        "state": "DONE",
        "comment": "Reached Ms Roy.",
    }

    payload = await api.act(checked.rosa.token, "recordStep", input | {"expectedVersion": 1}, SHOWN)

    said = {"body": "Reached Ms Roy."}
    assert payload == {
        "errors": [],
        "case": {
            "status": "IN_PROGRESS",
            "version": 2,
            "checklist": [
                {"key": "CALL_BACK", "state": "DONE", "action": {"user": {"displayName": "Rosa"}, "comment": said}},
                {"key": "SECOND_SOURCE", "state": "OPEN", "action": None},
                {"key": "LETTER", "state": "OPEN", "action": None},
            ],
        },
        "action": {"type": "RECORD_STEP", "step": "CALL_BACK", "stepState": "DONE"},
        "comment": said,
    }
    changed = {"cases: action_count head_hash status updated_at version", "+1 comments", "+1 case_actions"}
    assert changed <= differences(before, await contents(checked.database))
    await assert_whole(checked.database)


async def test_the_last_row_of_a_step_counts_and_the_log_keeps_them_all(checked: World, api: Api) -> None:
    case_id = (await checked.open_case()).case.id
    for state in (StepState.DONE, StepState.OPEN, StepState.NOT_NEEDED, StepState.DONE):
        await record(checked, case_id, CALL_BACK, state)
    last = await record(checked, case_id, CALL_BACK, StepState.NOT_NEEDED)
    query = """query($id: ID!) { case(id: $id) { checklist { state stateLabel label action { seq } }
        actions(types: [RECORD_STEP]) { nodes { stepState } } } }"""

    case = (await api.run(checked.ada.token, query, {"id": str(case_id)}, accept_language="fr"))["case"]

    assert case["checklist"][0] == {
        "state": "NOT_NEEDED",
        "stateLabel": "Pas nécessaire",
        "label": "Rappel",
        "action": {"seq": last.action.seq},
    }
    states = [row["stepState"] for row in case["actions"]["nodes"]]
    assert states == ["NOT_NEEDED", "DONE", "NOT_NEEDED", "OPEN", "DONE"]


async def test_accepting_waits_for_the_steps_that_it_requires(checked: World) -> None:
    case_id = (await checked.case_in(CaseStatus.PENDING_REVIEW)).case.id

    async def accepting() -> str | None:
        return await code_of(checked, checked.rosa, AcceptOverride(**await checked.read(case_id)))

    assert await accepting() == "CHECKLIST_OPEN"
    await record(checked, case_id, SECOND_SOURCE)
    assert await accepting() == "CHECKLIST_OPEN"
    await record(checked, case_id, CALL_BACK)
    await record(checked, case_id, CALL_BACK, StepState.OPEN, checked.rosa)
    assert await accepting() == "CHECKLIST_OPEN"
    await record(checked, case_id, CALL_BACK, StepState.NOT_NEEDED)
    assert await accepting() is None
    await assert_whole(checked.database)


async def test_closing_waits_for_the_steps_that_it_requires_and_refusing_for_none(checked: World) -> None:
    case_id = (await checked.case_in(CaseStatus.PENDING_REVIEW)).case.id
    await checked.refuse(case_id)

    codes = [await code_of(checked, checked.ada, CloseCase(case_id=case_id))]
    for item in (CALL_BACK, SECOND_SOURCE):
        await record(checked, case_id, item)
        codes.append(await code_of(checked, checked.ada, CloseCase(case_id=case_id)))

    assert codes == ["CHECKLIST_OPEN", "CHECKLIST_OPEN", None]
    await assert_whole(checked.database)


async def test_who_is_under_way_waits_for_a_checklist_that_comes_meanwhile(world: World) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    accept = AcceptOverride(**await world.read(case_id))
    await with_checklist(world, CALL_BACK, LETTER)  # these were looked up before

    codes = [await code_of(world, world.rosa, replace(accept, idempotency_key=key)) for key in (None, "key")]
    await world.refuse(case_id)
    codes += [await code_of(world, world.ada, CloseCase(case_id=case_id))]
    await with_checklist(world, LETTER)
    closed = await world.do(world.ada, CloseCase(case_id=case_id))

    assert codes == ["CHECKLIST_OPEN"] * 3
    assert parsed_json(closed.action.details) == {"open_steps": ["LETTER"]}
    await assert_whole(world.database)


async def test_the_rows_of_decisions_say_what_was_open(checked: World, api: Api) -> None:
    case_id = (await checked.case_in(CaseStatus.PENDING_REVIEW)).case.id
    await record(checked, case_id, CALL_BACK)
    accepted = await checked.accept(case_id)
    for item in (SECOND_SOURCE, LETTER):
        await record(checked, case_id, item)
    closed = await checked.do(checked.ada, CloseCase(case_id=case_id))

    query = "query($id: ID!) { case(id: $id) { actions(first: 9) { nodes { type openSteps } } } }"
    rows = (await api.run(checked.ada.token, query, {"id": str(case_id)}))["case"]["actions"]["nodes"]

    assert parsed_json(accepted.action.details) == {"open_steps": ["SECOND_SOURCE", "LETTER"]}
    assert parsed_json(closed.action.details) == {"open_steps": []}
    assert {row["type"]: row["openSteps"] for row in rows} == {
        "CLOSE": [],
        "RECORD_STEP": None,
        "ACCEPT": ["SECOND_SOURCE", "LETTER"],
        "REQUEST_OVERRIDE": None,
        "OPEN": None,
    }
    await assert_whole(checked.database)


async def test_without_a_checklist_no_row_says_anything_of_steps(world: World, api: Api) -> None:
    case_id = (await world.case_in(CaseStatus.RESOLVED)).case.id
    closed = await world.do(world.ada, CloseCase(case_id=case_id))
    shown = "query($id: ID!) { case(id: $id) { checklist { key } } viewer { account { checklist { key } } } }"

    assert closed.action.details is None
    assert await api.run(world.ada.token, shown, {"id": str(case_id)}) == {
        "case": {"checklist": []},
        "viewer": {"account": {"checklist": []}},
    }


async def test_who_works_on_cases_records_steps_that_there_are_while_the_case_is_open(checked: World) -> None:
    other = await make_world(checked.database)
    case_id = (await checked.open_case()).case.id

    assert await code_of(checked, checked.aldo, step(case_id, "CALL_BACK")) == "ROLE_REQUIRED"
    assert await code_of(checked, other.ada, step(case_id, "CALL_BACK")) == "NOT_FOUND"
    assert await code_of(checked, checked.ada, step(case_id, "TEA")) == "INVALID_STEP"
    assert await code_of(checked, checked.ada, step(case_id, "CALL_BACK", expected_version=9)) == "VERSION_CONFLICT"
    assert await code_of(other, other.ada, step((await other.open_case()).case.id, "CALL_BACK")) == "INVALID_STEP"
    for person, item in ((checked.ada, CALL_BACK), (checked.rosa, SECOND_SOURCE)):
        assert await code_of(checked, person, step(case_id, item.key)) is None
    await checked.do(checked.ada, CloseCase(case_id=case_id))
    assert await code_of(checked, checked.ada, step(case_id, "CALL_BACK")) == "CASE_CLOSED"


async def test_a_key_records_once(checked: World) -> None:
    case_id = (await checked.open_case()).case.id
    command = step(case_id, "LETTER", idempotency_key="once")

    outcomes = [await perform(checked.database, checked.ada.actor, command, request_id="r") for _ in range(2)]

    assert [outcome.replayed for outcome in outcomes] == [False, True]
    assert outcomes[0].action.id == outcomes[1].action.id


async def test_a_dry_run_shows_the_step_and_what_that_allows_and_writes_nothing(checked: World, api: Api) -> None:
    case_id = (await checked.open_case()).case.id
    await record(checked, case_id, SECOND_SOURCE)
    before = await contents(checked.database)
    input = {"caseId": str(case_id), "step": "CALL_BACK", "state": "DONE", "comment": "Reached them.", "dryRun": True}
    selection = """supposed { case { checklist { key state action { seq } }
        availableActions { action code } } }"""

    payload = await api.act(checked.ada.token, "recordStep", input, selection)
    with pytest.raises(Refusal) as refused:
        await rehearse(checked.database, checked.ada.actor, CloseCase(case_id=case_id), request_id="dry")

    case = payload["supposed"]["case"]
    assert case["checklist"] == [
        {"key": "CALL_BACK", "state": "DONE", "action": None},
        {"key": "SECOND_SOURCE", "state": "DONE", "action": {"seq": 2}},
        {"key": "LETTER", "state": "OPEN", "action": None},
    ]
    assert {item["action"]: item["code"] for item in case["availableActions"]}["CLOSE"] is None
    assert refused.value.code == "CHECKLIST_OPEN"
    assert await contents(checked.database) == before


async def test_the_steps_of_each_moment_are_shown(checked: World, api: Api) -> None:
    case_id = (await checked.open_case()).case.id
    for state in (StepState.DONE, StepState.OPEN, StepState.NOT_NEEDED):
        await record(checked, case_id, CALL_BACK, state)
    query = "query($id: ID!, $seq: Int!) { caseSnapshot(id: $id, asOf: {seq: $seq}) { checklist { state } } }"

    shown = [(await api.run(checked.ada.token, query, {"id": str(case_id), "seq": seq})) for seq in range(1, 5)]

    states = [found["caseSnapshot"]["checklist"][0]["state"] for found in shown]
    assert states == ["OPEN", "DONE", "OPEN", "NOT_NEEDED"]


async def test_erased_words_leave_the_step_taken(checked: World, api: Api) -> None:
    case_id = (await checked.open_case()).case.id
    made = await record(checked, case_id, CALL_BACK)
    assert made.comment is not None
    erase = EraseContent(case_id=case_id, reason="Asked for.", comment_ids=(made.comment.id,))
    await checked.do(checked.aldo, erase)
    query = "query($id: ID!) { case(id: $id) { checklist { state action { comment { body } } } } }"

    case = (await api.run(checked.ada.token, query, {"id": str(case_id)}))["case"]

    assert case["checklist"][0] == {"state": "DONE", "action": {"comment": {"body": None}}}
    await assert_whole(checked.database)


async def test_a_step_that_was_removed_stays_in_the_log_and_holds_nothing_up(checked: World, api: Api) -> None:
    case_id = (await checked.open_case()).case.id
    await record(checked, case_id, LETTER)
    fewer = await with_checklist(checked, SECOND_SOURCE)
    await record(fewer, case_id, SECOND_SOURCE)
    query = "query($id: ID!) { case(id: $id) { checklist { key } actions(types: [RECORD_STEP]) { nodes { step } } } }"

    closed = await fewer.do(fewer.ada, CloseCase(case_id=case_id))
    case = (await api.run(fewer.ada.token, query, {"id": str(case_id)}))["case"]

    assert closed.case.status is CaseStatus.CLOSED
    assert case["checklist"] == [{"key": "SECOND_SOURCE"}]
    assert [row["step"] for row in case["actions"]["nodes"]] == ["SECOND_SOURCE", "LETTER"]
