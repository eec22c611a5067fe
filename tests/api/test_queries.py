"""The queries: who is asking, one case and all that hangs on it, and the people.

Pages are in test_pagination, nodes in test_nodes, what other accounts and lesser tokens see in test_tenancy.
"""

from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from app.db import tables
from app.domain.model import PERSON_SCOPES, CaseStatus, Language, Role
from tests.support.api import Api, refusals
from tests.support.database_contents import set_by_hand
from tests.support.played_story import START, STEPS, Story
from tests.support.world import World, make_person, make_world

NAME = "{ displayName }"


async def test_viewer_is_the_authenticated_person(world: World, api: Api) -> None:
    restricted = await make_world(world.database, overrides=False, restrict_to_assigned_reviewers=True)
    await set_by_hand(world.database, tables.users, restricted.bea.id, language=Language.FR)
    query = """{ viewer { user { id email displayName roles active language createdAt }
        account { id name defaultLanguage features restrictToAssignedReviewers } scopes language } }"""

    viewer = (await api.run(restricted.bea.token, query))["viewer"]

    assert datetime.fromisoformat(viewer["user"].pop("createdAt")).utcoffset() is not None
    assert viewer == {
        "user": {
            "id": str(restricted.bea.id),
            "email": f"bea@{restricted.account_id}.example",
            "displayName": "Bea",
            "roles": ["CONTRIBUTOR", "REVIEWER"],
            "active": True,
            "language": "FR",
        },
        "account": {
            "id": str(restricted.account_id),
            "name": "Acme Treasury",
            "defaultLanguage": "EN",
            "features": ["CASES"],
            "restrictToAssignedReviewers": True,
        },
        "scopes": [scope.name for scope in PERSON_SCOPES],
        "language": "FR",
    }


async def played(world: World) -> Story:
    """Play the story of one case to its end."""
    story = Story(world)
    for name in STEPS:
        await story.play(name)
    return story


def at(minutes: int) -> str:
    """Return the time of a step of the story."""
    return START.replace(minute=minutes).isoformat()


async def test_a_case_shows_all_that_is_known_of_it(world: World, api: Api) -> None:
    story = await played(world)
    row = story.outcomes["close"].case
    query = f"""query($id: ID!) {{ case(id: $id) {{ id reference title description status resolution createdAt updatedAt
        closedAt version actionCount headHash createdBy {NAME} closedBy {NAME} activeOverride {{ id }}
        subject {{ id type externalRef label countryCode evaluationStatus version }} }} }}"""

    case = (await api.run(world.rosa.token, query, {"id": str(row.id)}))["case"]

    assert case == {
        "id": str(row.id),
        "reference": "CASE-000001",
        "title": "A changed IBAN",
        "description": "They wrote.",
        "status": "CLOSED",
        "resolution": "OVERRIDE_APPLIED",
        "createdAt": at(0),
        "updatedAt": at(9),
        "closedAt": at(9),
        "version": 10,
        "actionCount": 10,
        "headHash": row.head_hash,
        "createdBy": {"displayName": "Ada"},
        "closedBy": {"displayName": "Carl"},
        "activeOverride": None,
        "subject": {
            "id": str(row.subject_id),
            "type": "COMPANY_ACCOUNT_CHECK",
            "externalRef": "check-1",
            "label": "Moulins Réunis",
            "countryCode": "FR",
            "evaluationStatus": "FAVORABLE",
            "version": 2,
        },
    }


