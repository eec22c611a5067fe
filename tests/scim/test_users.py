"""People by SCIM: added, found, changed, deactivated, and what the account's log says of it."""

import asyncio

from app.admin import accounts
from app.domain.model import Role
from tests.support.account_logs import log_size, logged, verdict_on
from tests.support.scim import CORE_USER, ENTERPRISE, Provider, new_user, operation, refusal
from tests.support.world import World, make_person

ZOE = "zoe@acme.example"


async def test_a_person_is_added_with_what_is_kept(world: World, provider: Provider) -> None:
    start = await log_size(world.database, world.account_id)
    answer = await provider.send(
        "POST",
        "/Users",
        new_user(
            "ZOE@acme.example",
            externalId="00u1",
            name={"givenName": "Zoé", "familyName": "Lambert", "middleName": "A."},
            emails=[{"value": ZOE, "type": "work", "primary": True}],
            phoneNumbers=[{"value": "+33 1", "type": "work"}],
            roles=[{"value": "ADMIN"}],
            password="secret",
            **{ENTERPRISE: {"department": "Treasury"}},
        ),
    )

    assert answer.status_code == 201
    user = answer.json()
    assert answer.headers["location"] == user["meta"]["location"] == f"http://test/scim/v2/Users/{user['id']}"
    assert {name: value for name, value in user.items() if name not in ("id", "meta")} == {
        "schemas": [CORE_USER],
        "externalId": "00u1",
        "userName": ZOE,
        "displayName": "Zoé Lambert",
        "name": {"givenName": "Zoé", "familyName": "Lambert", "formatted": "Zoé Lambert"},
        "emails": [{"value": ZOE, "type": "work", "primary": True}],
        "active": True,
        "groups": [],
    }
    assert await provider.done("GET", f"/Users/{user['id']}") == user
    ((*row, details),) = await logged(world.database, world.account_id, start)
    assert row == ["INVITE_USER", "SCIM", "NOT_NEEDED"]
    assert (details["roles"], details["fields"]) == ([], ["externalId", "givenName", "familyName"])
    assert (await verdict_on(world.database, world.account_id)).fault is None


FINDING = [
    'userName eq "zoe@acme.example"',
    'USERNAME EQ "Zoe@ACME.example"',
    'urn:ietf:params:scim:schemas:core:2.0:User:userName eq "zoe@acme.example"',
    'externalId eq "00u1"',
    'emails.value eq "zoe@acme.example"',
    'emails eq "zoe@acme.example"',
    'emails[type eq "work"].value eq "zoe@acme.example"',
    'emails[type eq "work" and value eq "zoe@acme.example"]',
    'emails[primary eq true].value eq "zoe@acme.example"',
    'userName eq "zoe@acme.example" and active eq true',
    '(externalId eq "00u1") and (active eq "True")',
    'displayName eq "zoé"',
    'userName eq "\uff5aoe@acme.example"',
]


async def test_a_person_is_found(provider: Provider) -> None:
    user = await provider.add(ZOE, externalId="00u1", displayName="Zoé")

    found = {filter: [found["id"] for found in await provider.found("/Users", filter)] for filter in FINDING}

    assert found == {filter: [user["id"]] for filter in FINDING}


FINDING_NO_ONE = [
    'userName eq "zoe"',
    'externalId eq "00U1"',
    'emails[type eq "home"].value eq "zoe@acme.example"',
    'userName eq "zoe@acme.example" and active eq false',
    'id eq "no id"',
    'userName eq ""',
    'userName eq "%"',
]


async def test_no_one_else_is_found(provider: Provider) -> None:
    await provider.add(ZOE, externalId="00u1")

    found = {filter: await provider.found("/Users", filter) for filter in FINDING_NO_ONE}

    assert found == {filter: [] for filter in FINDING_NO_ONE}


