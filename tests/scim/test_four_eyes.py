"""Pushes obey the second admin: what gives somebody a say waits, and nobody is two people by a provider's token."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import update

from app.admin import accounts
from app.db import tables
from app.domain.model import Role, Scope
from tests.support.account_logs import logged, verdict_on
from tests.support.administration import Administration, second_admin
from tests.support.scim import (
    REVIEWERS,
    WORKERS,
    Provider,
    joined,
    new_user,
    operation,
    provider_of,
    refusal,
    roles_of,
    waiting,
)
from tests.support.world import World, make_person, person_of


async def test_a_reviewer_from_a_group_waits_and_is_no_member_yet(office: Administration, provider: Provider) -> None:
    world, ada = office.world, str(office.world.ada.id)
    group = await provider.group(REVIEWERS)
    path = f"/Groups/{group['id']}"

    pushed = await provider.patched(path, joined(world.ada))
    again = await provider.patched(path, joined(world.ada))

    assert ada not in {member["value"] for member in pushed["members"]}
    assert again == pushed
    assert (await provider.done("GET", f"/Users/{ada}"))["groups"] == []
    ((change_id, type),) = await waiting(office)
    assert type == "CHANGE_ROLES"
    assert await office.code(office.aldo, "approveChange", changeId=change_id) == "SECOND_ADMIN_REQUIRED"
    assert await office.code(office.alma, "approveChange", changeId=change_id) is None
    assert await roles_of(world.database, ada) == {"CONTRIBUTOR", "REVIEWER"}
    rows = (await logged(world.database, world.account_id))[-2:]
    assert [row[:3] for row in rows] == [
        ("CHANGE_ROLES", "SCIM", "PENDING"),
        ("APPROVE_CHANGE", "API", "GIVEN"),
    ]
    assert ada in {member["value"] for member in (await provider.done("GET", path))["members"]}
    assert (await verdict_on(world.database, world.account_id)).fault is None


async def test_where_one_admin_is_it_happens_at_once_and_the_log_says_so(world: World, provider: Provider) -> None:
    group = await provider.group(REVIEWERS)
    await provider.patched(f"/Groups/{group['id']}", joined(world.ada))
    assert "REVIEWER" in await roles_of(world.database, world.ada.id)
    assert (await logged(world.database, world.account_id))[-1][:3] == ("CHANGE_ROLES", "SCIM", "NONE_POSSIBLE")


async def test_what_waits_outlasts_the_next_push(office: Administration, provider: Provider) -> None:
    world = office.world
    zoe = await provider.add("zoe@acme.example")
    reviewers, workers = await provider.group(REVIEWERS), await provider.group(WORKERS)
    member = operation("add", "members", [{"value": zoe["id"]}])

    await provider.patched(f"/Groups/{reviewers['id']}", member)
    await provider.patched(f"/Groups/{workers['id']}", member)
    assert await roles_of(world.database, zoe["id"]) == {"CONTRIBUTOR"}
    ((change_id, _),) = await waiting(office)
    assert await office.code(office.alma, "approveChange", changeId=change_id) is None
    assert await roles_of(world.database, zoe["id"]) == {"CONTRIBUTOR", "REVIEWER"}


async def test_what_is_not_wanted_any_more_is_taken_back(office: Administration, provider: Provider) -> None:
    world = office.world
    path = f"/Groups/{(await provider.group(REVIEWERS))['id']}"
    await provider.patched(path, joined(world.ada))
    await provider.patched(path, operation("Remove", f'members[value eq "{world.ada.id}"]'))
    assert await waiting(office) == []
    assert (await logged(world.database, world.account_id))[-1][:2] == ("CANCEL_CHANGE", "SCIM")


async def test_another_address_waits_in_each_spelling(office: Administration, provider: Provider) -> None:
    world = office.world
    path, before = f"/Users/{world.rosa.id}", f"rosa@{world.account_id}.example"
    for address, change in enumerate(
        (
            operation("replace", "userName", "m0@acme.example"),
            operation("Replace", 'emails[type eq "work"].value', "m1@acme.example"),
            operation("replace", "emails", [{"value": "m2@acme.example", "type": "work", "primary": True}]),
            operation("Add", None, {"userName": "m3@acme.example", "emails": [{"value": "m3@acme.example"}]}),
        )
    ):
        pushed = await provider.patched(path, change)
        assert (pushed["userName"], pushed["emails"][0]["value"]) == (before, before), address
        assert len(await waiting(office)) == 1
    put = await provider.done("PUT", path, new_user("m3@acme.example", emails=[{"value": "m3@acme.example"}]))
    ((change_id, _),) = await waiting(office)

    assert put["userName"] == before
    assert await office.code(office.aldo, "approveChange", changeId=change_id) == "SECOND_ADMIN_REQUIRED"
    assert await office.code(office.alma, "approveChange", changeId=change_id) is None
    assert (await provider.done("GET", path))["userName"] == "m3@acme.example"


async def test_who_made_the_token_gives_no_one_a_say_alone(world: World, fresh_url: str, provider: Provider) -> None:
    """Mallory administers and takes part in cases, has the token, and adds an account of their own."""
    mallory = await second_admin(world, "Mallory", Role.CONTRIBUTOR, Role.REVIEWER)
    office = Administration(world, provider.api, mallory)
    own = await provider_of(provider.api, mallory)
    second = await own.add("m2@acme.example")
    workers = await own.group(WORKERS)

    pushed = await own.patched(f"/Groups/{workers['id']}", operation("add", "members", [{"value": second["id"]}]))
    ((change_id, _),) = await waiting(office)

    assert second["id"] not in {member["value"] for member in pushed["members"]}
    assert await office.code(mallory, "approveChange", changeId=change_id) == "SECOND_ADMIN_REQUIRED"
    assert await office.code(office.aldo, "approveChange", changeId=change_id) is None


async def test_who_made_the_token_and_is_no_admin_any_more_gives_no_one_a_say(world: World, provider: Provider) -> None:
    mallory = await second_admin(world, "Mallory", Role.CONTRIBUTOR)
    office = Administration(world, provider.api, mallory)
    own = await provider_of(provider.api, mallory)
    demotion = await office.waiting(office.aldo, "changeRoles", userId=str(mallory.id), roles=["CONTRIBUTOR"])
    assert await office.code(mallory, "approveChange", changeId=demotion) is None
    second = await own.add("m2@acme.example")  # one admin is left, who is not Mallory

    for name in (WORKERS, REVIEWERS):
        member = operation("add", "members", [{"value": second["id"]}])
        await own.patched(f"/Groups/{(await own.group(name))['id']}", member)
    ((change_id, _),) = await waiting(office)

    assert await roles_of(world.database, second["id"]) == set()
    assert await office.code(office.aldo, "approveChange", changeId=change_id) is None
    assert await roles_of(world.database, second["id"]) == {"CONTRIBUTOR", "REVIEWER"}


async def test_who_made_the_token_gives_themselves_no_role(office: Administration, provider: Provider) -> None:
    for name in (WORKERS, REVIEWERS):
        group = await provider.group(name)
        answer = await provider.patch(f"/Groups/{group['id']}", joined(office.aldo))
        assert refusal(answer) == (403, None, "OWN_ACCOUNT")
    assert await roles_of(office.world.database, office.aldo.id) == {"ADMIN"}


async def test_an_admins_end_waits_and_the_last_one_stays(office: Administration, provider: Provider) -> None:
    world = office.world
    path = f"/Users/{office.alma.id}"
    pushed = await provider.patched(path, operation("replace", "active", False))
    deleted = await provider.send("DELETE", path)
    ((change_id, type),) = await waiting(office)

    assert (pushed["active"], deleted.status_code, type) == (True, 202, "DEACTIVATE_USER")
    assert await office.code(office.alma, "approveChange", changeId=change_id) is None
    assert (await provider.send("GET", path)).status_code == 404
    for answer in (
        await provider.send("DELETE", f"/Users/{office.aldo.id}"),
        await provider.patch(f"/Users/{office.aldo.id}", operation("replace", "active", "False")),
    ):
        assert refusal(answer) == (400, "mutability", "LAST_ADMIN")
    assert await roles_of(world.database, office.aldo.id) == {"ADMIN"}


async def test_no_push_makes_an_admin_again(office: Administration, provider: Provider) -> None:
    world = office.world
    await accounts.revoke_user(world.database, office.alma.id)  # one admin is left

    pushed = await provider.patched(f"/Users/{office.alma.id}", operation("replace", "active", True))
    ((change_id, _),) = await waiting(office)

    assert pushed["active"] is False
    assert await office.code(office.aldo, "approveChange", changeId=change_id) == "SECOND_ADMIN_REQUIRED"


async def test_a_reviewers_return_waits(office: Administration, provider: Provider) -> None:
    path = f"/Users/{office.world.rosa.id}"
    await provider.patched(path, operation("replace", "active", False))
    pushed = await provider.patched(path, operation("replace", "active", True))
    ((change_id, type),) = await waiting(office)
    assert (pushed["active"], type) == (False, "REACTIVATE_USER")
    await provider.patched(path, operation("replace", "active", False))
    assert await waiting(office) == []
    assert await office.code(office.alma, "approveChange", changeId=change_id) == "CHANGE_NOT_PENDING"


async def test_a_change_of_a_service_account_that_is_ended_is_out_of_date(
    office: Administration, provider: Provider
) -> None:
    path = f"/Groups/{(await provider.group(REVIEWERS))['id']}"
    await provider.patched(path, joined(office.world.ada))
    ((change_id, _),) = await waiting(office)
    assert await office.code(office.aldo, "deactivateUser", userId=provider.service_id) is None
    assert await office.code(office.alma, "approveChange", changeId=change_id) == "CHANGE_NOT_PENDING"
    assert (await provider.send("GET", "/Users")).status_code == 401


async def test_another_admins_change_is_not_taken_back(office: Administration, provider: Provider) -> None:
    world = office.world
    change_id = await office.waiting(office.alma, "changeRoles", userId=str(world.ada.id), roles=["REVIEWER"])
    path = f"/Groups/{(await provider.group(REVIEWERS))['id']}"
    assert refusal(await provider.patch(path, joined(world.ada))) == (409, None, "CHANGE_ALREADY_PENDING")
    assert [id for id, _ in await waiting(office)] == [change_id]


async def test_a_persons_token_is_refused_whatever_its_scopes(office: Administration, provider: Provider) -> None:
    world = office.world
    everything = await person_of(world.database, office.alma.id, *Scope)
    token = tables.api_tokens
    async with world.database.write() as connection:  # by hand: no way of ours gives a person such a scope
        which = token.c.id == everything.actor.token_id
        await connection.execute(update(token).where(which).values(scopes=" ".join(Scope)))
    without = await person_of(world.database, office.alma.id, Scope.ADMIN_READ, Scope.ADMIN_WRITE)
    for method, path, body in (
        ("GET", "/Users", None),
        ("GET", "/ServiceProviderConfig", None),
        ("POST", "/Users", new_user("m2@acme.example")),
        ("DELETE", f"/Users/{world.ada.id}", None),
    ):
        answer = await provider.send(method, path, body, token=everything.token)
        assert refusal(answer) == (403, None, "SERVICE_ACCOUNT_REQUIRED")
        answer = await provider.send(method, path, body, token=without.token)
        assert refusal(answer) == (403, None, "INSUFFICIENT_SCOPE")


async def test_the_scope_is_given_by_admins_to_service_accounts_alone(office: Administration) -> None:
    world, alma = office.world, office.alma
    own = await office.code(alma, "createToken", userId=str(alma.id), scopes=["SCIM"])
    made = await office.act(alma, "createServiceAccount", displayName="Bot", roles=[])
    service_id = made["user"]["id"]
    half = await person_of(world.database, alma.id, Scope.ADMIN_WRITE, Scope.SCIM)
    by_half = await office.code(half.token, "createToken", userId=service_id, scopes=["SCIM"])
    whole = await person_of(world.database, alma.id, Scope.ADMIN_WRITE, Scope.ADMIN_READ)
    by_whole = await office.code(whole.token, "createToken", userId=service_id, scopes=["SCIM"])
    assert (own, by_half, by_whole) == ("SERVICE_ACCOUNT_REQUIRED", "INSUFFICIENT_SCOPE", None)


async def test_the_token_does_nothing_else(office: Administration, provider: Provider) -> None:
    world = office.world
    ada = str(world.ada.id)
    assert await office.code(provider.token, "changeRoles", userId=ada, roles=["REVIEWER"]) == "INSUFFICIENT_SCOPE"
    body = (await office.api.send(provider.token, "{ cases { totalCount } }")).json()
    assert body["errors"][0]["extensions"]["code"] == "INSUFFICIENT_SCOPE"


async def test_two_groups_pushed_at_once_leave_one_change(office: Administration, provider: Provider) -> None:
    zoe = await provider.add("zoe@acme.example")
    groups = [await provider.group(name) for name in (REVIEWERS, WORKERS)]
    member = operation("add", "members", [{"value": zoe["id"]}])
    answers = await asyncio.gather(*(provider.patch(f"/Groups/{group['id']}", member) for group in groups * 2))

    assert [answer.status_code for answer in answers] == [200] * 4
    assert [type for _, type in await waiting(office)] == ["CHANGE_ROLES"]
    assert await roles_of(office.world.database, zoe["id"]) == {"CONTRIBUTOR"}


@pytest.mark.parametrize("maker", ["operator", "Alma"])
async def test_which_admin_approves_depends_on_who_made_the_token(
    office: Administration, provider: Provider, maker: str
) -> None:
    world = office.world
    if maker == "operator":
        token = (await accounts.create_token(world.database, UUID(provider.service_id), [Scope.SCIM])).secret
    else:
        made = await office.act(office.alma, "createToken", userId=provider.service_id, scopes=["SCIM"])
        token = made["secret"]
    other = Provider(provider.api, token, provider.service_id)
    path = f"/Groups/{(await other.group(REVIEWERS))['id']}"
    await other.patched(path, joined(world.ada))
    ((change_id, _),) = await waiting(office)
    if maker == "Alma":
        assert await office.code(office.alma, "approveChange", changeId=change_id) == "SECOND_ADMIN_REQUIRED"
    assert await office.code(office.aldo, "approveChange", changeId=change_id) is None


async def test_who_made_the_token_may_refuse_what_was_pushed(office: Administration, provider: Provider) -> None:
    path = f"/Groups/{(await provider.group(REVIEWERS))['id']}"
    await provider.patched(path, joined(office.world.ada))
    ((change_id, _),) = await waiting(office)
    assert await office.code(office.aldo, "refuseChange", changeId=change_id) is None


async def test_a_recent_reviewer_by_a_group_decides_on_no_older_override(world: World, provider: Provider) -> None:
    case_id = (await world.open_case()).case.id
    await world.request_override(case_id)
    zoe = await make_person(world.database, world.account_id, "Zoe")
    path = f"/Groups/{(await provider.group(REVIEWERS))['id']}"
    await provider.patched(path, joined(zoe))
    payload = await provider.api.act(zoe.token, "acceptOverride", await world.decision(case_id))
    assert [error["code"] for error in payload["errors"]] == ["REVIEWER_TOO_RECENT"]