async def test_the_log_of_a_case_shows_each_row_with_its_words_and_its_override(world: World, api: Api) -> None:
    story = await played(world)
    query = f"""query($id: ID!) {{ case(id: $id) {{ actions {{ nodes {{ id seq type user {NAME}
        comment {{ body author {NAME} createdAt }} override {{ id status }} statusBefore statusAfter resolution
        createdAt requestId hash prevHash case {{ reference }} }} }} }} }}"""

    nodes = (await api.run(world.rosa.token, query, {"id": str(story.case_id)}))["case"]["actions"]["nodes"]

    names = {world.ada.id: "Ada", world.carl.id: "Carl", world.rosa.id: "Rosa", world.rolf.id: "Rolf"}
    assert [node["seq"] for node in nodes] == list(range(10, 0, -1))
    for node, (name, outcome) in zip(reversed(nodes), story.outcomes.items(), strict=True):
        row, comment, override = outcome.action, outcome.comment, outcome.override
        words = comment and {
            "body": comment.body,
            "author": node["user"],
            "createdAt": row.created_at.isoformat(),
        }
        ends = {"request": "REFUSED", "request again": "CANCELLED", "request at last": "ACCEPTED"}
        assert node == {
            "id": str(row.id),
            "seq": row.seq,
            "type": row.type,
            "user": {"displayName": names[row.user_id]},
            "comment": words,
            "override": override and {"id": str(override.id), "status": ends.get(name, override.status)},
            "statusBefore": row.status_before,
            "statusAfter": row.status_after,
            "resolution": row.resolution,
            "createdAt": row.created_at.isoformat(),
            "requestId": f"request-{name}",
            "hash": row.hash,
            "prevHash": row.prev_hash,
            "case": {"reference": "CASE-000001"},
        }


async def test_the_log_is_filtered_by_types_and_counts_just_those(world: World, api: Api) -> None:
    story = await played(world)
    page = "{ totalCount nodes { seq } pageInfo { hasNextPage } }"
    query = f"""query($id: ID!) {{ case(id: $id) {{
        all: actions(first: 1) {page}
        null: actions(first: 1, types: null) {page}
        comments: actions(types: [COMMENT]) {page}
        requests: actions(first: 2, types: [REQUEST_OVERRIDE]) {page}
        decisions: actions(types: [CANCEL, ACCEPT, REFUSE, ACCEPT]) {page}
        none: actions(types: []) {page} }} }}"""

    case = (await api.run(world.rosa.token, query, {"id": str(story.case_id)}))["case"]

    reported = {
        name: (page["totalCount"], [node["seq"] for node in page["nodes"]], page["pageInfo"]["hasNextPage"])
        for name, page in case.items()
    }
    assert reported == {
        "all": (10, [10], True),
        "null": (10, [10], True),
        "comments": (2, [3, 2], False),
        "requests": (3, [8, 6], True),
        "decisions": (3, [9, 7, 5], False),
        "none": (0, [], False),
    }


async def test_overrides_come_newest_first_and_the_active_one_is_the_pending_one(world: World, api: Api) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    await world.refuse(case_id)
    await world.request_override(case_id, world.bea, (world.rolf, world.rosa))
    fields = f"""{{ status requestedStatus subjectStatusAtRequest version createdBy {NAME} assignedReviewers {NAME}
        decidedBy {NAME} decidedAt case {{ reference }} subject {{ label }} }}"""
    query = f"query($id: ID!) {{ case(id: $id) {{ activeOverride {fields} overrides {{ nodes {fields} }} }} }}"

    case = (await api.run(world.carl.token, query, {"id": str(case_id)}))["case"]

    pending, refused = case["overrides"]["nodes"]
    assert case["activeOverride"] == pending
    common = {
        "requestedStatus": "FAVORABLE",
        "subjectStatusAtRequest": "UNFAVORABLE",
        "case": {"reference": "CASE-000001"},
        "subject": {"label": "Moulins Réunis"},
    }
    assert datetime.fromisoformat(refused.pop("decidedAt")).utcoffset() is not None
    assert refused == common | {
        "status": "REFUSED",
        "version": 2,
        "createdBy": {"displayName": "Ada"},
        "assignedReviewers": [{"displayName": "Rosa"}],
        "decidedBy": {"displayName": "Rosa"},
    }
    assert pending == common | {
        "status": "PENDING",
        "version": 1,
        "createdBy": {"displayName": "Bea"},
        "assignedReviewers": [{"displayName": "Rolf"}, {"displayName": "Rosa"}],
        "decidedBy": None,
        "decidedAt": None,
    }
    await world.accept(case_id)
    again = (await api.run(world.carl.token, query, {"id": str(case_id)}))["case"]
    assert again["activeOverride"] is None
    assert [override["status"] for override in again["overrides"]["nodes"]] == ["ACCEPTED", "REFUSED"]


