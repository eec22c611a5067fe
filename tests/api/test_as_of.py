"""A case as it stood is what was shown of it then: asked for by a row of its log or by a time."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.domain.model import CaseStatus
from tests.support.api import Api
from tests.support.documents import uploaded
from tests.support.played_story import START, STEPS, Story
from tests.support.world import World, make_world

# What a case and its snapshot have in common, by the names that the case has for it.
SHOWN = """id: %(case)s reference title description status statusLabel resolution resolutionLabel createdAt updatedAt
    createdBy { displayName } closedBy { displayName } closedAt version actionCount headHash
    subject { id: %(subject)s label evaluationStatus } activeOverride { id: %(override)s status }
    overrides(first: 10) { totalCount nodes { id: %(override)s status requestedStatus subjectStatusAtRequest version
        decidedAt decidedBy { displayName } createdAt createdBy { displayName } assignedReviewers { displayName } } }
    documents(first: 10) { totalCount nodes { filename } }
    actions(first: 3) { totalCount nodes { seq type hash comment { body } } pageInfo { hasNextPage } }"""
CASE = SHOWN % {"case": "id", "subject": "id", "override": "id"}
SNAPSHOT = SHOWN % {"case": "caseId", "subject": "subjectId", "override": "overrideId"}
NOW = f"query($id: ID!) {{ case(id: $id) {{ {CASE} }} }}"
THEN = f"""query($id: ID, $reference: String, $asOf: AsOf!) {{
    caseSnapshot(id: $id, reference: $reference, asOf: $asOf) {{ {SNAPSHOT} }} }}"""
MINUTE = timedelta(minutes=1)


async def play(world: World, api: Api) -> tuple[Story, list[dict[str, Any]]]:
    """Play the story, and return with it what was shown of the case after each of its steps."""
    story, shown = Story(world), []
    for name in STEPS:
        changes: dict[str, Any] = {}
        if name.startswith("comment"):
            changes["document_ids"] = (await document(world, api, name),)
        await story.play(name, **changes)
        shown.append((await api.run(world.bea.token, NOW, {"id": str(story.case_id)}))["case"])
    return story, shown


async def document(world: World, api: Api, name: str) -> UUID:
    return UUID(await uploaded(api, world.carl.token, filename=f"{name}.txt"))


async def past(api: Api, world: World, story: Story, **as_of: object) -> Any:
    variables = {"id": str(story.case_id), "asOf": as_of}
    return (await api.run(world.bea.token, THEN, variables))["caseSnapshot"]


async def test_a_case_after_each_row_of_its_log_is_what_was_shown_then(world: World, api: Api) -> None:
    story, shown = await play(world, api)
    assert {case["status"] for case in shown} == {status.value for status in CaseStatus}

    folded = [await past(api, world, story, seq=seq) for seq in range(1, len(STEPS) + 1)]

    assert folded == shown


async def test_a_case_at_a_time_is_what_was_shown_then_in_whatever_zone_it_is_written(world: World, api: Api) -> None:
    story, shown = await play(world, api)

    for index, case in enumerate(shown):
        moment = START + index * MINUTE
        assert await past(api, world, story, time=moment.isoformat()) == case
        offset = (moment + MINUTE / 2 + timedelta(hours=2)).replace(tzinfo=None).isoformat() + "+02:00"
        assert await past(api, world, story, time=offset) == case


async def test_before_the_first_row_and_after_the_last_there_was_no_such_case(world: World, api: Api) -> None:
    story, shown = await play(world, api)

    assert await past(api, world, story, time=(START - MINUTE).isoformat()) is None
    assert await past(api, world, story, seq=len(STEPS) + 1) is None
    assert await past(api, world, story, time="2999-01-01T00:00:00Z") == shown[-1]


async def test_a_reference_does_as_well_and_nothing_is_available_in_the_past(world: World, api: Api) -> None:
    story, shown = await play(world, api)
    variables = {"reference": shown[0]["reference"], "asOf": {"seq": 1}}

    assert (await api.run(world.bea.token, THEN, variables))["caseSnapshot"] == shown[0]
    query = """query($id: ID!) { caseSnapshot(id: $id, asOf: {seq: 3}) {
        supposed asOf { seq time } availableActions { action } } }"""
    data = await api.run(world.bea.token, query, {"id": str(story.case_id)})
    third = (START + 2 * MINUTE).isoformat()
    assert data == {
        "caseSnapshot": {"supposed": False, "asOf": {"seq": 3, "time": third}, "availableActions": None},
    }


async def test_a_snapshot_leads_to_what_is_only_where_that_is_as_it_is_now(world: World, api: Api) -> None:
    """What has an id is a Node, and shows no other state than the Node's own."""
    story, shown = await play(world, api)
    query = """query($id: ID!) {
        then: caseSnapshot(id: $id, asOf: {seq: 2}) { status actions { nodes { ...Row } } }
        now: case(id: $id) { actions { nodes { ...Row } } } }
      fragment Row on CaseAction { id seq case { id status version activeOverride { id } } override { id status } }"""

    for _ in range(2):  # by a plan, too
        data = await api.run(world.bea.token, query, {"id": str(story.case_id)})
        now = {row["id"]: row for row in data["now"]["actions"]["nodes"]}

        assert [row["seq"] for row in data["then"]["actions"]["nodes"]] == [2, 1]
        assert all(row == now[row["id"]] for row in data["then"]["actions"]["nodes"])
        assert {row["case"]["status"] for row in now.values()} == {shown[-1]["status"]} != {data["then"]["status"]}


