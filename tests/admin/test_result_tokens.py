"""Tokens that may record results of checks: a service account's alone, and never one admin's doing alone."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.config.settings import Settings
from tests.support.account_logs import logged, verdict_on
from tests.support.administration import ACTION, CHANGE, TOKEN, Administration, second_admin
from tests.support.api import Api
from tests.support.evaluations import ITEM
from tests.support.world import World

SCOPES = ["CASES_READ", "SUBJECTS_WRITE"]


@pytest.fixture
async def office(world: World, api: Api) -> Administration:
    """Two admins."""
    return Administration(world, api, await second_admin(world))


async def service_account(office: Administration) -> str:
    made = await office.act(office.alma, "createServiceAccount", displayName="Checks", roles=[])
    service_id: str = made["user"]["id"]
    return service_id


async def approved(office: Administration, change_id: str, **more: Any) -> dict[str, Any]:
    shown = f"replayed {ACTION} {CHANGE} {TOKEN}"
    return await office.api.act(office.aldo.token, "approveChange", {"changeId": change_id, **more}, shown)


async def test_a_second_admin_approves_it_and_is_shown_the_secret_once(office: Administration) -> None:
    world, service_id = office.world, await service_account(office)

    requested = await office.act(office.alma, "createToken", userId=service_id, scopes=SCOPES, name="Checks")
    assert (requested["errors"], requested["token"], requested["secret"]) == ([], None, None)
    assert requested["change"]["details"] == [
        {"name": "name", "values": ["Checks"]},
        {"name": "scopes", "values": ["cases_read", "subjects_write"]},
        {"name": "userId", "values": [service_id]},
    ]
    own = await office.code(office.alma, "approveChange", changeId=requested["change"]["id"])
    payload = await approved(office, requested["change"]["id"], idempotencyKey="k")
    again = await approved(office, requested["change"]["id"], idempotencyKey="k")

    assert own == "SECOND_ADMIN_REQUIRED"
    assert (payload["errors"], payload["token"]["scopes"]) == ([], SCOPES)
    assert (payload["token"]["user"], payload["token"]["expiresAt"]) == ({"id": service_id}, None)
    assert (again["replayed"], again["token"]["id"], again["secret"]) == (True, payload["token"]["id"], None)
    recorded = await office.api.act(payload["secret"], "recordEvaluation", ITEM, "changed")
    assert (recorded["errors"], recorded["changed"]) == ([], True)
    rows = await logged(world.database, world.account_id)
    assert [(row[0], row[2]) for row in rows[-3:]] == [
        ("CREATE_TOKEN", "PENDING"),
        ("APPROVE_CHANGE", "GIVEN"),
        ("EVALUATION", "NOT_NEEDED"),
    ]
    assert (await verdict_on(world.database, world.account_id)).fault is None


async def test_an_expiry_is_kept_while_it_waits(office: Administration) -> None:
    until, service_id = "2099-12-01T00:00:00+00:00", await service_account(office)
    change_id = await office.waiting(office.alma, "createToken", userId=service_id, scopes=SCOPES, expiresAt=until)

    payload = await approved(office, change_id)

    assert payload["token"]["expiresAt"].startswith("2099-12-01T00:00:00")


async def test_the_only_admin_makes_it_at_once_and_the_log_says_so(world: World, api: Api) -> None:
    office = Administration(world, api, world.aldo)
    service_id = await service_account(office)

    made = await office.act(world.aldo, "createToken", userId=service_id, scopes=SCOPES)

    assert made["secret"] is not None
    assert (await logged(world.database, world.account_id))[-1][2] == "NONE_POSSIBLE"


async def test_no_person_gets_one(office: Administration) -> None:
    for person in (office.alma, office.world.ada):
        code = await office.code(office.alma, "createToken", userId=str(person.id), scopes=SCOPES)
        assert code in ("SERVICE_ACCOUNT_REQUIRED", "INVALID_INPUT")
    own = await office.code(office.alma, "createToken", userId=str(office.alma.id), scopes=SCOPES)
    assert own == "SERVICE_ACCOUNT_REQUIRED"


async def test_other_tokens_of_a_service_account_need_no_second_admin(office: Administration) -> None:
    service_id = await service_account(office)
    assert await office.code(office.alma, "createToken", userId=service_id, scopes=["CASES_READ"]) is None


async def test_a_service_account_that_was_deactivated_meanwhile_gets_none(office: Administration) -> None:
    service_id = await service_account(office)
    change_id = await office.waiting(office.alma, "createToken", userId=service_id, scopes=SCOPES)
    await office.act(office.alma, "deactivateUser", userId=service_id)

    assert (await approved(office, change_id))["errors"][0]["code"] == "INVALID_INPUT"


def test_tokens_of_an_identity_provider_never_have_it() -> None:
    assert "subjects_write" not in Settings().jwt_scopes
    with pytest.raises(ValidationError, match="subjects_write: for service accounts alone"):
        Settings.model_validate({"jwt_scopes": "cases_read subjects_write"})
