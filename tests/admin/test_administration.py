"""Administration over the API: each mutation, its rows in the account's log, and what it refuses."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from app import clock
from app.admin import accounts
from app.domain.model import Role, Scope
from tests.support.account_logs import log_size, logged, verdict_on
from tests.support.administration import Administration, second_admin
from tests.support.api import Api
from tests.support.database_contents import contents, differences
from tests.support.world import World, make_person, make_world, person_of


@pytest.fixture
async def office(world: World, api: Api) -> Administration:
    """The world with a second admin, Alma."""
    return Administration(world, api, await second_admin(world))


@pytest.fixture
async def single(world: World, api: Api) -> Administration:
    """The world with one admin, Aldo; Alma is a contributor."""
    return Administration(world, api, await make_person(world.database, world.account_id, "Alma", Role.CONTRIBUTOR))


def details(payload: dict[str, Any]) -> dict[str, list[str]]:
    return {item["name"]: item["values"] for item in payload["action"]["details"]}


async def test_each_mutation_does_what_it_says_and_writes_one_row(single: Administration) -> None:
    world, aldo = single.world, single.aldo
    start = await log_size(world.database, world.account_id)

    invited = await single.act(
        aldo, "inviteUser", email=" ZOE@acme.example", displayName="Zoé", roles=["CONTRIBUTOR"], language="FR"
    )
    user_id = invited["user"]["id"]
    updated = await single.act(aldo, "updateUser", userId=user_id, displayName="Zoé L.", email="zoe.l@acme.example")
    changed = await single.act(aldo, "changeRoles", userId=user_id, roles=["REVIEWER"])
    ended = await single.act(aldo, "deactivateUser", userId=user_id)
    back = await single.act(aldo, "reactivateUser", userId=user_id)
    service = await single.act(aldo, "createServiceAccount", displayName="Check system", roles=["CONTRIBUTOR"])
    made = await single.act(aldo, "createToken", userId=service["user"]["id"], scopes=["CASES_WRITE"], name="bot")
    revoked = await single.act(aldo, "revokeToken", tokenId=made["token"]["id"])
    account = await single.act(aldo, "updateAccount", name="Acme", restrictToAssignedReviewers=True)

    payloads = [invited, updated, changed, ended, back, service, made, revoked, account]
    assert [payload["errors"] for payload in payloads] == [[]] * 9
    assert invited["user"] == {
        "id": user_id,
        "displayName": "Zoé",
        "email": "zoe@acme.example",
        "roles": ["CONTRIBUTOR"],
        "active": True,
        "kind": "PERSON",
    }
    assert updated["user"]["email"] == "zoe.l@acme.example"
    assert changed["user"]["roles"] == ["REVIEWER"]
    assert [payload["user"]["active"] for payload in (ended, back)] == [False, True]
    assert service["user"]["kind"] == "SERVICE"
    assert made["secret"].startswith("cgt_")
    assert [(row[0], row[2]) for row in await logged(world.database, world.account_id, start)] == [
        ("INVITE_USER", "NOT_NEEDED"),
        ("UPDATE_USER", "NONE_POSSIBLE"),
        ("CHANGE_ROLES", "NONE_POSSIBLE"),
        ("DEACTIVATE_USER", "NOT_NEEDED"),
        ("REACTIVATE_USER", "NONE_POSSIBLE"),
        ("CREATE_SERVICE_ACCOUNT", "NOT_NEEDED"),
        ("CREATE_TOKEN", "NOT_NEEDED"),
        ("REVOKE_TOKEN", "NOT_NEEDED"),
        ("UPDATE_ACCOUNT", "NONE_POSSIBLE"),
    ]
    assert details(changed) == {"added": ["REVIEWER"], "removed": ["CONTRIBUTOR"]}
    assert changed["action"]["user"]["id"] == str(aldo.id)
    assert changed["action"]["roles"] == ["ADMIN"]
    assert (await verdict_on(world.database, world.account_id)).fault is None


SENSITIVE: dict[str, dict[str, Any]] = {
    "inviteUser": {"email": "new@acme.example", "displayName": "New", "roles": ["REVIEWER"]},
    "changeRoles": {"roles": ["CONTRIBUTOR", "ADMIN"]},
    "updateUser": {"email": "other@acme.example"},
    "updateAccount": {"overridesEnabled": False},
}


@pytest.mark.parametrize("mutation", sorted(SENSITIVE))
async def test_what_is_sensitive_waits_and_is_done_once_the_other_admin_approves(
    office: Administration, mutation: str
) -> None:
    database = office.world.database
    input = dict(SENSITIVE[mutation])
    if mutation in ("changeRoles", "updateUser"):
        input["userId"] = str(office.world.ada.id)
    before = await contents(database)

    change_id = await office.waiting(office.aldo, mutation, **input)
    meanwhile = differences(before, await contents(database))
    own = await office.code(office.aldo, "approveChange", changeId=change_id)
    again = await office.code(office.aldo, mutation, **input)
    approved = await office.act(office.alma, "approveChange", changeId=change_id)
    late = [await office.code(office.alma, name, changeId=change_id) for name in ("approveChange", "refuseChange")]

    assert meanwhile == {"+1 account_actions", "+1 account_changes", "accounts: admin_action_count admin_head_hash"}
    assert (own, again) == ("SECOND_ADMIN_REQUIRED", "CHANGE_ALREADY_PENDING")
    assert approved["errors"] == []
    assert approved["change"]["status"] == "APPROVED"
    assert approved["change"]["details"] == []  # what it asked for is done, and may have named somebody
    assert approved["action"]["approval"] == "GIVEN"
    assert late == ["CHANGE_NOT_PENDING"] * 2
    if mutation == "changeRoles":
        assert approved["user"]["roles"] == ["ADMIN", "CONTRIBUTOR"]
    if mutation == "updateUser":
        assert approved["user"]["email"] == "other@acme.example"
    if mutation == "inviteUser":
        assert approved["user"]["email"] == "new@acme.example"
    assert (await verdict_on(database, office.world.account_id)).fault is None


@pytest.mark.parametrize("mutation", ["refuseChange", "cancelChange"])
async def test_a_change_that_is_refused_or_taken_back_is_not_done(office: Administration, mutation: str) -> None:
    change_id = await office.waiting(office.aldo, "changeRoles", userId=str(office.world.ada.id), roles=["REVIEWER"])
    who = office.alma if mutation == "refuseChange" else office.aldo

    decided = await office.act(who, mutation, changeId=change_id)
    approved = await office.code(office.alma, "approveChange", changeId=change_id)

    assert decided["change"]["status"] == ("REFUSED" if mutation == "refuseChange" else "CANCELLED")
    assert approved == "CHANGE_NOT_PENDING"
    assert (
        await office.code(office.aldo, "changeRoles", userId=str(office.world.ada.id), roles=["REVIEWER"]) == "PENDING"
    )


async def test_the_requester_does_not_refuse_and_the_favoured_does_not_approve(office: Administration) -> None:
    alma = str(office.alma.id)
    change_id = await office.waiting(office.aldo, "changeRoles", userId=alma, roles=["ADMIN", "REVIEWER"])

    assert await office.code(office.alma, "approveChange", changeId=change_id) == "SECOND_ADMIN_REQUIRED"
    assert await office.code(office.aldo, "refuseChange", changeId=change_id) == "SECOND_ADMIN_REQUIRED"
    assert await office.code(office.alma, "refuseChange", changeId=change_id) is None


async def test_a_change_goes_out_of_date_with_its_target_or_its_requester(office: Administration) -> None:
    world, ada = office.world, str(office.world.ada.id)
    anna = await second_admin(world, "Anna")
    about = await office.waiting(office.aldo, "changeRoles", userId=ada, roles=["REVIEWER"])
    requested = await office.waiting(office.aldo, "updateUser", userId=str(world.carl.id), email="c2@acme.example")

    ended = await office.act(office.alma, "deactivateUser", userId=ada)
    assert details(ended)["staleChanges"] == [about]
    resigned = await office.act(office.aldo, "changeRoles", userId=str(office.aldo.id), roles=[])
    assert details(resigned)["staleChanges"] == [requested]

    for change_id in (about, requested):
        payload = await office.act(anna, "approveChange", changeId=change_id)
        assert [error["code"] for error in payload["errors"]] == ["CHANGE_NOT_PENDING"]
        assert "out of date" in payload["errors"][0]["message"]


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "a role for oneself": ("changeRoles", {"userId": "aldo", "roles": ["ADMIN", "REVIEWER"]}, "OWN_ACCOUNT"),
    "oneself": ("deactivateUser", {"userId": "aldo"}, "OWN_ACCOUNT"),
    "nobody": ("deactivateUser", {"userId": str(uuid4())}, "NOT_FOUND"),
    "no id": ("deactivateUser", {"userId": "x"}, "INVALID_ID"),
    "the same roles": ("changeRoles", {"userId": "ada", "roles": ["CONTRIBUTOR"]}, "INVALID_INPUT"),
    "a role twice": ("changeRoles", {"userId": "ada", "roles": ["ADMIN", "ADMIN"]}, "INVALID_INPUT"),
    "who is active": ("reactivateUser", {"userId": "ada"}, "INVALID_INPUT"),
    "another person's token": ("createToken", {"userId": "ada", "scopes": ["CASES_READ"]}, "INVALID_INPUT"),
    "no scope": ("createToken", {"userId": "aldo", "scopes": []}, "REQUIRED"),
    "a past expiry": (
        "createToken",
        {"userId": "aldo", "scopes": ["CASES_READ"], "expiresAt": "2020-01-01T00:00:00Z"},
        "INVALID_INPUT",
    ),
    "no offset": (
        "createToken",
        {"userId": "aldo", "scopes": ["CASES_READ"], "expiresAt": "2120-01-01T00:00:00"},
        "INVALID_INPUT",
    ),
    "no token": ("revokeToken", {"tokenId": str(uuid4())}, "NOT_FOUND"),
    "no change": ("approveChange", {"changeId": str(uuid4())}, "NOT_FOUND"),
    "no address": ("inviteUser", {"email": "nobody", "displayName": "x", "roles": []}, "INVALID_INPUT"),
    "blank": ("inviteUser", {"email": " ", "displayName": " ", "roles": []}, "REQUIRED, REQUIRED"),
    "nothing given": ("updateUser", {"userId": "ada"}, "INVALID_INPUT"),
    "the person as they are": ("updateUser", {"userId": "ada", "displayName": "Ada"}, "INVALID_INPUT"),
    "nothing of the account": ("updateAccount", {}, "INVALID_INPUT"),
    "the account as it is": ("updateAccount", {"casesEnabled": True}, "INVALID_INPUT"),
    "a reviewing service": ("createServiceAccount", {"displayName": "Bot", "roles": ["REVIEWER"]}, "PERSON_REQUIRED"),
    "an administering service": ("createServiceAccount", {"displayName": "Bot", "roles": ["ADMIN"]}, "PERSON_REQUIRED"),
    "a bad key": ("updateAccount", {"name": "x", "idempotencyKey": "ä"}, "INVALID_INPUT"),
}


@pytest.mark.parametrize("what", sorted(REFUSED))
async def test_what_is_refused_writes_nothing(office: Administration, what: str) -> None:
    mutation, input, code = REFUSED[what]
    named = {"aldo": office.aldo, "ada": office.world.ada}
    if input.get("userId") in named:
        input = {**input, "userId": str(named[input["userId"]].id)}
    before = await contents(office.world.database)

    reported = await office.code(office.aldo, mutation, **input)

    assert reported == code
    assert await contents(office.world.database) == before


async def test_the_row_of_a_person_names_what_is_another_than_before(office: Administration) -> None:
    ada = office.world.ada.id
    input = {"userId": str(ada), "displayName": "Ada O.", "email": f"ADA@{office.world.account_id}.example"}

    payload = await office.act(office.aldo, "updateUser", **input)

    assert details(payload) == {"fields": ["displayName"]}
    assert await office.code(office.aldo, "updateUser", **input) == "INVALID_INPUT"


@pytest.mark.parametrize(
    "written", ["ADA@{}.example", "\uff41da@{}.example", "ada\u200b@{}.EXAMPLE", " ada@{}\u3002example "]
)
async def test_an_address_is_taken_in_whatever_spelling(office: Administration, written: str) -> None:
    address = written.format(office.world.account_id)
    carl = str(office.world.carl.id)

    assert await office.code(office.aldo, "inviteUser", email=address, displayName="x", roles=[]) == "EMAIL_TAKEN"
    assert await office.code(office.aldo, "updateUser", userId=carl, email=address) == "EMAIL_TAKEN"


async def test_an_address_that_was_taken_while_the_change_waited_is_refused_at_approval(office: Administration) -> None:
    carl = str(office.world.carl.id)
    change_id = await office.waiting(office.aldo, "updateUser", userId=carl, email="free@acme.example")
    assert await office.code(office.alma, "inviteUser", email="FREE@acme.example", displayName="F", roles=[]) is None

    assert await office.code(office.alma, "approveChange", changeId=change_id) == "EMAIL_TAKEN"
    assert await office.code(office.aldo, "cancelChange", changeId=change_id) is None


@pytest.mark.parametrize("who", ["ada", "rosa", "bea"])
async def test_only_admins_administer(office: Administration, who: str) -> None:
    person = getattr(office.world, who)
    before = await contents(office.world.database)
    codes = [
        await office.code(person, "inviteUser", email="x@acme.example", displayName="x", roles=[]),
        await office.code(person, "updateAccount", name="x"),
        await office.code(person, "deactivateUser", userId=str(office.aldo.id)),
        await office.code(person, "createServiceAccount", displayName="x", roles=[]),
        await office.code(person, "revokeToken", tokenId=str(office.aldo.actor.token_id)),
    ]
    assert codes == ["ROLE_REQUIRED"] * 5
    assert await contents(office.world.database) == before


async def test_a_token_needs_the_scope_and_makes_none_that_may_more_or_lives_longer(office: Administration) -> None:
    world = office.world
    weak = await person_of(world.database, office.aldo.id, Scope.ADMIN_READ)
    soon = clock.now() + timedelta(days=1)
    short = await accounts.create_token(
        world.database, world.ada.id, [Scope.ADMIN_WRITE, Scope.CASES_READ], expires_at=soon
    )
    ada = str(world.ada.id)

    async def made(**more: Any) -> str | None:
        return await office.code(short.secret, "createToken", userId=ada, **more)

    assert await office.code(weak, "updateAccount", name="x") == "INSUFFICIENT_SCOPE"
    assert await made(scopes=["CASES_WRITE"], expiresAt=soon.isoformat()) == "INSUFFICIENT_SCOPE"
    assert await made(scopes=["CASES_READ"]) == "INVALID_INPUT"
    assert await made(scopes=["CASES_READ"], expiresAt=(soon + timedelta(seconds=1)).isoformat()) == "INVALID_INPUT"
    assert await made(scopes=["CASES_READ"], expiresAt=soon.isoformat()) is None


async def test_anybody_makes_and_revokes_their_own_tokens(office: Administration) -> None:
    ada = office.world.ada
    made = await office.act(ada, "createToken", userId=str(ada.id), scopes=["CASES_READ"], name="laptop")
    viewer = "{ viewer { user { id } scopes tokens { nodes { id name revokedAt } totalCount } } }"

    shown = await office.api.run(made["secret"], "{ viewer { user { id } scopes } }")
    revoked = await office.code(ada, "revokeToken", tokenId=made["token"]["id"])
    twice = await office.code(ada, "revokeToken", tokenId=made["token"]["id"])
    after = (await office.api.send(made["secret"], "{ viewer { scopes } }")).json()
    own = (await office.api.run(ada.token, viewer))["viewer"]["tokens"]

    assert shown["viewer"] == {"user": {"id": str(ada.id)}, "scopes": ["CASES_READ"]}
    assert (revoked, twice) == (None, "INVALID_INPUT")
    assert after["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert own["totalCount"] == 2
    assert own["nodes"][0]["name"] == "laptop"
    assert own["nodes"][0]["revokedAt"] is not None


async def test_a_key_does_it_once_and_brings_it_back_without_the_secret(office: Administration) -> None:
    ada = office.world.ada
    input = {"userId": str(ada.id), "scopes": ["CASES_READ"], "idempotencyKey": "k1"}

    first = await office.act(ada, "createToken", **input)
    again = await office.act(ada, "createToken", **input)
    other = await office.code(ada, "createToken", **{**input, "scopes": ["CASES_WRITE"]})
    opened = await office.api.act(
        ada.token,
        "openCase",
        {
            "subject": {"type": "COMPANY_ACCOUNT_CHECK", "externalRef": "r", "label": "l"},
            "title": "t",
            "idempotencyKey": "k1",
        },
    )

    assert (again["replayed"], again["secret"]) == (True, None)
    assert again["token"]["id"] == first["token"]["id"]
    assert again["action"]["seq"] == first["action"]["seq"]
    assert other == "IDEMPOTENCY_KEY_REUSED"
    assert [error["code"] for error in opened["errors"]] == ["IDEMPOTENCY_KEY_REUSED"]


async def test_a_key_that_waits_for_its_twin_does_it_once(office: Administration) -> None:
    input = {"email": "twin@acme.example", "displayName": "Twin", "roles": [], "idempotencyKey": "twin"}
    start = await log_size(office.world.database, office.world.account_id)

    payloads = await asyncio.gather(*(office.act(office.aldo, "inviteUser", **input) for _ in range(4)))

    assert len({payload["user"]["id"] for payload in payloads}) == 1
    assert sorted(payload["replayed"] for payload in payloads) == [False, True, True, True]
    assert await log_size(office.world.database, office.world.account_id) == start + 1


async def test_a_dry_run_says_what_would_be_and_does_nothing(office: Administration) -> None:
    before = await contents(office.world.database)
    ada = str(office.world.ada.id)

    waits = await office.act(office.aldo, "changeRoles", userId=ada, roles=["REVIEWER"], dryRun=True)
    done = await office.act(office.aldo, "inviteUser", email="d@acme.example", displayName="D", roles=[], dryRun=True)
    token = await office.act(office.aldo, "createToken", userId=str(office.aldo.id), scopes=["CASES_READ"], dryRun=True)
    refused = await office.code(office.aldo, "deactivateUser", userId=str(office.aldo.id), dryRun=True)

    assert waits["supposed"]["approval"] == "PENDING"
    assert done["supposed"] == {
        "type": "INVITE_USER",
        "approval": "NOT_NEEDED",
        "details": [{"name": "roles", "values": []}],
    }
    assert [payload["action"] for payload in (waits, done, token)] == [None] * 3
    assert (token["secret"], token["token"], waits["change"], done["user"]) == (None, None, None, None)
    assert refused == "OWN_ACCOUNT"
    assert await contents(office.world.database) == before


async def test_the_lists_show_admins_what_was_done_and_what_waits(office: Administration) -> None:
    world = office.world
    change_id = await office.waiting(office.aldo, "updateUser", userId=str(world.ada.id), email="a2@acme.example")
    service = await office.act(office.aldo, "createServiceAccount", displayName="Bot", roles=["CONTRIBUTOR"])
    document = """{
        adminLog(first: 2) { nodes { type approval user { displayName } targetUser { displayName } } totalCount
            pageInfo { hasNextPage endCursor } }
        pendingChanges { nodes { id requestedBy { displayName } details { name values } } totalCount }
        tokens(first: 1) { nodes { prefix user { displayName } } totalCount }
        serviceAccounts { nodes { id kind } totalCount }
        users(search: "bot") { totalCount } }"""

    shown = await office.api.run(office.alma.token, document)
    cursor = shown["adminLog"]["pageInfo"]["endCursor"]
    next_page = await office.api.run(office.alma.token, f'{{ adminLog(after: "{cursor}") {{ nodes {{ seq }} }} }}')

    assert [(row["type"], row["approval"]) for row in shown["adminLog"]["nodes"]] == [
        ("CREATE_SERVICE_ACCOUNT", "NOT_NEEDED"),
        ("UPDATE_USER", "PENDING"),
    ]
    size = await log_size(world.database, world.account_id)
    assert shown["adminLog"]["totalCount"] == size
    assert next_page["adminLog"]["nodes"][0]["seq"] == size - 2
    (waiting,) = shown["pendingChanges"]["nodes"]
    assert waiting["id"] == change_id
    assert waiting["details"] == [
        {"name": "email", "values": ["a2@acme.example"]},
        {"name": "userId", "values": [str(world.ada.id)]},
    ]
    assert shown["tokens"]["totalCount"] == 7
    assert shown["serviceAccounts"]["nodes"] == [{"id": service["user"]["id"], "kind": "SERVICE"}]
    assert shown["users"]["totalCount"] == 0


@pytest.mark.parametrize("field", ["adminLog", "pendingChanges", "tokens", "serviceAccounts"])
async def test_the_lists_are_for_admins_with_the_scope_and_for_their_account(
    office: Administration, field: str
) -> None:
    document = f"{{ {field} {{ nodes {{ id }} }} }}"
    scopeless = await person_of(office.world.database, office.aldo.id, *(set(Scope) - {Scope.ADMIN_READ}))
    elsewhere = await make_world(office.world.database)
    await office.act(office.aldo, "createServiceAccount", displayName="Bot", roles=[])
    await office.waiting(office.aldo, "updateUser", userId=str(office.world.ada.id), email="a2@acme.example")

    codes = [
        (await office.api.send(token, document)).json()["errors"][0]["extensions"]["code"]
        for token in (scopeless.token, office.world.ada.token)
    ]
    here, there = [
        {node["id"] for node in (await office.api.run(token, document))[field]["nodes"]}
        for token in (office.alma.token, elsewhere.aldo.token)
    ]

    assert codes == ["INSUFFICIENT_SCOPE", "ROLE_REQUIRED"]
    assert here
    assert not here & there