async def test_no_node_is_a_snapshot(world: World, api: Api) -> None:
    story, _ = await play(world, api)
    query = "query($id: ID!) { caseSnapshot(id: $id, asOf: {seq: 5}) { caseId overrides { nodes { overrideId } } } }"
    then = (await api.run(world.bea.token, query, {"id": str(story.case_id)}))["caseSnapshot"]
    ids = [then["caseId"], *(override["overrideId"] for override in then["overrides"]["nodes"])]

    found = await api.run(world.bea.token, "query($ids: [ID!]!) { nodes(ids: $ids) { __typename } }", {"ids": ids})

    assert [node["__typename"] for node in found["nodes"]] == ["Case", *["Override"] * (len(ids) - 1)]
    assert len(ids) > 1


async def test_the_overrides_of_a_snapshot_are_paged(world: World, api: Api) -> None:
    case_id = (await world.open_case()).case.id
    for _ in range(4):
        await world.request_override(case_id)
        await world.refuse(case_id)
    await world.request_override(case_id)
    query = """query($id: ID!, $seq: Int!, $first: Int, $last: Int, $after: String, $before: String) {
        caseSnapshot(id: $id, asOf: {seq: $seq}) { activeOverride { overrideId status version decidedAt }
            overrides(first: $first, last: $last, after: $after, before: $before) { totalCount
                edges { cursor node { overrideId status version } } pageInfo { hasNextPage hasPreviousPage } } } }"""

    async def page(**arguments: Any) -> Any:
        variables = {"id": str(case_id), "seq": 6} | arguments
        return (await api.run(world.ada.token, query, variables))["caseSnapshot"]

    whole = await page()
    edges = whole["overrides"]["edges"]
    assert [(edge["node"]["status"], edge["node"]["version"]) for edge in edges] == [
        *[("PENDING", 1), ("REFUSED", 2), ("REFUSED", 2)]
    ]
    assert whole["activeOverride"] == {**edges[0]["node"], "decidedAt": None}
    second = (await page(first=1, after=edges[0]["cursor"]))["overrides"]
    assert (second["edges"], second["totalCount"]) == ([edges[1]], 3)
    assert second["pageInfo"] == {"hasNextPage": True, "hasPreviousPage": True}
    assert (await page(last=2, before=edges[2]["cursor"]))["overrides"]["edges"] == edges[:2]
    assert (await page(last=1))["overrides"]["edges"] == edges[2:]
    later = {"id": str(case_id), "seq": 7, "after": edges[0]["cursor"]}
    refused = (await api.send(world.ada.token, query, later)).json()
    assert [error["extensions"]["code"] for error in refused["errors"]] == ["INVALID_CURSOR"]


