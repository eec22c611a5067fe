"""What a decision names of what was read: demanded by the account's policy, and never made up where it is not."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from app.db import tables
from app.domain.canonical_json import parsed_json
from app.domain.model import CaseStatus
from tests.support.api import Api
from tests.support.database_contents import set_by_hand
from tests.support.erasure import assert_whole
from tests.support.jsonapi import ResourceClient, action_body, errors_of
from tests.support.world import World

ATTRIBUTES = {"pointer": "/data/attributes"}


@pytest.fixture
async def lenient(world: World) -> World:
    """The world, with the policy off."""
    await allow(world)
    return world


async def allow(world: World, *, required: bool = False) -> None:
    await set_by_hand(world.database, tables.accounts, world.account_id, require_reviewed_version=required)


async def pending(world: World) -> str:
    return str((await world.case_in(CaseStatus.PENDING_REVIEW)).case.id)


async def last_authority(world: World) -> Mapping[str, object]:
    row = tables.case_actions.c
    statement = select(row.authority).order_by(row.position.desc(), row.id.desc()).limit(1)
    async with world.database.read() as connection:
        found = parsed_json(await connection.scalar(statement))
    assert found is not None
    return found


@pytest.mark.parametrize(("action", "status"), [("accept", "RESOLVED"), ("refuse", "IN_PROGRESS")])
@pytest.mark.parametrize("sent", [{}, {"override_id": None}, {"override_id": None, "expected_version": None}])
async def test_without_the_policy_a_decision_is_on_what_is_pending_and_claims_to_have_read_nothing(
    lenient: World, resources: ResourceClient, action: str, status: str, sent: dict[str, Any]
) -> None:
    case_id = await pending(lenient)

    answer = await resources.act(case_id, lenient.rosa.token, action_body(action, **sent))

    assert answer.status_code == 201, answer.text
    assert answer.json()["data"]["attributes"]["status_after"] == status
    authority = await last_authority(lenient)
    assert (authority["reviewed_version"], authority["roles"]) == (None, ["REVIEWER"])
    await assert_whole(lenient.database)


async def test_what_is_named_all_the_same_is_compared_and_kept(lenient: World, resources: ResourceClient) -> None:
    case_id, token = await pending(lenient), lenient.rosa.token
    override_id = (await lenient.decision(case_id))["overrideId"]
    other = (await lenient.decision(await pending(lenient)))["overrideId"]

    stale = await resources.act(case_id, token, action_body("accept", expected_version=1))
    stale_tag = await resources.act(case_id, token, action_body("accept"), If_Match='"1"')
    strange = await resources.act(case_id, token, action_body("accept", override_id=other))
    broken = await resources.act(case_id, token, action_body("accept", override_id="x"))
    done = await resources.act(case_id, token, action_body("accept", override_id=override_id), If_Match='"2"')

    assert errors_of(stale) == [("409", "VERSION_CONFLICT", {"pointer": "/data/attributes/expected_version"})]
    assert errors_of(stale_tag) == [("412", "VERSION_CONFLICT", {"header": "If-Match"})]
    assert errors_of(strange) == [("404", "NOT_FOUND", {"pointer": "/data/attributes/override_id"})]
    assert [code for _, code, _ in errors_of(broken)] == ["INVALID_ID"]
    assert done.status_code == 201
    assert (await last_authority(lenient))["reviewed_version"] == 2


async def test_with_the_policy_both_are_demanded_together(world: World, resources: ResourceClient) -> None:
    case_id = await pending(world)

    for action in ("accept", "refuse"):
        answer = await resources.act(case_id, world.rosa.token, action_body(action))
        assert errors_of(answer) == [("422", "REQUIRED", ATTRIBUTES)] * 2
    await allow(world)
    assert (await resources.act(case_id, world.rosa.token, action_body("refuse"))).status_code == 201
    await world.request_override(UUID(case_id))
    await allow(world, required=True)
    answer = await resources.act(case_id, world.rosa.token, action_body("accept"))
    assert errors_of(answer) == [("422", "REQUIRED", ATTRIBUTES)] * 2


async def test_without_the_policy_own_overrides_and_none_are_still_refused(
    lenient: World, resources: ResourceClient
) -> None:
    case_id = str((await lenient.open_case(lenient.bea)).case.id)
    nothing = await resources.act(case_id, lenient.rosa.token, action_body("accept"))
    await lenient.request_override((await lenient.open_case()).case.id, lenient.bea)
    own = await pending(lenient)
    unentitled = await resources.act(own, lenient.ada.token, action_body("accept"))
    twice = await resources.act(own, lenient.rosa.token, action_body("accept"))
    again = await resources.act(own, lenient.rosa.token, action_body("accept"))

    assert [code for _, code, _ in errors_of(nothing)] == ["NO_PENDING_OVERRIDE"]
    assert [code for _, code, _ in errors_of(unentitled)] == ["ROLE_REQUIRED"]
    assert twice.status_code == 201
    assert [code for _, code, _ in errors_of(again)] == ["NO_PENDING_OVERRIDE"]


async def test_a_creator_who_reviews_does_not_decide_on_what_they_do_not_name(
    lenient: World, resources: ResourceClient
) -> None:
    case_id = (await lenient.open_case()).case.id
    await lenient.request_override(case_id, lenient.bea)

    answer = await resources.act(case_id, lenient.bea.token, action_body("accept"))

    assert [code for _, code, _ in errors_of(answer)] == ["SELF_REVIEW_FORBIDDEN"]


async def test_a_key_of_a_decision_that_names_nothing_does_nothing_twice(
    lenient: World, resources: ResourceClient
) -> None:
    case_id, token = await pending(lenient), lenient.rosa.token

    first = await resources.act(case_id, token, action_body("accept"), Idempotency_Key="once")
    again = await resources.act(case_id, token, action_body("accept"), Idempotency_Key="once")
    other = await resources.act(case_id, token, action_body("accept", expected_version=3), Idempotency_Key="once")

    assert (first.status_code, again.json()["data"]["id"]) == (201, first.json()["data"]["id"])
    assert [code for _, code, _ in errors_of(other)] == ["IDEMPOTENCY_KEY_REUSED"]


async def test_graphql_demands_both_whatever_the_policy_says(lenient: World, api: Api) -> None:
    case_id = await pending(lenient)
    query = "mutation($input: AcceptOverrideInput!) { acceptOverride(input: $input) { errors { code } } }"

    answer = await api.send(lenient.rosa.token, query, {"input": {"caseId": case_id}})

    assert answer.json()["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    shown = await api.run(
        lenient.rosa.token, f'{{ case(id: "{case_id}") {{ availableActions {{ action requiredInput }} }} }}'
    )
    required = {item["action"]: item["requiredInput"] for item in shown["case"]["availableActions"]}
    assert required["ACCEPT"] == required["REFUSE"] == ["caseId", "overrideId", "expectedVersion"]