async def test_pages_are_counted_from_one(world: World, provider: Provider) -> None:
    whole = (await provider.send("GET", "/Users")).json()
    pages = [(await provider.send("GET", f"/Users?startIndex={start}&count=4")).json() for start in (1, 5, 9, 0, -3)]

    assert whole["totalResults"] == 6  # Ada, Carl, Rosa, Rolf, Bea, Aldo; no service account
    assert [page["startIndex"] for page in pages] == [1, 5, 9, 1, 1]
    assert [len(page["Resources"]) for page in pages] == [4, 2, 0, 4, 4]
    assert pages[0]["Resources"] + pages[1]["Resources"] == whole["Resources"]
    none = (await provider.send("GET", "/Users?count=0")).json()
    assert (none["totalResults"], none["Resources"]) == (6, [])
    assert len((await provider.send("GET", "/Users?count=99999")).json()["Resources"]) == 6


async def test_attributes_are_chosen(world: World, provider: Provider) -> None:
    path = f"/Users/{world.ada.id}"
    some = await provider.done("GET", f"{path}?attributes=userName,emails.value")
    others = await provider.done("GET", f"{path}?excludedAttributes=emails,id,meta,groups,displayName,Active")

    address = f"ada@{world.account_id}.example"
    fixed = {"schemas": [CORE_USER], "id": str(world.ada.id)}
    assert some == fixed | {"userName": address, "emails": [{"value": address}]}
    assert others == fixed | {"userName": address}


DEACTIVATING = [
    operation("replace", "active", False),
    operation("Replace", "active", "False"),
    operation("replace", None, {"active": False}),
    operation("replace", None, {"active": "false"}),
    operation("Add", "active", False),
    operation("Replace", "active", [{"$ref": None, "value": "False"}]),
    operation("replace", f"{CORE_USER}:active", False),
    operation("replace", "ACTIVE", "FALSE"),
]


async def test_all_spellings_deactivate(world: World, provider: Provider) -> None:
    for number, spelled in enumerate(DEACTIVATING):
        person = await make_person(world.database, world.account_id, f"Person{number}", Role.CONTRIBUTOR)
        start = await log_size(world.database, world.account_id)
        changed = await provider.patched(f"/Users/{person.id}", spelled)

        assert changed["active"] is False, spelled
        rows = await logged(world.database, world.account_id, start)
        assert [row[:3] for row in rows] == [("DEACTIVATE_USER", "SCIM", "NOT_NEEDED")], spelled
        answer = await provider.api.send(person.token, "{ viewer { scopes } }")
        assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED", spelled


async def test_the_same_again_writes_nothing(world: World, provider: Provider) -> None:
    user = await provider.add(ZOE, externalId="00u1")
    start = await log_size(world.database, world.account_id)
    whole = {name: user[name] for name in ("userName", "externalId", "displayName", "emails", "active")}

    assert await provider.done("PUT", f"/Users/{user['id']}", whole) == user
    same = [operation("replace", name, user[name]) for name in ("userName", "externalId", "active", "emails")]
    assert await provider.patched(f"/Users/{user['id']}", *same) == user
    assert await log_size(world.database, world.account_id) == start


async def test_several_operations_are_one_transaction(world: World, provider: Provider) -> None:
    start = await log_size(world.database, world.account_id)
    refused = await provider.patch(
        f"/Users/{world.ada.id}",
        operation("replace", "displayName", "Ada L."),
        operation("replace", "active", "perhaps"),
    )
    last = await provider.patch(
        f"/Users/{world.aldo.id}", operation("replace", "displayName", "A."), operation("replace", "active", False)
    )

    assert refusal(refused) == (400, "invalidValue", "INVALID_INPUT")
    assert refusal(last) == (400, "mutability", "LAST_ADMIN")
    assert await log_size(world.database, world.account_id) == start
    assert (await provider.done("GET", f"/Users/{world.aldo.id}"))["displayName"] == "Aldo"


