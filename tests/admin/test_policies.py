"""The policies of an account: what decisions name, and how long content is kept; set, shown, and approved."""

from typing import Any

import pytest
from sqlalchemy import select

from app.actions.retention import erase_overdue
from app.db import tables
from app.domain.commands import CloseCase
from tests.support.account_logs import logged, verdict_on
from tests.support.administration import Administration, second_admin
from tests.support.api import Api
from tests.support.database_contents import set_by_hand
from tests.support.erasure import opened
from tests.support.world import World

SHOWN = "{ viewer { account { requireReviewedVersion retentionDays } } }"


@pytest.fixture
async def single(world: World, api: Api) -> Administration:
    """The world with one admin; Ada stands for the second, who is none."""
    return Administration(world, api, world.ada)


@pytest.fixture
async def office(world: World, api: Api) -> Administration:
    return Administration(world, api, await second_admin(world))


async def shown(office: Administration) -> tuple[bool, int | None]:
    account = (await office.api.run(office.world.ada.token, SHOWN))["viewer"]["account"]
    return account["requireReviewedVersion"], account["retentionDays"]


def details(payload: dict[str, Any]) -> dict[str, list[str]]:
    return {item["name"]: item["values"] for item in payload["action"]["details"]}


async def test_a_single_admin_sets_policies_at_once_and_the_log_says_so(single: Administration) -> None:
    assert await shown(single) == (True, None)

    payload = await single.act(single.aldo, "updateAccount", requireReviewedVersion=False, retentionDays=365)

    assert payload["errors"] == []
    assert payload["action"]["approval"] == "NONE_POSSIBLE"
    assert details(payload) == {"require_reviewed_version": ["False"], "retention_days": ["365"]}
    assert await shown(single) == (False, 365)
    same = await single.act(single.aldo, "updateAccount", requireReviewedVersion=False, retentionDays=365)
    assert [error["code"] for error in same["errors"]] == ["INVALID_INPUT"]
    ended = await single.act(single.aldo, "updateAccount", retentionDays=0)
    assert details(ended) == {"retention_days": ["0"]}
    assert await shown(single) == (False, None)
    none = await single.act(single.aldo, "updateAccount", retentionDays=0)
    assert [error["code"] for error in none["errors"]] == ["INVALID_INPUT"]
    column = tables.accounts.c
    async with single.world.database.read() as connection:
        assert (await connection.execute(select(column.retention_days))).scalars().all() == [None]
    assert (await verdict_on(single.world.database, single.world.account_id)).fault is None


async def test_a_second_admin_approves_a_policy_and_it_holds_from_then_on(office: Administration) -> None:
    change_id = await office.waiting(office.alma, "updateAccount", requireReviewedVersion=False, retentionDays=30)
    assert await shown(office) == (True, None)
    assert await office.code(office.alma, "approveChange", changeId=change_id) == "SECOND_ADMIN_REQUIRED"

    payload = await office.act(office.aldo, "approveChange", changeId=change_id)

    assert payload["errors"] == []
    assert await shown(office) == (False, 30)
    rows = (await logged(office.world.database, office.world.account_id))[-2:]
    assert [row[0] for row in rows] == ["UPDATE_ACCOUNT", "APPROVE_CHANGE"]
    ending = await office.waiting(office.aldo, "updateAccount", retentionDays=0)
    assert await office.code(office.alma, "approveChange", changeId=ending) is None
    assert await shown(office) == (False, None)


@pytest.mark.parametrize("days", [-1, 36_501, 2**31 - 1])
async def test_days_out_of_range_are_refused_with_what_would_be_accepted(single: Administration, days: int) -> None:
    payload = await single.act(single.aldo, "updateAccount", retentionDays=days)

    assert [(error["code"], error["path"]) for error in payload["errors"]] == [
        ("INVALID_INPUT", ["input", "retentionDays"])
    ]
    assert "36500" in payload["errors"][0]["message"].replace("\N{NO-BREAK SPACE}", "").replace(",", "")


async def test_a_dry_run_of_a_policy_sets_nothing(single: Administration) -> None:
    payload = await single.act(single.aldo, "updateAccount", retentionDays=1, dryRun=True)

    assert payload["supposed"]["details"] == [{"name": "retention_days", "values": ["1"]}]
    assert await shown(single) == (True, None)


@pytest.mark.parametrize("who", ["ada", "rosa"])
async def test_only_an_admin_sets_policies(single: Administration, who: str) -> None:
    person = getattr(single.world, who)
    assert await single.code(person, "updateAccount", retentionDays=1) == "ROLE_REQUIRED"


async def test_the_identity_that_erases_is_shown_and_is_not_administered(single: Administration) -> None:
    world, aldo = single.world, single.aldo
    case_id = await opened(world)
    outcome = await world.do(world.ada, CloseCase(case_id=case_id))
    await set_by_hand(world.database, tables.accounts, world.account_id, retention_days=1)
    later = outcome.case.updated_at.replace(year=outcome.case.updated_at.year + 1)
    assert [step.is_erased async for step in erase_overdue(world.database, lambda: later)] == [True]
    assert (await verdict_on(world.database, world.account_id)).fault is None
    query = """query($id: ID!) {
        case(id: $id) { title
            erasure { reason by { id kind displayName roles active } }
            actions(first: 9) { nodes { type authority { token { name } tokenId tokenSource roles } } } }
        users { totalCount nodes { kind } }
        serviceAccounts { nodes { id } } }"""

    answer = await single.api.run(aldo.token, query, {"id": str(case_id)})

    by = answer["case"]["erasure"]["by"]
    assert (by["kind"], by["displayName"], by["roles"], by["active"]) == ("SYSTEM", "Casegate", [], False)
    assert answer["case"]["erasure"]["reason"] == "The account keeps content for 1 days after closing."
    (row,) = [row for row in answer["case"]["actions"]["nodes"] if row["type"] == "REDACT"]
    assert row["authority"] == {"token": None, "tokenId": None, "tokenSource": "SYSTEM", "roles": []}
    assert {node["kind"] for node in answer["users"]["nodes"]} == {"PERSON"}
    assert answer["serviceAccounts"]["nodes"] == []
    id = by["id"]
    assert await single.code(aldo, "reactivateUser", userId=id) == "NOT_FOUND"
    assert await single.code(aldo, "changeRoles", userId=id, roles=["REVIEWER"]) == "NOT_FOUND"
    assert await single.code(aldo, "updateUser", userId=id, displayName="Bea") == "NOT_FOUND"
    assert await single.code(aldo, "createToken", userId=id, scopes=["CASES_READ"]) == "NOT_FOUND"
    request = {"caseId": str(case_id), "requestedStatus": "FAVORABLE", "reason": "x", "reviewerIds": [id]}
    refused = await single.api.act(world.ada.token, "requestOverride", request)
    assert [error["code"] for error in refused["errors"]] in (["INVALID_REVIEWER"], ["CASE_CLOSED"])
