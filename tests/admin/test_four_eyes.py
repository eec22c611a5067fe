"""Every way by which one human might decide alone: each is refused, waits for another, or is in the log as what it is.

Mallory administers and has all roles that one person may be given; Aldo is the other admin.
"""

import asyncio

import pytest
from sqlalchemy import delete, update

from app.admin import accounts
from app.auth.identity import authenticate
from app.auth.links import link_subject
from app.db import tables
from app.domain.model import CaseStatus, Role, Scope
from tests.support.account_logs import logged, verdict_on
from tests.support.administration import Administration, second_admin
from tests.support.api import Api
from tests.support.identity_provider import IdentityProvider, opened
from tests.support.identity_provider import provider as provider  # a fixture
from tests.support.tampering import tamper
from tests.support.world import Person, World, make_person, person_of


@pytest.fixture
async def office(world: World, api: Api) -> Administration:
    """Aldo, and Mallory as the second admin, who contributes and reviews too."""
    return Administration(world, api, await second_admin(world, "Mallory", Role.CONTRIBUTOR, Role.REVIEWER))


async def own_override(office: Administration) -> str:
    """Have Mallory request an override, put to Rosa; return its case's id."""
    opened = await office.world.open_case(office.alma)
    await office.world.request_override(opened.case.id, office.alma)
    return str(opened.case.id)


async def accepting(office: Administration, token: str, case_id: str) -> str | None:
    """Return the code that accepting is refused with; None where it is done."""
    payload = await office.api.act(token, "acceptOverride", await office.world.decision(case_id))
    return payload["errors"][0]["code"] if payload["errors"] else None


async def test_two_tokens(office: Administration) -> None:
    mallory, case_id = office.alma, await own_override(office)
    made = await office.act(mallory, "createToken", userId=str(mallory.id), scopes=["CASES_READ", "CASES_WRITE"])
    assert await accepting(office, made["secret"], case_id) == "SELF_REVIEW_FORBIDDEN"


@pytest.mark.parametrize("spelled", ["MALLORY@{}.example", "mall\u200bory@{}.example", "\uff4dallory@{}.example"])
async def test_a_second_account_with_a_look_alike_address(office: Administration, spelled: str) -> None:
    address = spelled.format(office.world.account_id)
    assert await office.code(office.alma, "inviteUser", email=address, displayName="M", roles=[]) == "EMAIL_TAKEN"


@pytest.mark.parametrize("roles", [["REVIEWER"], ["ADMIN"], ["CONTRIBUTOR"], ["CONTRIBUTOR", "REVIEWER"]])
async def test_a_second_account_of_their_own_with_any_role_waits(office: Administration, roles: list[str]) -> None:
    mallory = office.alma
    invited = await office.code(mallory, "inviteUser", email="m2@acme.example", displayName="M2", roles=roles)
    bare = await office.act(mallory, "inviteUser", email="m3@acme.example", displayName="M3", roles=[])
    granted = await office.code(mallory, "changeRoles", userId=bare["user"]["id"], roles=roles)
    assert (invited, granted) == ("PENDING", "PENDING")


async def test_a_token_for_another_person(office: Administration) -> None:
    rosa = str(office.world.rosa.id)
    assert await office.code(office.alma, "createToken", userId=rosa, scopes=["CASES_WRITE"]) == "INVALID_INPUT"


async def test_another_persons_address_and_their_return_wait(office: Administration) -> None:
    world, mallory = office.world, office.alma
    await accounts.revoke_user(world.database, world.rolf.id)
    address = await office.code(mallory, "updateUser", userId=str(world.rosa.id), email="m2@acme.example")
    back = await office.code(mallory, "reactivateUser", userId=str(world.rolf.id))
    assert (address, back) == ("PENDING", "PENDING")