async def test_a_case_is_found_by_its_id_or_its_reference(world: World, api: Api) -> None:
    first, second = [(await world.open_case()).case for _ in range(2)]
    token = world.ada.token

    async def found(arguments: str) -> str | None:
        case = (await api.run(token, f"{{ case({arguments}) {{ id }} }}"))["case"]
        return None if case is None else case["id"]

    assert await found(f'id: "{first.id}"') == await found(f'id: "{str(first.id).upper()}"') == str(first.id)
    assert await found('reference: "CASE-000002"') == str(second.id)
    assert await found(f'id: "{uuid4()}"') is None
    assert await found(f'id: "{world.ada.id}"') is None
    assert await found('reference: "CASE-000003"') is None
    assert await found('reference: "CASE-999999999"') is None
    assert await refusals(api, token, "{ case { id } }") == [("REQUIRED", ["id"])]
    both = f'{{ case(id: "{first.id}", reference: "CASE-000001") {{ id }} }}'
    assert await refusals(api, token, both) == [("INVALID_INPUT", ["reference"])]
    for written in ("case-000002", " Case-000002\u200b", "ＣＡＳＥ－０００００２", "CASE\u2011000002"):
        assert await found(f'reference: "{written}"') == str(second.id), ascii(written)
    for wrong in ("1", "CASE-1", "CASE-0000000001", "CASE-٠٠٠٠٠١", "", "CASE-000002" + "\u0301" * 50_000):
        assert await refusals(api, token, f'{{ case(reference: "{wrong}") {{ id }} }}') == [
            ("INVALID_ID", ["reference"])
        ]
    for wrong in ("1", "", str(first.id)[:-1], f"{{{first.id}}}", first.id.hex):
        assert await refusals(api, token, f'{{ case(id: "{wrong}") {{ id }} }}') == [("INVALID_ID", ["id"])]


async def test_people_are_filtered_by_role_and_by_active(world: World, api: Api) -> None:
    idle = await make_person(world.database, world.account_id, "Ines", Role.REVIEWER)
    await set_by_hand(world.database, tables.users, idle.id, active=False)

    async def names(arguments: str) -> list[str]:
        users = (await api.run(world.ada.token, f"{{ users{arguments} {{ totalCount nodes {{ displayName }} }} }}"))[
            "users"
        ]
        found = [user["displayName"] for user in users["nodes"]]
        assert users["totalCount"] == len(found)
        return found

    assert await names("") == ["Ines", "Aldo", "Bea", "Rolf", "Rosa", "Carl", "Ada"]
    assert await names("(role: REVIEWER)") == ["Ines", "Bea", "Rolf", "Rosa"]
    assert await names("(role: REVIEWER, active: true)") == ["Bea", "Rolf", "Rosa"]
    assert await names("(role: CONTRIBUTOR)") == ["Bea", "Carl", "Ada"]
    assert await names("(role: ADMIN)") == ["Aldo"]
    assert await names("(active: false)") == ["Ines"]
    assert await names("(role: CONTRIBUTOR, active: false)") == []
    assert await names("(role: null, active: null)") == await names("")
    query = "{ users(role: REVIEWER, first: 2) { nodes { displayName roles } } }"
    assert (await api.run(world.ada.token, query))["users"]["nodes"][1] == {
        "displayName": "Bea",
        "roles": ["CONTRIBUTOR", "REVIEWER"],
    }


async def test_an_operation_is_chosen_by_name_and_a_field_can_be_selected_twice(world: World, api: Api) -> None:
    first, second = [(await world.open_case()).case.id for _ in range(2)]
    document = f"""query A {{ viewer {{ language }} }}
        query B {{ a: case(id: "{first}") {{ reference }} b: case(id: "{second}") {{ ...R ...R reference }} }}
        fragment R on Case {{ reference again: reference }}"""
    request: dict[str, Any] = {"query": document, "operationName": "B"}

    answer = await api.client.post("/graphql", json=request, headers={"Authorization": f"Bearer {world.ada.token}"})

    assert answer.json() == {
        "data": {"a": {"reference": "CASE-000001"}, "b": {"reference": "CASE-000002", "again": "CASE-000002"}}
    }
    assert UUID(answer.headers["x-request-id"]).version == 7