async def test_a_put_makes_a_person_what_is_sent(world: World, provider: Provider) -> None:
    user = await provider.add(ZOE, externalId="00u1", name={"givenName": "Zoé", "familyName": "L"})
    changed = await provider.done(
        "PUT", f"/Users/{user['id']}", new_user(ZOE, name={"givenName": "Zoë", "familyName": "L"}, id="other")
    )

    assert "externalId" not in changed
    assert changed["id"] == user["id"]
    assert (changed["displayName"], changed["active"]) == ("Zoë L", True)


async def test_names_follow_their_parts_until_one_is_given(provider: Provider) -> None:
    user = await provider.add(ZOE, name={"givenName": "Zoé", "familyName": "L"})
    path = f"/Users/{user['id']}"
    married = await provider.patched(path, operation("Replace", "name.familyName", "Martin"))
    given = await provider.patched(path, operation("add", None, {"displayName": "Z. Martin"}))
    later = await provider.patched(path, operation("Add", None, {"name.givenName": "Zoë", "title": "CFO"}))

    assert [item["displayName"] for item in (married, given, later)] == ["Zoé Martin", "Z. Martin", "Z. Martin"]
    assert later["name"] == {"givenName": "Zoë", "familyName": "Martin", "formatted": "Zoë Martin"}


async def test_a_user_name_that_is_no_address_stands_beside_it(provider: Provider) -> None:
    emails = [{"value": ZOE, "type": "work", "primary": True}]
    user = await provider.add("zlambert", emails=emails)
    path = f"/Users/{user['id']}"
    renamed = await provider.patched(path, operation("replace", "userName", "ZLambert2"))
    address = await provider.patched(path, operation("replace", 'emails[type eq "work"].value', "z@acme.example"))
    taken = await provider.send("POST", "/Users", new_user("zLAMBERT2", emails=[{"value": "y@acme.example"}]))

    assert (user["userName"], renamed["userName"], address["userName"]) == ("zlambert", "ZLambert2", "ZLambert2")
    assert renamed["emails"] == emails
    assert address["emails"][0]["value"] == "z@acme.example"
    assert refusal(taken) == (409, "uniqueness", "INVALID_INPUT")
    assert [item["id"] for item in await provider.found("/Users", 'userName eq "zlambert2"')] == [user["id"]]
    assert [item["id"] for item in await provider.found("/Users", 'userName eq "z@acme.example"')] == []


async def test_no_user_name_is_given_twice_also_where_it_is_an_address(provider: Provider) -> None:
    await provider.add("y@acme.example", emails=[{"value": "x@acme.example"}])
    zoe = await provider.add(ZOE)
    free = await provider.send("POST", "/Users", new_user("x@acme.example", emails=[{"value": "w@acme.example"}]))
    address = await provider.send("POST", "/Users", new_user("Y@acme.example"))
    renamed = await provider.patch(f"/Users/{zoe['id']}", operation("replace", "userName", "y@ACME.example"))

    assert free.status_code == 201  # it is another person's address, and no one's user name
    assert [refusal(answer) for answer in (address, renamed)] == [(409, "uniqueness", "INVALID_INPUT")] * 2


async def test_the_address_follows_the_user_name_where_they_are_one(provider: Provider) -> None:
    user = await provider.add(ZOE)
    changed = await provider.patched(
        f"/Users/{user['id']}", operation("replace", "userName", "zoe.lambert@acme.example")
    )
    assert (changed["userName"], changed["emails"][0]["value"]) == ("zoe.lambert@acme.example",) * 2


async def test_who_is_deleted_is_gone_until_they_are_added_again(world: World, provider: Provider) -> None:
    user = await provider.add(ZOE, externalId="00u1")
    path = f"/Users/{user['id']}"
    deleted = await provider.send("DELETE", path)
    gone = [await provider.send(method, path, body) for method, body in (("GET", None), ("DELETE", None))]
    gone.append(await provider.patch(path, operation("replace", "active", True)))
    found = await provider.found("/Users", f'userName eq "{ZOE}"')
    again = await provider.add("Zoe@acme.example", externalId="00u2", displayName="Zoé")

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert [refusal(answer) for answer in gone] == [(404, None, "NOT_FOUND")] * 3
    assert found == []
    assert (again["id"], again["externalId"], again["active"]) == (user["id"], "00u2", True)
    rows = (await logged(world.database, world.account_id))[-5:]
    assert [row[0] for row in rows] == [
        "INVITE_USER",
        "UPDATE_USER",
        "DEACTIVATE_USER",
        "UPDATE_USER",
        "REACTIVATE_USER",
    ]


