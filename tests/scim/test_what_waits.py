"""What waits for an admin goes when a push says otherwise, and stays when it says nothing of it; who may approve it."""

import pytest

from tests.support.administration import Administration
from tests.support.scim import REVIEWERS, WORKERS, Provider, joined, operation, refusal, roles_of, waiting
from tests.support.world import World


@pytest.mark.parametrize("way", ["PUT", "replace", "DELETE"])
async def test_who_waited_for_a_group_that_is_emptied_waits_no_more(
    office: Administration, provider: Provider, way: str
) -> None:
    world = office.world
    path = f"/Groups/{(await provider.group(REVIEWERS))['id']}"
    await provider.patched(path, joined(world.ada))
    match way:
        case "PUT":
            await provider.done("PUT", path, {"displayName": REVIEWERS, "members": []})
        case "replace":
            await provider.patched(path, operation("replace", "members", [{"value": str(world.rosa.id)}]))
        case "DELETE":
            assert (await provider.send("DELETE", path)).status_code == 204
    assert await waiting(office) == []
    assert await roles_of(world.database, world.ada.id) == {"CONTRIBUTOR"}


async def test_what_waits_for_a_deleted_person_is_taken_back(office: Administration, provider: Provider) -> None:
    path = f"/Users/{office.world.rosa.id}"
    await provider.patched(path, operation("replace", "active", False))
    await provider.patched(
        path, operation("replace", "active", True), operation("replace", "userName", "m@acme.example")
    )
    assert sorted(type for _, type in await waiting(office)) == ["REACTIVATE_USER", "UPDATE_USER"]

    assert (await provider.send("DELETE", path)).status_code == 204

    assert await waiting(office) == []


async def test_what_waits_outlasts_a_push_that_says_nothing_of_it(office: Administration, provider: Provider) -> None:
    path = f"/Users/{office.alma.id}"
    await provider.patched(path, operation("replace", "active", False))
    await provider.patched(path, operation("replace", "userName", "m@acme.example"))
    before = await waiting(office)

    await provider.patched(path, operation("replace", "displayName", "Alma (left)"))
    await provider.patched(path, operation("replace", None, {"name.givenName": "Alma"}))

    assert (await waiting(office), len(before)) == (before, 2)
    await provider.patched(path, operation("replace", "active", True))
    assert [type for _, type in await waiting(office)] == ["UPDATE_USER"]


async def test_what_waits_by_one_token_is_not_requested_anew_by_another(
    office: Administration, provider: Provider
) -> None:
    """Else who made the first one, Aldo, could approve what the second one, which Alma made, has asked for."""
    zoe = await provider.add("zoe@acme.example")
    groups = {name: f"/Groups/{(await provider.group(name))['id']}" for name in (WORKERS, REVIEWERS)}
    for path in groups.values():
        await provider.patched(path, operation("add", "members", [{"value": zoe["id"]}]))
    made = await office.act(office.alma, "createToken", userId=provider.service_id, scopes=["SCIM"])
    other = Provider(provider.api, made["secret"], provider.service_id)
    assert [type for _, type in await waiting(office)] == ["CHANGE_ROLES"]

    await other.patched(groups[WORKERS], operation("remove", f'members[value eq "{zoe["id"]}"]'))

    assert await waiting(office) == []
    assert await roles_of(office.world.database, zoe["id"]) == set()


async def test_who_approved_the_token_counts_as_its_maker(office: Administration, provider: Provider) -> None:
    """A token that records results too waits for a second admin, who alone is shown its secret."""
    world, service_id = office.world, provider.service_id
    scopes = ["SCIM", "SUBJECTS_WRITE"]
    change_id = await office.waiting(office.aldo, "createToken", userId=service_id, scopes=scopes)
    made = await provider.api.act(office.alma.token, "approveChange", {"changeId": change_id}, "secret")
    own = Provider(provider.api, made["secret"], service_id)
    path = f"/Groups/{(await own.group(REVIEWERS))['id']}"

    await own.patched(path, joined(world.ada))
    ((change_id, _),) = await waiting(office)

    assert refusal(await own.patch(path, joined(office.alma))) == (403, None, "OWN_ACCOUNT")
    assert await office.code(office.alma, "approveChange", changeId=change_id) == "SECOND_ADMIN_REQUIRED"
    assert await office.code(office.aldo, "approveChange", changeId=change_id) is None


async def test_who_is_deleted_and_added_again_has_no_role_of_before(world: World, provider: Provider) -> None:
    """Aldo is the only admin, so that nothing waits: the role came back without anybody's say."""
    address = f"rosa@{world.account_id}.example"
    assert (await provider.send("DELETE", f"/Users/{world.rosa.id}")).status_code == 204
    again = await provider.add(address)
    assert (again["id"], again["active"]) == (str(world.rosa.id), True)
    assert await roles_of(world.database, world.rosa.id) == set()
