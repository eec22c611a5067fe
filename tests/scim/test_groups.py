"""Groups by SCIM: which role each gives, and who is in one."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import insert

from app.clock import new_id
from app.db import tables
from app.domain.model import Role
from app.scim.groups import MEMBERS_MAX
from tests.support.account_logs import log_size, logged, verdict_on
from tests.support.scim import (
    CORE_GROUP,
    REVIEWERS,
    WORKERS,
    Provider,
    operation,
    refusal,
    roles_of,
)
from tests.support.world import FOUNDED, World, make_person


def members(group: dict[str, Any]) -> set[str]:
    return {member["value"] for member in group["members"]}


async def test_a_group_shows_who_has_its_role(world: World, provider: Provider) -> None:
    start = await log_size(world.database, world.account_id)
    group = await provider.group("case WORKERS", world.rosa.id)
    path = f"/Groups/{group['id']}"

    assert members(group) == {str(person.id) for person in (world.ada, world.carl, world.bea, world.rosa)}
    assert group["schemas"] == [CORE_GROUP]
    assert await provider.done("GET", path) == group
    bare = await provider.done("GET", f"{path}?excludedAttributes=members")
    assert bare.keys() == {"schemas", "id", "displayName", "meta"}
    (shown,) = (await provider.done("GET", f"/Users/{world.rosa.id}"))["groups"]
    assert (shown["value"], shown["display"]) == (group["id"], "case WORKERS")
    assert await logged(world.database, world.account_id, start) == [
        ("CHANGE_GROUPS", "SCIM", "NOT_NEEDED", {"added": ["case WORKERS"], "role": ["CONTRIBUTOR"]}),
        ("CHANGE_ROLES", "SCIM", "NOT_NEEDED", {"added": ["CONTRIBUTOR"], "removed": []}),
    ]
    assert (await verdict_on(world.database, world.account_id)).fault is None


Spelled = Callable[[str], dict[str, Any]]
REMOVING: Mapping[str, Spelled] = {
    "filter": lambda id: operation("Remove", f'members[value eq "{id}"]'),
    "values": lambda id: operation("remove", "members", [{"value": id}]),
    "null reference": lambda id: operation("Remove", "members", [{"$ref": None, "value": id}]),
    "one value": lambda id: operation("remove", "members", {"value": id}),
    "schema": lambda id: operation("remove", f'{CORE_GROUP}:members[value eq "{id}"]'),
}


async def test_all_spellings_remove_a_member(world: World, provider: Provider) -> None:
    people = {
        what: await make_person(world.database, world.account_id, what.replace(" ", "-"), Role.CONTRIBUTOR)
        for what in REMOVING
    }
    group = await provider.group(WORKERS)
    for what, spelled in REMOVING.items():
        id, before = people[what].id, members(group)
        group = await provider.patched(f"/Groups/{group['id']}", spelled(str(id)))
        assert before - members(group) == {str(id)}, what
        assert await roles_of(world.database, id) == set(), what


ADDING: Mapping[str, Spelled] = {
    "values": lambda id: operation("Add", "members", [{"value": id}]),
    "null reference": lambda id: operation("add", "members", [{"$ref": None, "value": id, "display": "Rosa"}]),
    "no path": lambda id: operation("add", None, {"members": [{"value": id}]}),
    "text": lambda id: operation("add", "members", id),
    "capitals": lambda id: operation("add", "members", {"value": id.upper()}),
}


async def test_all_spellings_add_a_member(world: World, provider: Provider) -> None:
    people = {
        what: await make_person(world.database, world.account_id, what.replace(" ", "-"), Role.REVIEWER)
        for what in ADDING
    }
    group = await provider.group(WORKERS)
    for what, spelled in ADDING.items():
        id, before = people[what].id, members(group)
        group = await provider.patched(f"/Groups/{group['id']}", spelled(str(id)))
        assert members(group) - before == {str(id)}, what
        assert await roles_of(world.database, id) == {"CONTRIBUTOR", "REVIEWER"}, what


async def test_operations_take_effect_in_their_order(world: World, provider: Provider) -> None:
    group = await provider.group(WORKERS)
    path, ada, rosa = f"/Groups/{group['id']}", str(world.ada.id), str(world.rosa.id)
    start = await log_size(world.database, world.account_id)

    both = await provider.patched(
        path,
        operation("replace", "members", [{"value": ada}]),
        operation("add", "members", [{"value": rosa}]),
        operation("remove", f'members[value eq "{ada}"]'),
        operation("add", "members", [{"value": ada}]),
    )
    nothing = await provider.patched(path, operation("add", "members", [{"value": ada}, {"value": ada}]))
    emptied = await provider.patched(path, operation("remove", "members"))

    assert (members(both), members(nothing), members(emptied)) == ({ada, rosa}, {ada, rosa}, set())
    rows = await logged(world.database, world.account_id, start)
    assert [row[0] for row in rows] == ["CHANGE_ROLES"] * 5  # Carl and Bea out, Rosa in; Ada and Rosa out
    assert await roles_of(world.database, world.bea.id) == {"REVIEWER"}


async def test_a_put_is_the_whole_list_of_members(world: World, provider: Provider) -> None:
    group = await provider.group(WORKERS)
    path, ada = f"/Groups/{group['id']}", str(world.ada.id)
    whole = await provider.done("PUT", path, {"displayName": WORKERS, "members": [{"value": ada}], "externalId": "g1"})
    kept = await provider.done("PUT", path, {"displayName": WORKERS})
    assert (members(whole), whole["externalId"], members(kept)) == ({ada}, "g1", {ada})


async def test_a_group_is_found(world: World, provider: Provider) -> None:
    group = await provider.group(WORKERS)
    await provider.group(REVIEWERS)
    ada, id = world.ada.id, group["id"]
    for filter in (
        f'displayName eq "{WORKERS.upper()}"',
        f'id eq "{id}" and members eq "{ada}"',
        f'members.value eq "{ada}"',
        f'members[value eq "{ada}"]',
    ):
        assert [found["id"] for found in await provider.found("/Groups", filter)] == [id], filter
    for filter in (f'id eq "{id}" and members eq "{world.rosa.id}"', 'members eq "x"', 'displayName eq "x"'):
        assert await provider.found("/Groups", filter) == []
    paged = (await provider.send("GET", "/Groups?startIndex=2&count=5&excludedAttributes=members")).json()
    assert (paged["totalResults"], [item["displayName"] for item in paged["Resources"]]) == (2, [REVIEWERS])


async def test_a_group_that_is_removed_takes_its_role_from_its_members(world: World, provider: Provider) -> None:
    group = await provider.group(WORKERS)
    path = f"/Groups/{group['id']}"
    assert (await provider.send("DELETE", path)).status_code == 204
    assert refusal(await provider.send("GET", path)) == (404, None, "NOT_FOUND")
    assert await roles_of(world.database, world.bea.id) == {"REVIEWER"}
    assert members(await provider.group(WORKERS)) == set()


async def test_a_group_keeps_its_role_when_it_is_renamed(world: World, provider: Provider) -> None:
    group = await provider.group(REVIEWERS)
    path = f"/Groups/{group['id']}"
    renamed = await provider.patched(
        path, operation("Replace", None, {"id": group["id"], "displayName": "Fraud reviewers"})
    )
    assert (renamed["displayName"], members(renamed)) == ("Fraud reviewers", members(group))
    other = await provider.patch(path, operation("replace", "displayName", WORKERS))
    assert refusal(other) == (400, "mutability", "INVALID_INPUT")


async def test_a_group_without_a_role_is_refused(provider: Provider) -> None:
    for name in ("Admins", "ADMIN", "Everyone", "Case workers 2", "", " "):
        answer = await provider.send("POST", "/Groups", {"schemas": [CORE_GROUP], "displayName": name})
        assert refusal(answer)[:2] == (400, "invalidValue"), name
        assert (await provider.send("GET", "/Groups")).json()["totalResults"] == 0, name


async def test_a_refused_name_is_repeated_as_it_was_sent(provider: Provider) -> None:
    answer = await provider.send("POST", "/Groups", {"schemas": [CORE_GROUP], "displayName": "ADMIN"})

    assert "a group ADMIN; those" in answer.json()["detail"]


async def test_a_role_has_one_group(provider: Provider) -> None:
    await provider.group(REVIEWERS)
    for name in (REVIEWERS, "Fraud reviewers"):
        answer = await provider.send("POST", "/Groups", {"displayName": name})
        assert refusal(answer) == (409, "uniqueness", "INVALID_INPUT")


async def test_a_member_whom_no_one_is_is_refused_and_nothing_is_done(world: World, provider: Provider) -> None:
    group = await provider.group(WORKERS)
    start = await log_size(world.database, world.account_id)
    for id in ("01900000-0000-7000-8000-000000000001", "no id", "", provider.service_id):
        added = [{"value": str(world.rosa.id)}, {"value": id}]
        answer = await provider.patch(f"/Groups/{group['id']}", operation("add", "members", added))
        assert refusal(answer) == (400, "invalidValue", "INVALID_INPUT")
    gone = operation("remove", 'members[value eq "01900000-0000-7000-8000-000000000001"]')
    assert (await provider.patch(f"/Groups/{group['id']}", gone)).status_code == 200
    assert await log_size(world.database, world.account_id) == start


async def test_two_pushes_at_once_give_a_role_once(world: World, provider: Provider) -> None:
    group = await provider.group(WORKERS)
    start = await log_size(world.database, world.account_id)
    added = operation("add", "members", [{"value": str(world.rosa.id)}])
    answers = await asyncio.gather(*(provider.patch(f"/Groups/{group['id']}", added) for _ in range(3)))

    assert [answer.status_code for answer in answers] == [200] * 3
    assert await log_size(world.database, world.account_id) == start + 1


async def crowd(world: World, count: int) -> list[str]:
    """Insert people who contribute, beside the gateway, and return their ids."""
    ids = [new_id() for _ in range(count)]
    people = [
        {
            "id": id,
            "account_id": world.account_id,
            "email": f"{id}@acme.example",
            "display_name": "One of many",
            "active": True,
            "created_at": FOUNDED,
        }
        for id in ids
    ]
    async with world.database.write() as connection:
        await connection.execute(insert(tables.users), people)
        roles = [{"user_id": id, "role": Role.CONTRIBUTOR} for id in ids]
        await connection.execute(insert(tables.user_roles), roles)
    return [str(id) for id in ids]


async def test_a_large_group_is_changed_and_shown_without_its_members(world: World, provider: Provider) -> None:
    group = await provider.group(WORKERS)
    path, rosa = f"/Groups/{group['id']}", str(world.rosa.id)
    ids = await crowd(world, MEMBERS_MAX)

    whole = await provider.send("GET", path)
    bare = await provider.send("GET", f"{path}?excludedAttributes=members")
    changed = await provider.patched(path, operation("add", "members", [{"value": rosa}]))
    emptied = await provider.patch(path, operation("replace", "members", [{"value": rosa}]))
    some = await provider.patch(path, *(operation("remove", f'members[value eq "{id}"]') for id in ids[:501]))

    assert refusal(whole) == (400, "tooMany", "INVALID_INPUT")
    assert (bare.status_code, "etag" in bare.headers, "version" in bare.json()["meta"]) == (200, False, False)
    assert "members" not in changed
    assert "CONTRIBUTOR" in await roles_of(world.database, rosa)
    assert [refusal(answer)[:2] for answer in (emptied, some)] == [(400, "tooMany")] * 2


async def test_a_version_is_of_the_members_too(world: World, provider: Provider) -> None:
    group = await provider.group(WORKERS)
    path, tag = f"/Groups/{group['id']}", group["meta"]["version"]
    body = {"Operations": [operation("add", "members", [{"value": str(world.rosa.id)}])]}
    done = await provider.send("PATCH", f"{path}?excludedAttributes=members", body, if_match=tag)
    stale = await provider.send("DELETE", path, if_match=tag)
    assert (done.status_code, refusal(stale)) == (200, (412, None, "VERSION_CONFLICT"))
