"""What availableActions says to each viewer of each case is what the mutation does: the same code and words if refused.

It is invariant 12 of DOMAIN.md's section 5. The mutations are really sent; each that is done has a case of its own.
"""

import random
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from app.db import tables
from app.db.engines import Database
from app.domain.checklist import checklist_text
from app.domain.commands import CancelOverride, CloseCase, SetLegalHold
from app.domain.model import CaseStatus, EvaluationStatus, Role, Scope, StepState
from tests.support.api import Api
from tests.support.bulk import archive, filled
from tests.support.checklists import CALL_BACK, CHECKLIST, LETTER, SECOND_SOURCE, record, with_checklist
from tests.support.database_contents import set_by_hand
from tests.support.world import Person, World, make_person, make_world, person_of

MUTATIONS = {
    "COMMENT": "addComment",
    "REQUEST_OVERRIDE": "requestOverride",
    "ACCEPT": "acceptOverride",
    "REFUSE": "refuseOverride",
    "CANCEL": "cancelOverride",
    "CLOSE": "closeCase",
    "REASSIGN": "reassignReviewers",
    "REDACT": "eraseContent",
    "HOLD": "setLegalHold",
    "ASSIGN": "assignCase",
    "SET_DUE_DATE": "setDueDate",
    "RECORD_STEP": "recordStep",
}
NAMING = ("ACCEPT", "REFUSE", "REASSIGN")
"""What must name an override: the pending one, else the latest as the case shows it, else one that there is not."""

STEP = {"step": "LETTER", "state": "DONE", "comment": "Reached them."}

HELD = ", held"

# States of cases that answer differently; an override that is in them is Ada's or else Bea's, and Rosa is asked, or
# Remy, who can't decide any more.
SITUATIONS = [
    *CaseStatus,
    "PENDING_REVIEW of Bea",
    "PENDING_REVIEW, changed",
    "PENDING_REVIEW of Remy",
    "UNEVALUATED",
    "IN_PROGRESS, refused",
    "IN_PROGRESS, cancelled by Bea",
    "CLOSED, accepted",
    f"IN_PROGRESS{HELD}",
    f"CLOSED{HELD}",
]


async def case_in(world: World, situation: str) -> UUID:
    """Make a case in *situation*, and hold it where that says so."""
    if situation.endswith((", called", ", done")):
        return await called_case_in(world, situation)
    if not situation.endswith(HELD):
        return await unheld_case_in(world, situation)
    case_id = await unheld_case_in(world, situation.removesuffix(HELD))
    await world.do(world.aldo, SetLegalHold(case_id=case_id, held=True, reason="A court asked for it."))
    return case_id


async def unheld_case_in(world: World, situation: str) -> UUID:
    match situation:
        case "PENDING_REVIEW of Bea":
            case_id = (await world.open_case()).case.id
            await world.request_override(case_id, world.bea)
        case "PENDING_REVIEW, changed":
            requested = await world.case_in(CaseStatus.PENDING_REVIEW)
            case_id = requested.case.id
            changed = {"evaluation_status": EvaluationStatus.ANOMALY}
            await set_by_hand(world.database, tables.subjects, requested.case.subject_id, **changed)
        case "PENDING_REVIEW of Remy":
            remy = await make_person(world.database, world.account_id, f"remy-{uuid4()}", Role.REVIEWER)
            case_id = (await world.open_case()).case.id
            await world.request_override(case_id, reviewers=(remy,))
            await set_by_hand(world.database, tables.users, remy.id, active=False)
        case "IN_PROGRESS, refused":
            case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
            await world.refuse(case_id)
        case "IN_PROGRESS, cancelled by Bea":
            case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
            await world.refuse(case_id)
            await world.request_override(case_id, world.bea)
            await world.do(world.bea, CancelOverride(case_id=case_id))
        case "CLOSED, accepted":
            case_id = (await world.case_in(CaseStatus.RESOLVED)).case.id
            await world.do(world.ada, CloseCase(case_id=case_id))
        case "UNEVALUATED":
            case_id = (await world.open_case(status=EvaluationStatus.UNEVALUATED)).case.id
        case _:
            case_id = (await world.case_in(CaseStatus(situation))).case.id
    return case_id