async def test_who_was_deleted_and_is_reactivated_by_an_admin_is_there_again(world: World, provider: Provider) -> None:
    await provider.send("DELETE", f"/Users/{world.ada.id}")
    back = await provider.api.act(world.aldo.token, "reactivateUser", {"userId": str(world.ada.id)})
    assert back["errors"] == []
    assert (await provider.done("GET", f"/Users/{world.ada.id}"))["active"] is True


async def test_an_address_that_a_person_has_in_another_spelling_is_a_conflict(world: World, provider: Provider) -> None:
    ada = f"ada@{world.account_id}.example"
    for spelled in (ada.upper(), f"\uff41da@{world.account_id}.example", f"a\u200bda@{world.account_id}.example"):
        assert refusal(await provider.send("POST", "/Users", new_user(spelled))) == (409, "uniqueness", "EMAIL_TAKEN")
    user = await provider.add(ZOE)
    taken = await provider.patch(f"/Users/{user['id']}", operation("replace", "userName", ada))
    assert refusal(taken) == (409, "uniqueness", "EMAIL_TAKEN")
    assert taken.json()["detail"].startswith("EMAIL_TAKEN: emails: ")


async def test_a_person_may_be_added_inactive(world: World, provider: Provider) -> None:
    user = await provider.done("POST", "/Users", new_user(ZOE, active=False))
    assert user["active"] is False


async def test_versions_are_compared(world: World, provider: Provider) -> None:
    path = f"/Users/{world.ada.id}"
    first = await provider.send("GET", path)
    tag = first.headers["etag"]
    same = await provider.send("GET", path, if_none_match=tag)
    body = {"Operations": [operation("replace", "displayName", "Ada L.")]}
    stale = await provider.send("PATCH", path, body, if_match='W/"other"')
    done = await provider.send("PATCH", path, body, if_match=tag)
    later = await provider.send("PATCH", path, body, if_match=tag)

    assert (same.status_code, same.content) == (304, b"")
    assert refusal(stale) == (412, None, "VERSION_CONFLICT")
    assert (done.status_code, done.headers["etag"] != tag) == (200, True)
    assert refusal(later)[0] == 412
    assert (await provider.send("DELETE", path, if_match='"x"')).status_code == 412
    assert (await provider.send("PUT", path, new_user("x@acme.example"), if_match="*")).status_code == 200


async def test_two_pushes_at_once_make_one_person(world: World, provider: Provider) -> None:
    answers = await asyncio.gather(
        *(provider.send("POST", "/Users", new_user(name)) for name in (ZOE, "ZOE@acme.example", ZOE))
    )
    ends = await asyncio.gather(
        *(provider.patch(f"/Users/{world.carl.id}", operation("replace", "active", False)) for _ in range(3))
    )

    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert [answer.status_code for answer in ends] == [200] * 3
    rows = await logged(world.database, world.account_id)
    assert [row[0] for row in rows].count("DEACTIVATE_USER") == 1


async def test_what_the_command_line_and_the_api_do_is_seen(world: World, provider: Provider) -> None:
    made = await accounts.create_user(world.database, world.account_id, email=ZOE, name="Zoé", roles=[Role.CONTRIBUTOR])
    (found,) = await provider.found("/Users", f'userName eq "{ZOE}"')
    linked = await provider.patched(f"/Users/{made.id}", operation("add", "externalId", "00u1"))
    assert (found["id"], linked["externalId"]) == (str(made.id), "00u1")