async def test_a_service_account_requests_decides_and_administers_nothing(office: Administration) -> None:
    world, mallory = office.world, office.alma
    service = await office.act(mallory, "createServiceAccount", displayName="Bot", roles=["CONTRIBUTOR"])
    service_id = service["user"]["id"]
    made = await office.act(mallory, "createToken", userId=service_id, scopes=["CASES_READ", "CASES_WRITE"])
    token, case_id = made["secret"], str((await world.open_case()).case.id)
    request = {"caseId": case_id, "requestedStatus": "FAVORABLE", "reviewerIds": [str(mallory.id)], "reason": "x"}

    commented = await office.api.act(token, "addComment", {"caseId": case_id, "body": "x"})
    requested = await office.api.act(token, "requestOverride", request)
    theirs = await world.case_in(CaseStatus.PENDING_REVIEW)
    reviewed = await office.api.act(world.ada.token, "requestOverride", {**request, "reviewerIds": [service_id]})
    granted = [
        await office.code(mallory, "changeRoles", userId=service_id, roles=[role]) for role in ("REVIEWER", "ADMIN")
    ]
    scope = await office.code(mallory, "createToken", userId=service_id, scopes=["ADMIN_WRITE"])

    assert commented["errors"] == []
    assert [error["code"] for error in requested["errors"]] == ["PERSON_REQUIRED"]
    assert await accepting(office, token, str(theirs.case.id)) == "PERSON_REQUIRED"
    assert [error["code"] for error in reviewed["errors"]] == ["INVALID_REVIEWER"]
    assert granted == ["PERSON_REQUIRED"] * 2
    assert scope == "INSUFFICIENT_SCOPE"
    query = f'{{ case(id: "{case_id}") {{ eligibleReviewers {{ nodes {{ id }} }} }} }}'
    shown = await office.api.run(world.ada.token, query)
    assert service_id not in {node["id"] for node in shown["case"]["eligibleReviewers"]["nodes"]}


async def test_their_own_change_through_a_second_token(office: Administration) -> None:
    mallory = office.alma
    change_id = await office.waiting(mallory, "changeRoles", userId=str(office.world.ada.id), roles=["REVIEWER"])
    made = await office.act(mallory, "createToken", userId=str(mallory.id), scopes=["ADMIN_WRITE"])
    assert await office.code(made["secret"], "approveChange", changeId=change_id) == "SECOND_ADMIN_REQUIRED"


async def test_being_alone_first(office: Administration) -> None:
    mallory, aldo = office.alma, str(office.aldo.id)
    ended = await office.waiting(mallory, "deactivateUser", userId=aldo)
    demoted = await office.code(mallory, "changeRoles", userId=aldo, roles=[])
    revoked = await office.code(mallory, "revokeToken", tokenId=str(office.aldo.actor.token_id))
    granted = await office.code(mallory, "changeRoles", userId=str(office.world.ada.id), roles=["REVIEWER"])

    assert demoted == "PENDING"
    assert revoked is None  # an admin whose token is in wrong hands is stopped at once, and is an admin still
    assert granted == "PENDING"
    assert await office.code(mallory, "approveChange", changeId=ended) == "SECOND_ADMIN_REQUIRED"