async def called_case_in(world: World, situation: str) -> UUID:
    case_id = (await world.open_case()).case.id
    await record(world, case_id, CALL_BACK)
    if situation == "IN_PROGRESS, done":
        await record(world, case_id, SECOND_SOURCE, StepState.NOT_NEEDED)
        return case_id
    await world.request_override(case_id)
    if situation == "RESOLVED, called":
        await world.accept(case_id)
    return case_id


async def viewers(world: World) -> dict[str, Person]:
    """Return people of every kind, those of them who are Ada by another token too."""
    database = world.database
    return {
        "contributor and creator": world.ada,
        "the same by another token": await person_of(database, world.ada.id, Scope.CASES_READ, Scope.CASES_WRITE),
        "the same by a token to read": await person_of(database, world.ada.id, Scope.CASES_READ),
        "contributor": world.carl,
        "asked reviewer": world.rosa,
        "other reviewer": world.rolf,
        "both": world.bea,
        "administrator and reviewer": await make_person(database, world.account_id, "Axel", Role.ADMIN, Role.REVIEWER),
        "nobody": await make_person(database, world.account_id, "Nina"),
    }


async def good_input(world: World, viewer: Person, action: str, case_id: UUID, subject_status: str) -> dict[str, Any]:
    """Return an input of *action* that nothing is wrong with."""
    input: dict[str, Any] = {"caseId": str(case_id)} | await plan(world, case_id, action)
    if action == "COMMENT":
        input["body"] = "Noted."
    if action in NAMING:
        input = await world.decision(case_id)
    if action == "REASSIGN":
        out = {viewer.id, await creator_of(world, input["overrideId"])}
        reviewer = next(person for person in (world.bea, world.rolf, world.rosa) if person.id not in out)
        input |= {"reviewerIds": [str(reviewer.id)]}
    if action in ("REDACT", "HOLD"):
        input["reason"] = "Asked for."
    if action == "HOLD":
        input["held"] = await stored(world, case_id, "held_by_id") is None
    if action == "REDACT":
        input["commentIds"] = [str(await comment_of(world, case_id))]
    if action == "REQUEST_OVERRIDE":
        reviewer = world.rolf if viewer.id == world.rosa.id else world.rosa
        requested = "UNFAVORABLE" if subject_status == "FAVORABLE" else "FAVORABLE"
        input |= {"requestedStatus": requested, "reviewerIds": [str(reviewer.id)], "reason": "Sure."}
    return input


async def plan(world: World, case_id: UUID, action: str) -> dict[str, Any]:
    """Return an owner or a date that the case has not, or a step."""
    if action == "SET_DUE_DATE":
        is_due = await stored(world, case_id, "due_at") is not None
        return {"dueAt": None if is_due else "2030-01-01T12:00:00Z"}
    if action == "ASSIGN":
        is_carl_s = await stored(world, case_id, "owner_id") == world.carl.id
        return {"assigneeId": None if is_carl_s else str(world.carl.id)}
    return STEP if action == "RECORD_STEP" else {}


async def stored(world: World, case_id: UUID, column: str) -> Any:
    async with world.database.read() as connection:
        return await connection.scalar(select(tables.cases.c[column]).where(tables.cases.c.id == case_id))


async def comment_of(world: World, case_id: UUID) -> UUID:
    """Return a comment of the case that is not erased, or the id of none."""
    column = tables.comments.c
    statement = select(column.id).where(column.case_id == case_id, column.erased_by_id.is_(None)).limit(1)
    async with world.database.read() as connection:
        return await connection.scalar(statement) or uuid4()


async def creator_of(world: World, override_id: str) -> UUID | None:
    """Return who has asked for the override, if there is such a one."""
    column = tables.overrides.c
    async with world.database.read() as connection:
        return await connection.scalar(select(column.created_by_id).where(column.id == UUID(override_id)))


async def promised(api: Api, viewer: Person, case_id: UUID) -> tuple[dict[str, dict[str, Any]], str]:
    """Return of each action what availableActions says, and the status of the subject."""
    query = """query($id: ID!) { case(id: $id) {
        subject { evaluationStatus } availableActions { action allowed code message } } }"""
    case = (await api.run(viewer.token, query, {"id": str(case_id)}, accept_language="fr"))["case"]
    items = {item.pop("action"): item for item in case["availableActions"]}
    return items, case["subject"]["evaluationStatus"]