async def test_a_snapshot_costs_the_same_statements_however_long_the_log_is(
    world: World, api: Api, statements: Callable[[], list[str]]
) -> None:
    case_id = (await world.open_case()).case.id
    costs = []
    for _ in range(2):
        for _ in range(3):
            await world.request_override(case_id)
            await world.refuse(case_id)
        await world.request_override(case_id)
        seq = (await world.cancel(case_id)).action.seq - 1
        statements()
        await api.run(world.bea.token, THEN, {"id": str(case_id), "asOf": {"seq": seq}})
        costs.append(len(statements()))

    assert costs[0] == costs[1]


async def test_the_log_of_a_case_as_it_stood_pages_within_what_there_was(world: World, api: Api) -> None:
    story, _ = await play(world, api)
    query = """query($id: ID!, $after: String) { caseSnapshot(id: $id, asOf: {seq: 6}) {
        actions(first: 4, after: $after, types: [COMMENT, REFUSE, OPEN, CLOSE]) {
            totalCount nodes { seq } pageInfo { hasNextPage endCursor } } } }"""

    page = (await api.run(world.bea.token, query, {"id": str(story.case_id)}))["caseSnapshot"]["actions"]

    assert [row["seq"] for row in page["nodes"]] == [5, 3, 2, 1]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (4, False)


async def test_the_case_of_another_account_stood_nowhere(world: World, api: Api) -> None:
    story, _ = await play(world, api)
    stranger = (await make_world(world.database)).ada

    variables = {"id": str(story.case_id), "asOf": {"seq": 1}}
    assert (await api.run(stranger.token, THEN, variables))["caseSnapshot"] is None


@pytest.mark.parametrize(
    ("as_of", "path"),
    [
        ({"seq": 0}, ["asOf", "seq"]),
        ({"seq": -1}, ["asOf", "seq"]),
        ({"time": "2026-11-24T08:00:00"}, ["asOf", "time"]),
    ],
)
async def test_a_moment_is_a_row_that_can_be_or_a_time_with_its_offset(
    world: World, api: Api, as_of: dict[str, Any], path: list[str]
) -> None:
    case_id = str((await world.open_case()).case.id)

    answer = (await api.send(world.ada.token, THEN, {"id": case_id, "asOf": as_of})).json()

    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["extensions"]["argument"]) == ("INVALID_INPUT", path)


@pytest.mark.parametrize(
    ("declared", "written", "variables"),
    [
        ("", "{}", {}),
        ("", '{seq: 1, time: "2026-11-24T08:00:00Z"}', {}),
        ("", "{seq: null}", {}),
        ("", "{seq: 1, time: null}", {}),
        ("", "null", {}),
        ("($it: AsOf!)", "$it", {"it": {}}),
        ("($it: AsOf!)", "$it", {"it": {"seq": 1, "time": "2026-11-24T08:00:00Z"}}),
        ("($it: AsOf!)", "$it", {"it": {"seq": None}}),
        ("($it: AsOf!)", "$it", {"it": {"seq": 1, "time": None}}),
        ("($it: AsOf!)", "$it", {"it": None}),
        ("($it: Int)", "{seq: $it}", {"it": 1}),
    ],
)
async def test_a_moment_that_is_not_one_of_the_two_is_refused_by_validation(
    world: World, api: Api, declared: str, written: str, variables: dict[str, Any]
) -> None:
    case_id = str((await world.open_case()).case.id)
    query = f'query{declared} {{ caseSnapshot(id: "{case_id}", asOf: {written}) {{ status }} }}'

    for _ in range(2):
        body = (await api.send(world.ada.token, query, variables)).json()

        assert "data" not in body
        codes = {error["extensions"]["code"] for error in body["errors"]}
        assert len(body["errors"]) == 1 and codes <= {"GRAPHQL_INVALID", "BAD_USER_INPUT"}, body
