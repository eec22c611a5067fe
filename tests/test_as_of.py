"""A case as it stood is what was shown of it then: asked for by a row of its log or by a time."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.domain.model import CaseStatus
from tests.api import Api
from tests.documents import uploaded
from tests.played import START, STEPS, Story
from tests.world import World, make_world

SHOWN = """{ id reference title description status statusLabel resolution resolutionLabel createdAt updatedAt closedAt
    createdBy { displayName } closedBy { displayName } version actionCount headHash
    activeOverride { id status } overrides(first: 10) { totalCount nodes {
        id status requestedStatus version decidedAt decidedBy { displayName }
        createdBy { displayName } assignedReviewers { displayName } } }
    documents(first: 10) { totalCount nodes { filename } }
    actions(first: 3) { totalCount nodes { seq type hash comment { body } } pageInfo { hasNextPage } } }"""
NOW = f"query($id: ID!) {{ case(id: $id) {SHOWN} }}"
THEN = (
    f"query($id: ID, $reference: String, $asOf: AsOf) {{ case(id: $id, reference: $reference, asOf: $asOf) {SHOWN} }}"
)
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
    return (await api.run(world.bea.token, THEN, variables))["case"]


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

    assert (await api.run(world.bea.token, THEN, variables))["case"] == shown[0]
    query = "query($id: ID!) { case(id: $id, asOf: {seq: 1}) { availableActions { action } } }"
    data = await api.run(world.bea.token, query, {"id": str(story.case_id)})
    assert data == {"case": {"availableActions": []}}


async def test_the_log_of_a_case_as_it_stood_pages_within_what_there_was(world: World, api: Api) -> None:
    story, _ = await play(world, api)
    query = """query($id: ID!, $after: String) { case(id: $id, asOf: {seq: 6}) {
        actions(first: 4, after: $after, types: [COMMENT, REFUSE, OPEN, CLOSE]) {
            totalCount nodes { seq } pageInfo { hasNextPage endCursor } } } }"""

    page = (await api.run(world.bea.token, query, {"id": str(story.case_id)}))["case"]["actions"]

    assert [row["seq"] for row in page["nodes"]] == [5, 3, 2, 1]
    assert (page["totalCount"], page["pageInfo"]["hasNextPage"]) == (4, False)


async def test_the_case_of_another_account_stood_nowhere(world: World, api: Api) -> None:
    story, _ = await play(world, api)
    stranger = (await make_world(world.database)).ada

    variables = {"id": str(story.case_id), "asOf": {"seq": 1}}
    assert (await api.run(stranger.token, THEN, variables))["case"] is None


@pytest.mark.parametrize(
    ("as_of", "code", "path"),
    [
        ({}, "REQUIRED", ["asOf"]),
        ({"seq": 1, "time": "2026-11-24T08:00:00Z"}, "INVALID_INPUT", ["asOf"]),
        ({"seq": 0}, "INVALID_INPUT", ["asOf", "seq"]),
        ({"time": "2026-11-24T08:00:00"}, "INVALID_INPUT", ["asOf", "time"]),
    ],
)
async def test_a_moment_is_one_row_or_one_time_with_its_offset(
    world: World, api: Api, as_of: dict[str, Any], code: str, path: list[str]
) -> None:
    case_id = str((await world.open_case()).case.id)

    answer = (await api.send(world.ada.token, THEN, {"id": case_id, "asOf": as_of})).json()

    (error,) = answer["errors"]
    assert (error["extensions"]["code"], error["extensions"]["argument"]) == (code, path)
