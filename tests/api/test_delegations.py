"""Delegations over the API: what is shown, what waits for whom, and who may do what."""

from datetime import timedelta
from typing import Any

import pytest

from app import clock
from app.db import tables
from app.db.engines import Database
from app.domain.model import CaseStatus
from tests.support.api import Api
from tests.support.database_contents import set_by_hand
from tests.support.delegations import WEEK, delegate, end, restricted_world
from tests.support.world import Person, World, make_world

SHOWN = """query($id: ID!, $person: ID!) {
    case(id: $id) { availableActions { action allowed code } }
    viewer { inbox(reasons: [DECIDE]) { totalCount nodes { id } } standsInFor { id } }
    forViewer: cases(filter: {waitingForViewer: true}) { nodes { id } }
    forPerson: cases(filter: {waitingFor: $person}) { nodes { id } }
    notForViewer: cases(filter: {waitingForViewer: false}) { nodes { id } } }"""
OF_PERSON = (
    "query($id: ID!) { node(id: $id) { ... on User { delegation { delegator { id } delegate { id } endsAt } } } }"
)
ACTION = "user { id delegation { delegate { id } } } action { type targetUser { id } details { name values } } replayed"


@pytest.fixture
async def restricted(database: Database) -> World:
    return await restricted_world(database)


async def shown(api: Api, viewer: Person, case_id: Any) -> dict[str, Any]:
    """Return what the viewer sees of who decides on a case."""
    found = await api.run(viewer.token, SHOWN, {"id": str(case_id), "person": str(viewer.id)})
    actions = {item["action"]: item["code"] for item in found["case"]["availableActions"]}
    lists = {name: found[name]["nodes"] for name in ("forViewer", "forPerson", "notForViewer")}
    lists["inbox"] = found["viewer"]["inbox"]["nodes"]
    seen = {name: str(case_id) in [case["id"] for case in cases] for name, cases in lists.items()}
    seen["counted"] = found["viewer"]["inbox"]["totalCount"] > 0
    return {**seen, "accept": actions["ACCEPT"], "refuse": actions["REFUSE"], "for": found["viewer"]["standsInFor"]}


def waiting(*, is_so: bool, stands_in_for: Person | None = None) -> dict[str, Any]:
    lists = dict.fromkeys(("forViewer", "forPerson", "inbox", "counted"), is_so) | {"notForViewer": not is_so}
    code = None if is_so else "NOT_ASSIGNED_REVIEWER"
    people = [] if stands_in_for is None else [{"id": str(stands_in_for.id)}]
    return {**lists, "accept": code, "refuse": code, "for": people}


async def test_what_waits_for_who_is_away_waits_for_who_stands_in(restricted: World, api: Api) -> None:
    world = restricted
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    assert await shown(api, world.rolf, case_id) == waiting(is_so=False)

    await delegate(world, world.rosa, world.rolf)

    assert await shown(api, world.rolf, case_id) == waiting(is_so=True, stands_in_for=world.rosa)
    assert await shown(api, world.bea, case_id) == waiting(is_so=False)
    await end(world, world.rosa)
    assert await shown(api, world.rolf, case_id) == waiting(is_so=False)


async def test_what_waits_follows_reviewers_who_were_named_later(restricted: World, api: Api) -> None:
    world = restricted
    made = await world.case_in(CaseStatus.PENDING_REVIEW)
    assert made.override is not None
    await api.act(world.aldo.token, "deactivateUser", {"userId": str(world.rosa.id)})
    named = {"caseId": str(made.case.id), "overrideId": str(made.override.id), "reviewerIds": [str(world.bea.id)]}
    payload = await api.act(world.carl.token, "reassignReviewers", named)
    assert payload["errors"] == []

    await delegate(world, world.bea, world.rolf)

    assert await shown(api, world.rolf, made.case.id) == waiting(is_so=True, stands_in_for=world.bea)


async def test_a_request_does_not_wait_for_its_own_creator_who_stands_in(restricted: World, api: Api) -> None:
    world = restricted
    case_id = (await world.open_case()).case.id
    await world.request_override(case_id, world.bea)

    await delegate(world, world.rosa, world.bea)

    found = await shown(api, world.bea, case_id)
    assert (found["accept"], found["forViewer"], found["inbox"]) == ("SELF_REVIEW_FORBIDDEN", False, False)


async def test_a_request_does_not_wait_for_who_stands_in_but_was_a_reviewer_too_late(
    restricted: World, api: Api
) -> None:
    world = restricted
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    await set_by_hand(world.database, tables.users, world.rolf.id, reviewer_since=clock.now())

    await delegate(world, world.rosa, world.rolf)

    late = waiting(is_so=False, stands_in_for=world.rosa) | dict.fromkeys(("accept", "refuse"), "REVIEWER_TOO_RECENT")
    assert await shown(api, world.rolf, case_id) == late


