"""What availableActions says to each viewer of each case is what the mutation does: the same code and words if refused.

It is invariant 12 of DOMAIN.md's section 5. The mutations are really sent; each that is done has a case of its own.
"""

import random
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from app.db import models as tables
from app.db.engine import Database
from app.domain.model import CaseStatus, EvaluationStatus, Role, Scope
from tests.api import Api
from tests.archive import set_by_hand
from tests.bulk import archive, filled
from tests.world import Person, World, make_person, make_world, person_of

MUTATIONS = {
    "COMMENT": "addComment",
    "REQUEST_OVERRIDE": "requestOverride",
    "ACCEPT": "acceptOverride",
    "REFUSE": "refuseOverride",
    "CANCEL": "cancelOverride",
    "CLOSE": "closeCase",
}
DECIDING = ("ACCEPT", "REFUSE")
NOTHING_PENDING = ("NO_PENDING_OVERRIDE", "CASE_CLOSED")
"""What is said of decisions where there is no override that they could name."""

# States of cases that answer differently; an override that is in them is Ada's or else Bea's, and Rosa is asked.
SITUATIONS = [*CaseStatus, "PENDING_REVIEW of Bea", "PENDING_REVIEW, changed", "UNEVALUATED"]


async def case_in(world: World, situation: str) -> UUID:
    """Make a case in *situation*."""
    match situation:
        case "PENDING_REVIEW of Bea":
            case_id = (await world.open_case()).case.id
            await world.request_override(case_id, world.bea)
        case "PENDING_REVIEW, changed":
            requested = await world.case_in(CaseStatus.PENDING_REVIEW)
            case_id = requested.case.id
            changed = {"evaluation_status": EvaluationStatus.ANOMALY}
            await set_by_hand(world.database, tables.subjects, requested.case.subject_id, **changed)
        case "UNEVALUATED":
            case_id = (await world.open_case(status=EvaluationStatus.UNEVALUATED)).case.id
        case _:
            case_id = (await world.case_in(CaseStatus(situation))).case.id
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
    input: dict[str, Any] = {"caseId": str(case_id)}
    if action == "COMMENT":
        input["body"] = "Noted."
    if action in DECIDING:
        input = await world.decision(case_id)
    if action == "REQUEST_OVERRIDE":
        reviewer = world.rolf if viewer.id == world.rosa.id else world.rosa
        requested = "UNFAVORABLE" if subject_status == "FAVORABLE" else "FAVORABLE"
        input |= {"requestedStatus": requested, "reviewerIds": [str(reviewer.id)], "reason": "Sure."}
    return input


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
    return {"allowed": False, **error}


def is_kept(action: str, promise: dict[str, Any], done: dict[str, Any]) -> bool:
    """Tell whether a mutation did what was promised.

    Where nothing is pending, a decision names an old override, or one that there is not, and is refused for that.
    """
    return done == promise or (action in DECIDING and promise["code"] in NOTHING_PENDING and not done["allowed"])


async def compare(world: World, api: Api, people: dict[str, Person], situation: str) -> set[str | None]:
    """Hold each mutation of each viewer to what they were promised, and return the codes that there were."""
    codes: set[str | None] = set()
    case_id = await case_in(world, situation)
    for name, viewer in people.items():
        promises, status = await promised(api, viewer, case_id)
        assert list(promises) == list(MUTATIONS)
        for action, promise in promises.items():
            done = await kept(api, world, viewer, case_id, action, status)
            assert is_kept(action, promise, done), (situation, name, action, done)
            codes.add(promise["code"])
            # A comment changes nothing for those who come next, but that an open case is open no more.
            if promise["allowed"] and (action != "COMMENT" or situation in ("OPEN", "UNEVALUATED")):
                case_id = await case_in(world, situation)
    return codes


async def test_what_is_available_is_what_the_mutation_does(world: World, api: Api) -> None:
    people = await viewers(world)

    codes = {situation: await compare(world, api, people, situation) for situation in SITUATIONS}

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
        "SUBJECT_CHANGED",
        "SUBJECT_NOT_OVERRIDABLE",
    }


async def test_what_is_available_knows_the_account_and_the_reviewers_who_were_asked(world: World, api: Api) -> None:
    people = await viewers(world)
    await set_by_hand(world.database, tables.accounts, world.account_id, restrict_to_assigned_reviewers=True)
    assert "NOT_ASSIGNED_REVIEWER" in await compare(world, api, people, "PENDING_REVIEW")

    case_id = await case_in(world, "PENDING_REVIEW of Bea")
    await set_by_hand(world.database, tables.accounts, world.account_id, overrides_enabled=False)

    promises, status = await promised(api, world.rosa, case_id)
    assert [promise["code"] for promise in promises.values()] == [None, *["FEATURE_DISABLED"] * 4, "OVERRIDE_PENDING"]
    for action, promise in promises.items():
        assert await kept(api, world, world.rosa, case_id, action, status) == promise


async def test_a_creator_who_has_lost_the_role_can_still_cancel(world: World, api: Api) -> None:
    case_id = await case_in(world, "PENDING_REVIEW of Bea")
    async with world.database.write() as connection:
        await connection.execute(delete(tables.user_roles).where(tables.user_roles.c.user_id == world.bea.id))

    promises, status = await promised(api, world.bea, case_id)

    assert [action for action, promise in promises.items() if promise["allowed"]] == ["CANCEL"]
    assert promises["ACCEPT"]["code"] == "ROLE_REQUIRED"
    assert (await kept(api, world, world.bea, case_id, "CANCEL", status))["allowed"]


# Shrinking would play hundreds of requests again and again.
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
    world = await make_world(database, restrict_to_assigned_reviewers=dice.random() < 0.5)
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
        assert is_kept(action, promises[action], done), (action, done)
        met[action].add(promises[action]["code"])

    assert all(None in codes and len(codes) > 1 for codes in met.values()), met