async def kept(api: Api, world: World, viewer: Person, case_id: UUID, action: str, status: str) -> dict[str, Any]:
    """Send the mutation, and return what it did in the words of availableActions."""
    mutation = MUTATIONS[action]
    document = (
        f"mutation($input: {mutation[0].upper()}{mutation[1:]}Input!)"
        f" {{ {mutation}(input: $input) {{ action {{ type }} errors {{ code message }} }} }}"
    )
    variables = {"input": await good_input(world, viewer, action, case_id, status)}
    payload = (await api.run(viewer.token, document, variables, accept_language="fr"))[mutation]
    if not payload["errors"]:
        assert payload["action"] == {"type": action}
        return {"allowed": True, "code": None, "message": None}
    (error,) = payload["errors"]
    if (action, error["code"]) == ("REDACT", "NOT_FOUND"):  # it may be done, and there is nothing to be erased
        return {"allowed": True, "code": None, "message": None}
    return {"allowed": False, **error}


async def assert_mutations_answer_alike(
    world: World, api: Api, people: dict[str, Person], situation: str
) -> set[str | None]:
    """Hold each mutation of each viewer to what they were promised, and return the codes that there were."""
    codes: set[str | None] = set()
    case_id = await case_in(world, situation)
    for name, viewer in people.items():
        promises, status = await promised(api, viewer, case_id)
        assert list(promises) == list(MUTATIONS)
        for action, promise in promises.items():
            done = await kept(api, world, viewer, case_id, action, status)
            assert done == promise, (situation, name, action, done)
            codes.add(promise["code"])
            # An owner or a date changes nothing for those who come next, nor does a comment, but on an open case.
            is_same = action in ("ASSIGN", "SET_DUE_DATE") or (
                action == "COMMENT" and situation not in ("OPEN", "UNEVALUATED")
            )
            if promise["allowed"] and not is_same:
                case_id = await case_in(world, situation)
    return codes


@pytest.mark.long
async def test_what_is_available_is_what_the_mutation_does(world: World, api: Api) -> None:
    people = await viewers(world)

    codes = {situation: await assert_mutations_answer_alike(world, api, people, situation) for situation in SITUATIONS}

    assert set.union(*codes.values()) == {
        None,
        "INSUFFICIENT_SCOPE",
        "ROLE_REQUIRED",
        "SELF_REVIEW_FORBIDDEN",
        "NOT_OVERRIDE_CREATOR",
        "CASE_CLOSED",
        "OVERRIDE_PENDING",
        "OVERRIDE_ALREADY_ACTIVE",
        "NO_PENDING_OVERRIDE",
        "OVERRIDE_NOT_PENDING",
        "REVIEWERS_AVAILABLE",
        "LEGAL_HOLD",
        "SUBJECT_CHANGED",
        "SUBJECT_NOT_OVERRIDABLE",
        "INVALID_STEP",
    }


@pytest.mark.long
async def test_available_actions_know_the_checklist(world: World, api: Api) -> None:
    checked = await with_checklist(world, *CHECKLIST)
    people = await viewers(checked)

    codes = {
        situation: await assert_mutations_answer_alike(checked, api, people, situation)
        for situation in ("OPEN", "PENDING_REVIEW", "PENDING_REVIEW, called", "RESOLVED, called", "IN_PROGRESS, done")
    }

    open_in = {situation for situation, found in codes.items() if "CHECKLIST_OPEN" in found}
    assert open_in == {"OPEN", "PENDING_REVIEW", "RESOLVED, called"}


@pytest.mark.long
async def test_available_actions_depend_on_the_account_and_the_assigned_reviewers(world: World, api: Api) -> None:
    people = await viewers(world)
    await set_by_hand(world.database, tables.accounts, world.account_id, restrict_to_assigned_reviewers=True)
    for situation in ("PENDING_REVIEW", "IN_PROGRESS, refused", "PENDING_REVIEW of Remy", "CLOSED, accepted"):
        assert "NOT_ASSIGNED_REVIEWER" in await assert_mutations_answer_alike(world, api, people, situation)

    case_id = await case_in(world, "PENDING_REVIEW of Bea")
    await set_by_hand(world.database, tables.accounts, world.account_id, overrides_enabled=False)

    promises, status = await promised(api, world.rosa, case_id)
    codes = [promise["code"] for promise in promises.values()]
    assert codes == [
        None,
        *["FEATURE_DISABLED"] * 4,
        "OVERRIDE_PENDING",
        "FEATURE_DISABLED",
        *["ROLE_REQUIRED"] * 2,
        None,
        None,
        "INVALID_STEP",
    ]
    for action, promise in promises.items():
        assert await kept(api, world, world.rosa, case_id, action, status) == promise