async def test_the_admin_who_is_to_go_may_agree(office: Administration) -> None:
    change_id = await office.waiting(office.alma, "deactivateUser", userId=str(office.aldo.id))
    assert await office.code(office.aldo, "approveChange", changeId=change_id) is None
    shown = (await office.api.send(office.aldo.token, "{ viewer { scopes } }")).json()
    assert shown["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


POLICIES = {
    "casesEnabled": False,
    "overridesEnabled": False,
    "restrictToAssignedReviewers": True,
    "requireReviewedVersion": False,
    "retentionDays": 1,
    "overrideExpiryHours": 48,
    "dueHours": [{"evaluationStatus": "ANOMALY", "hours": 24}],
    "reminderHours": 24,
    "escalationHours": 48,
    "checklist": [{"key": "CALL_BACK", "labelEn": "Call back", "labelFr": "Rappel", "requiredToAccept": True}],
}


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_policy(office: Administration, policy: str) -> None:
    assert await office.code(office.alma, "updateAccount", **{policy: POLICIES[policy]}) == "PENDING"


async def test_the_command_line_is_in_the_log(office: Administration) -> None:
    world = office.world
    case_id = await own_override(office)
    second = await accounts.create_user(
        world.database, world.account_id, email="m2@acme.example", name="M2", roles=[Role.REVIEWER]
    )
    person = await person_of(world.database, second.id, *Scope)

    assert await accepting(office, person.token, case_id) == "REVIEWER_TOO_RECENT"
    rows = (await logged(world.database, world.account_id))[-2:]
    assert [row[:3] for row in rows] == [("INVITE_USER", "CLI", "BYPASSED"), ("CREATE_TOKEN", "CLI", "BYPASSED")]


async def test_a_token_of_the_provider_with_other_roles_or_another_subject(
    office: Administration, fresh_url: str, provider: IdentityProvider
) -> None:
    world, case_id = office.world, await own_override(office)
    await link_subject(world.database, world.ada.id, "https://second.example", "mallory")
    async with opened(fresh_url, world, provider, jwt_roles_claim="roles") as api:
        token = provider.token(sub="m2", email="m2@acme.example", roles=["REVIEWER"])
        payload = await api.act(token, "acceptOverride", await world.decision(case_id))

    assert [error["code"] for error in payload["errors"]] == ["REVIEWER_TOO_RECENT"]
    rows = (await logged(world.database, world.account_id))[-3:]
    assert [row[:3] for row in rows] == [
        ("LINK_IDENTITY", "CLI", "BYPASSED"),
        ("LINK_IDENTITY", "IDENTITY_PROVIDER", "NOT_NEEDED"),
        ("CHANGE_ROLES", "IDENTITY_PROVIDER", "BYPASSED"),
    ]


async def test_a_restored_backup_is_found_where_the_account_counts_more(office: Administration) -> None:
    world, log = office.world, tables.account_actions
    size = len(await logged(world.database, world.account_id))
    last = (log.c.account_id == world.account_id) & (log.c.seq == size)
    await tamper(world.database, delete(log).where(last))

    fault = (await verdict_on(world.database, world.account_id)).fault
    assert fault is not None
    assert fault.kind == "truncated"


async def test_a_right_that_was_given_by_hand_is_recent(office: Administration) -> None:
    world, case_id = office.world, await own_override(office)
    ada = await given_review_by_hand(world)
    assert await accepting(office, ada.token, case_id) == "REVIEWER_TOO_RECENT"


async def given_review_by_hand(world: World) -> Person:
    """Change a role in the database as somebody who owns it could, and return who has it."""
    held = tables.user_roles
    async with world.database.write() as connection:
        await connection.execute(update(held).where(held.c.user_id == world.ada.id).values(role=Role.REVIEWER))
    return Person(await authenticate(world.database, world.ada.token), world.ada.token)


async def test_two_admins_who_demote_each_other_at_once(office: Administration) -> None:
    aldo, mallory = office.aldo, office.alma
    changes = [
        await office.waiting(mallory, "changeRoles", userId=str(aldo.id), roles=[]),
        await office.waiting(aldo, "changeRoles", userId=str(mallory.id), roles=[]),
    ]

    codes = await asyncio.gather(
        office.code(aldo, "approveChange", changeId=changes[0]),
        office.code(mallory, "approveChange", changeId=changes[1]),
    )

    assert codes.count(None) == 1
    assert {code for code in codes if code} <= {"ROLE_REQUIRED", "CHANGE_NOT_PENDING"}
    assert await admins_of(office) == 1


async def test_two_admins_who_resign_at_once(office: Administration) -> None:
    codes = await asyncio.gather(
        *(office.code(who, "changeRoles", userId=str(who.id), roles=[]) for who in (office.aldo, office.alma))
    )

    assert sorted(map(str, codes)) == ["LAST_ADMIN", "None"]
    assert await admins_of(office) == 1


async def test_the_last_admin_stays(office: Administration) -> None:
    assert await office.code(office.alma, "changeRoles", userId=str(office.alma.id), roles=["CONTRIBUTOR"]) is None
    aldo = str(office.aldo.id)
    assert await office.code(office.aldo, "changeRoles", userId=aldo, roles=["CONTRIBUTOR"]) == "OWN_ACCOUNT"
    assert await office.code(office.aldo, "changeRoles", userId=aldo, roles=[]) == "LAST_ADMIN"
    assert await office.code(office.aldo, "deactivateUser", userId=aldo) == "OWN_ACCOUNT"


async def admins_of(office: Administration) -> int:
    """Return how many active admins the account has."""
    query = "{ users(role: ADMIN, active: true) { totalCount } }"
    count: int = (await office.api.run(office.world.ada.token, query))["users"]["totalCount"]
    return count


async def test_two_who_approve_one_change_at_once_do_it_once(office: Administration) -> None:
    anna = await make_person(office.world.database, office.world.account_id, "Anna", Role.ADMIN)
    change_id = await office.waiting(office.aldo, "changeRoles", userId=str(office.world.ada.id), roles=["REVIEWER"])

    codes = await asyncio.gather(
        *(office.code(who, "approveChange", changeId=change_id) for who in (office.alma, anna))
    )

    assert sorted(map(str, codes)) == ["CHANGE_NOT_PENDING", "None"]
