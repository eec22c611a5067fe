"""Receipts: what an action was answered with is asked for again, and the answer tells what has become of the row."""

from typing import Any
from uuid import uuid4

import pytest

from app.domain.model import CaseStatus
from tests.support.api import Api
from tests.support.played_story import STEPS, Story
from tests.support.tampering import cut_off_closing, rewrite, tamper, words_of
from tests.support.world import World, make_world

QUERY = """query($id: ID!, $seq: Int!, $hash: String!) {
    verifyReceipt(caseId: $id, seq: $seq, hash: $hash) { stands action { seq hash type user { displayName } } } }"""


async def verify(api: Api, token: str, case_id: object, seq: int, hash_: str) -> Any:
    data = await api.run(token, QUERY, {"id": str(case_id), "seq": seq, "hash": hash_})
    return data["verifyReceipt"]


async def test_what_an_action_was_answered_with_stands(world: World, api: Api) -> None:
    case = (await world.open_case()).case
    given = {"caseId": str(case.id), "body": "Called them."}
    payload = await api.act(world.ada.token, "addComment", given, "action { seq hash }")
    receipt = payload["action"]

    found = await verify(api, world.rosa.token, case.id, receipt["seq"], receipt["hash"])
    loud = await verify(api, world.rosa.token, case.id, receipt["seq"], receipt["hash"].upper())

    assert found == loud == {"stands": True, "action": {**receipt, "type": "COMMENT", "user": {"displayName": "Ada"}}}


async def test_a_row_that_is_another_now_is_shown_and_does_not_stand(world: World, api: Api) -> None:
    story = Story(world)
    for name in STEPS:
        await story.play(name)
    receipts = [story.outcomes[name].action for name in STEPS]

    await rewrite(world.database, world.account_id, story.case_id, words_of("sure", "never sure"))

    found = [await verify(api, world.ada.token, story.case_id, row.seq, row.hash) for row in receipts]
    assert [answer["stands"] for answer in found] == [True] * 3 + [False] * 7
    assert all(answer["action"]["seq"] == row.seq for answer, row in zip(found, receipts, strict=True))


async def test_a_row_that_is_gone_does_not_stand(world: World, api: Api) -> None:
    story = Story(world)
    for name in STEPS:
        await story.play(name)
    last = story.outcomes["close"].action

    await tamper(world.database, *cut_off_closing(story))

    assert await verify(api, world.ada.token, story.case_id, last.seq, last.hash) == {"stands": False, "action": None}


@pytest.mark.parametrize("seq", [0, -1, 2, 2**31 - 1])
async def test_a_place_that_there_never_was_does_not_stand(world: World, api: Api, seq: int) -> None:
    outcome = await world.open_case()

    found = await verify(api, world.ada.token, outcome.case.id, seq, outcome.action.hash)

    assert found == {"stands": False, "action": None}


async def test_another_accounts_case_is_answered_like_one_that_there_is_not(world: World, api: Api) -> None:
    other = await make_world(world.database)
    theirs = await other.case_in(CaseStatus.OPEN)

    assert await verify(api, world.ada.token, theirs.case.id, 1, theirs.action.hash) is None
    assert await verify(api, world.ada.token, uuid4(), 1, theirs.action.hash) is None


async def test_what_is_no_id_is_refused(world: World, api: Api) -> None:
    body = (await api.send(world.ada.token, QUERY, {"id": "1", "seq": 1, "hash": "x"})).json()

    assert [error["extensions"]["code"] for error in body["errors"]] == ["INVALID_ID"]
