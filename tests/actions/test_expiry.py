"""Expiry: an override on which nobody decides in time ends by nobody's hand, once, and no sooner."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from app import clock
from app.actions.expiry import ExpiryStep, expire_override, expire_overrides
from app.actions.outcome import Outcome
from app.actions.perform import perform
from app.db import tables
from app.domain.canonical_json import parsed_json
from app.domain.commands import AcceptOverride, CancelOverride, ReassignReviewers, RefuseOverride
from app.domain.due_dates import due_hours_text
from app.domain.errors import Refusal
from app.domain.model import CaseStatus, EvaluationStatus, OverrideStatus, Scope, TokenSource
from app.server.background import keep_expiry
from tests.support.api import Api
from tests.support.database_contents import contents, differences, set_by_hand
from tests.support.erasure import assert_whole
from tests.support.invariants import assert_invariants
from tests.support.world import Person, World, make_world, person_of

HOURS = 48
LOOSE = r"casegate: (rows of \w+ are permanent|the log does not have this change of \w+|the override is finished)"


async def expiring(world: World, hours: int | None = HOURS) -> Outcome:
    """Return a request in an account with this policy, of somebody who came after it was set."""
    await set_by_hand(world.database, tables.accounts, world.account_id, override_expiry_hours=hours)
    ada = await person_of(world.database, world.ada.id, *Scope)
    case_id = (await world.open_case()).case.id
    return await world.request_override(case_id, ada)


def over(outcome: Outcome, hours: float = HOURS) -> clock.Clock:
    """Return a clock that stands still so many hours after a request."""
    moment = outcome.action.created_at + timedelta(hours=hours)
    return lambda: moment


async def run(world: World, now: clock.Clock, batch: int = 100) -> list[ExpiryStep]:
    return [step async for step in expire_overrides(world.database, now, batch=batch)]


async def test_what_is_not_decided_in_time_ends_by_the_account_s_own_rules(world: World) -> None:
    requested = await expiring(world)
    assert requested.override is not None
    assert await run(world, over(requested, HOURS - 0.001)) == []
    before = await contents(world.database)

    (step,) = await run(world, over(requested))

    after = await contents(world.database)
    assert step.is_expired and step.override.id == requested.override.id
    assert differences(before, after) == {
        "+1 users",
        "+1 case_actions",
        "cases: action_count head_hash status updated_at version",
        "overrides: status version",
    }
    (row,) = [row for row in after["case_actions"].values() if row["type"] == "EXPIRE"]
    assert (row["status_before"], row["status_after"]) == (CaseStatus.PENDING_REVIEW, CaseStatus.IN_PROGRESS)
    authority = parsed_json(row["authority"])
    assert authority is not None and authority["token_source"] == TokenSource.SYSTEM
    ended = after["overrides"][(requested.override.id,)]
    assert (ended["status"], ended["decided_by_id"], ended["decided_at"]) == (OverrideStatus.EXPIRED, None, None)
    assert await run(world, over(requested)) == []
    await assert_whole(world.database)
    assert_invariants(before, after)


async def test_the_time_is_frozen_with_the_request(world: World) -> None:
    requested = await expiring(world)
    assert requested.override is not None
    expires_at = requested.action.created_at + timedelta(hours=HOURS)
    await set_by_hand(world.database, tables.accounts, world.account_id, override_expiry_hours=1)

    assert requested.override.expires_at == expires_at
    details = parsed_json(requested.action.details)
    assert details is not None and datetime.fromisoformat(str(details["expires_at"])) == expires_at
    assert await run(world, over(requested, HOURS - 1)) == []


async def test_without_the_policy_nothing_expires(world: World) -> None:
    requested = await expiring(world, None)

    assert requested.action.details is None
    assert await run(world, over(requested, 24 * 365 * 100)) == []


async def code_of(world: World, person: Person, command: object, now: clock.Clock) -> str | None:
    try:
        await perform(world.database, person.actor, command, request_id="late", now=now)  # type: ignore[arg-type]  # commands
    except Refusal as refusal:
        return refusal.code
    return None


async def test_after_the_time_no_reviewer_decides_though_nothing_has_ended_it_and_its_creator_cancels(
    world: World,
) -> None:
    requested = await expiring(world)
    assert requested.override is not None
    case_id, now = requested.case.id, over(requested)
    read: dict[str, Any] = {"case_id": case_id, "override_id": requested.override.id}
    late = [
        await code_of(world, world.rosa, AcceptOverride(**read, expected_version=2), now),
        await code_of(world, world.rosa, RefuseOverride(**read, expected_version=2), now),
        await code_of(world, world.carl, ReassignReviewers(**read, reviewer_ids=(world.rolf.id,)), now),
    ]

    assert late == ["OVERRIDE_EXPIRED"] * 3
    assert await code_of(world, world.ada, CancelOverride(**read), now) is None
    assert await run(world, now) == []


async def test_after_it_has_ended_another_can_be_requested_and_the_old_one_is_finished(world: World) -> None:
    requested = await expiring(world)
    assert requested.override is not None
    case_id = requested.case.id
    await run(world, over(requested))
    read: dict[str, Any] = {"case_id": case_id, "override_id": requested.override.id}

    again = await world.request_override(case_id)

    assert again.case.status is CaseStatus.PENDING_REVIEW
    assert await code_of(world, world.rosa, AcceptOverride(**read, expected_version=4), clock.now) == (
        "OVERRIDE_NOT_PENDING"
    )
    await assert_whole(world.database)


async def test_many_who_end_it_at_once_write_one_row(world: World) -> None:
    requested = await expiring(world)
    assert requested.override is not None
    ids, now = (world.account_id, requested.case.id, requested.override.id), over(requested)

    outcomes = await asyncio.gather(*(expire_override(world.database, *ids, now) for _ in range(5)))

    assert sum(outcome is not None for outcome in outcomes) == 1
    await assert_whole(world.database)


async def test_all_are_ended_batch_by_batch_and_of_every_account(world: World) -> None:
    other = await make_world(world.database)
    requested = [await expiring(place) for place in (world, other, world)]

    steps = await run(world, over(requested[-1]), batch=1)

    assert {step.override.id for step in steps} == {item.override.id for item in requested if item.override}
    assert all(step.is_expired for step in steps)


async def test_a_running_gateway_ends_them_again_and_again(world: World) -> None:
    requested = await expiring(world)
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await keep_expiry(world.database, over(requested), pause)

    assert pauses == [60, 60]
    rows = (await contents(world.database))["overrides"].values()
    assert [row["status"] for row in rows] == [OverrideStatus.EXPIRED]


async def test_the_time_is_shown_and_reviewers_see_that_it_is_over(world: World, api: Api) -> None:
    requested = await expiring(world)
    assert requested.override is not None
    query = """query($id: ID!) { case(id: $id) { activeOverride { expiresAt } availableActions { action code } }
        viewer { inbox(reasons: [DECIDE]) { totalCount } } }"""
    variables = {"id": str(requested.case.id)}
    waiting = await api.run(world.rosa.token, query, variables)
    await set_by_hand(world.database, tables.overrides, requested.override.id, expires_at=requested.action.created_at)
    late = await api.run(world.rosa.token, query, variables)

    assert (
        waiting["case"]["activeOverride"]["expiresAt"]
        == (requested.action.created_at + timedelta(hours=HOURS)).isoformat()
    )
    assert [found["viewer"]["inbox"]["totalCount"] for found in (waiting, late)] == [1, 0]
    codes = {item["action"]: item["code"] for item in late["case"]["availableActions"]}
    assert (codes["ACCEPT"], codes["REFUSE"], codes["CANCEL"]) == (
        "OVERRIDE_EXPIRED",
        "OVERRIDE_EXPIRED",
        "NOT_OVERRIDE_CREATOR",
    )


@pytest.mark.parametrize("values", [{"expires_at": None}, {"status": "EXPIRED", "version": 2}])
async def test_the_database_takes_no_other_time_and_no_end_that_the_log_does_not_have(
    world: World, values: dict[str, object]
) -> None:
    await expiring(world)
    before = await contents(world.database)

    with pytest.raises(DBAPIError, match=LOOSE):
        async with world.database.write() as connection:
            await connection.execute(update(tables.overrides).values(values))

    assert await contents(world.database) == before


async def test_the_policy_is_set_shown_and_taken_away(world: World, api: Api) -> None:
    shown = "{ viewer { account { overrideExpiryHours } } }"
    found = []
    for hours in (HOURS, 0):
        payload = await api.act(world.aldo.token, "updateAccount", {"overrideExpiryHours": hours})
        assert payload["errors"] == []
        found.append((await api.run(world.ada.token, shown))["viewer"]["account"]["overrideExpiryHours"])

    wrong = await api.act(world.aldo.token, "updateAccount", {"overrideExpiryHours": 8761})

    assert found == [HOURS, None]
    assert [error["path"] for error in wrong["errors"]] == [["input", "overrideExpiryHours"]]


async def test_who_is_under_way_requests_and_opens_by_the_policies_that_come_meanwhile(world: World) -> None:
    case_id = (await world.open_case()).case.id
    policies = {"override_expiry_hours": HOURS, "due_hours": due_hours_text({EvaluationStatus.UNFAVORABLE: HOURS})}
    await set_by_hand(world.database, tables.accounts, world.account_id, **policies)

    requested = await world.request_override(case_id)  # by Ada as she was looked up before
    opened = await world.open_case()

    assert requested.override is not None
    assert requested.override.expires_at == requested.action.created_at + timedelta(hours=HOURS)
    assert opened.case.due_at == opened.action.created_at + timedelta(hours=HOURS)