async def test_a_reviewer_names_another_and_everybody_sees_who(world: World, api: Api) -> None:
    ends_at = (clock.now() + WEEK).isoformat()
    input = {"delegateId": str(world.rolf.id), "endsAt": ends_at, "idempotencyKey": "away"}

    supposed = await api.act(
        world.rosa.token, "delegateReviews", input | {"dryRun": True, "idempotencyKey": None}, "supposed { type }"
    )
    assert (await api.run(world.ada.token, OF_PERSON, {"id": str(world.rosa.id)}))["node"]["delegation"] is None
    made = await api.act(world.rosa.token, "delegateReviews", input, ACTION)
    again = await api.act(world.rosa.token, "delegateReviews", input, ACTION)

    assert supposed == {"errors": [], "supposed": {"type": "DELEGATE_REVIEWS"}}
    assert (made["errors"], made["user"]["id"], made["replayed"]) == ([], str(world.rolf.id), False)
    assert {detail["name"] for detail in made["action"]["details"]} == {"delegation", "startsAt", "endsAt"}
    assert (again["action"], again["replayed"]) == (made["action"], True)
    seen = (await api.run(world.ada.token, OF_PERSON, {"id": str(world.rosa.id)}))["node"]["delegation"]
    assert (seen["delegator"]["id"], seen["delegate"]["id"]) == (str(world.rosa.id), str(world.rolf.id))
    log = "{ adminLog(first: 1) { nodes { type user { id } targetUser { id } } } }"
    (row,) = (await api.run(world.aldo.token, log))["adminLog"]["nodes"]
    people = [row["user"]["id"], row["targetUser"]["id"]]
    assert (row["type"], people) == ("DELEGATE_REVIEWS", [str(world.rosa.id), str(world.rolf.id)])

    ended = await api.act(world.aldo.token, "endDelegation", {"userId": str(world.rosa.id)}, ACTION)

    assert (ended["errors"], ended["user"]) == ([], {"id": str(world.rosa.id), "delegation": None})


async def test_a_row_of_the_log_shows_in_whose_place_it_was_done(restricted: World, api: Api) -> None:
    world = restricted
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    await delegate(world, world.rosa, world.rolf)

    payload = await api.act(
        world.rolf.token,
        "refuseOverride",
        await world.decision(case_id),
        "action { user { id } authority { onBehalfOf { id displayName } } }",
    )

    assert payload["errors"] == []
    assert payload["action"]["authority"]["onBehalfOf"] == {"id": str(world.rosa.id), "displayName": "Rosa"}
    query = f'{{ case(id: "{case_id}") {{ actions {{ nodes {{ authority {{ onBehalfOf {{ id }} }} }} }} }} }}'
    rows = (await api.run(world.ada.token, query))["case"]["actions"]["nodes"]
    assert [row["authority"]["onBehalfOf"] for row in rows] == [{"id": str(world.rosa.id)}, None, None]


async def test_a_dry_run_shows_what_who_stands_in_could_do_then(restricted: World, api: Api) -> None:
    world = restricted
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    await delegate(world, world.rosa, world.bea)
    comment = {"caseId": str(case_id), "body": "Well.", "dryRun": True}

    payload = await api.act(
        world.bea.token, "addComment", comment, "supposed { case { availableActions { action allowed } } }"
    )

    actions = {item["action"]: item["allowed"] for item in payload["supposed"]["case"]["availableActions"]}
    assert actions["ACCEPT"] and actions["REFUSE"]


@pytest.mark.parametrize("language", ["en", "fr"])
async def test_refusals_name_the_field_in_the_language_of_the_request(world: World, api: Api, language: str) -> None:
    elsewhere = await make_world(world.database)
    now = clock.now()
    later, past = (now + WEEK).isoformat(), (now - timedelta(seconds=1)).isoformat()
    document = """mutation($input: DelegateReviewsInput!) {
        delegateReviews(input: $input) { errors { code message path } } }"""
    words = {"en": ("nobody stands in", "after the start", "offset"), "fr": ("soi-même", "suivre le début", "décalage")}
    given = [
        ({"delegateId": str(elsewhere.rolf.id), "endsAt": later}, "INVALID_REVIEWER", "delegateId", ""),
        ({"delegateId": str(world.rosa.id), "endsAt": later}, "INVALID_INPUT", "delegateId", words[language][0]),
        ({"delegateId": str(world.rolf.id), "endsAt": past}, "INVALID_INPUT", "endsAt", words[language][1]),
        ({"delegateId": str(world.rolf.id), "endsAt": later[:19]}, "INVALID_INPUT", "endsAt", words[language][2]),
        ({"delegateId": "x", "endsAt": later}, "INVALID_ID", "delegateId", ""),
    ]

    for input, code, name, word in given:
        answer = await api.run(world.rosa.token, document, {"input": input}, accept_language=language)
        (error,) = answer["delegateReviews"]["errors"]

        assert (error["code"], error["path"]) == (code, ["input", name])
        assert word in error["message"]


async def test_a_replay_of_policies_knows_who_stood_in(restricted: World, api: Api) -> None:
    world = restricted
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    await delegate(world, world.rosa, world.rolf)
    await world.accept(case_id, world.rolf)

    query = """{ policyReplay(policy: {restrictToAssignedReviewers: true}, since: "2020-01-01T00:00:00Z") {
        examinedCount nodes { code } } }"""

    found = await api.run(world.aldo.token, query)
    assert found["policyReplay"] == {"examinedCount": 1, "nodes": []}


async def test_delegations_cost_the_same_statements_for_many_people_and_cases(
    restricted: World, api: Api, statements: Any
) -> None:
    world = restricted
    for _ in range(6):
        await world.case_in(CaseStatus.PENDING_REVIEW)
    await delegate(world, world.rosa, world.rolf)
    counts = []

    for first in (2, 6):
        statements()
        query = f"""{{ users(first: {first}) {{ nodes {{ delegation {{ delegate {{ id }} }} }} }}
            cases(first: {first}) {{ nodes {{ availableActions {{ allowed }} }} }} }}"""
        await api.run(world.rolf.token, query)
        counts.append(len(statements()))

    assert counts[0] == counts[1]