async def test_without_a_pending_override_an_unknown_id_gets_the_case_s_state(world: World, api: Api) -> None:
    """As availableActions says it of a case that never had an override, which is the case's own cell of the table."""
    other = await world.case_in(CaseStatus.PENDING_REVIEW)
    assert other.override is not None
    for situation in ("OPEN", "IN_PROGRESS", "IN_PROGRESS, refused", "RESOLVED", "CLOSED", "CLOSED, accepted"):
        case_id = await case_in(world, situation)
        for viewer, action in ((world.rosa, "ACCEPT"), (world.bea, "REFUSE"), (world.carl, "REASSIGN")):
            promises, _ = await promised(api, viewer, case_id)
            for unknown in (str(uuid4()), str(other.override.id), str(case_id)):
                input = await good_input(world, viewer, action, case_id, "") | {"overrideId": unknown}
                payload = await api.act(viewer.token, MUTATIONS[action], input)
                codes = [error["code"] for error in payload["errors"]]
                assert codes == ["CASE_CLOSED" if "CLOSED" in situation else "NO_PENDING_OVERRIDE"]
                if situation in ("OPEN", "IN_PROGRESS", "CLOSED"):
                    assert codes == [promises[action]["code"]]
    case_id = await case_in(world, "PENDING_REVIEW")
    input = await world.decision(case_id) | {"overrideId": str(uuid4())}
    payload = await api.act(world.rosa.token, "acceptOverride", input)
    assert [error["code"] for error in payload["errors"]] == ["NOT_FOUND"]


async def test_a_creator_who_has_lost_the_role_can_still_cancel(world: World, api: Api) -> None:
    case_id = await case_in(world, "PENDING_REVIEW of Bea")
    async with world.database.write() as connection:
        await connection.execute(delete(tables.user_roles).where(tables.user_roles.c.user_id == world.bea.id))

    promises, status = await promised(api, world.bea, case_id)

    assert [action for action, promise in promises.items() if promise["allowed"]] == ["CANCEL"]
    assert promises["ACCEPT"]["code"] == "ROLE_REQUIRED"
    assert (await kept(api, world, world.bea, case_id, "CANCEL", status))["allowed"]


# Shrinking would play hundreds of requests again and again.
@pytest.mark.long
@settings(
    max_examples=2,
    derandomize=True,  # so that each action is met, which chance alone doesn't promise
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32))
async def test_on_random_histories_too_what_is_available_is_what_the_mutation_does(
    database: Database, api: Api, seed: int
) -> None:
    dice = random.Random(seed)
    steps = checklist_text([LETTER])
    world = await make_world(database, restrict_to_assigned_reviewers=dice.random() < 0.5, checklist=steps)
    await filled(world, cases=40, actions=240, seed=seed)
    people = await viewers(world)
    cases = (await archive(database, world.account_id)).cases
    ids = [case["id"] for case in cases for _ in range(1 if case["status"] == "CLOSED" else 5)]
    met: dict[str, set[str | None]] = {action: set() for action in MUTATIONS}

    for _ in range(120):
        case_id, viewer = dice.choice(ids), dice.choice(list(people.values()))
        promises, status = await promised(api, viewer, case_id)
        # What was never allowed comes first; what is done moves the history on.
        rare = [name for name, promise in promises.items() if promise["allowed"] and None not in met[name]]
        action = dice.choice(rare or list(MUTATIONS))
        done = await kept(api, world, viewer, case_id, action, status)
        assert done == promises[action], (action, done)
        met[action].add(promises[action]["code"])

    del met["REASSIGN"]  # whether anybody can decide is chance here
    assert all(None in codes and len(codes) > 1 for codes in met.values()), met
