"""The sequences of requests that Microsoft Entra and Okta document, with data of our own, one after the other.

Sources: "Develop and plan provisioning for a SCIM endpoint in Microsoft Entra ID", its sections on users and groups;
"SCIM 2.0 protocol reference" and "Build your SCIM API service" of Okta.
"""

from typing import Any
from urllib.parse import quote
from uuid import uuid4

from tests.support.scim import (
    CORE_GROUP,
    CORE_USER,
    ENTERPRISE,
    PATCH_OP,
    REVIEWERS,
    WORKERS,
    Provider,
    new_user,
    operation,
    refusal,
)
from tests.support.world import World

NO_ONE = "01900000-0000-7000-8000-00000000dead"


async def test_entra_tests_the_connection_and_adds_a_person(provider: Provider) -> None:
    probe = await provider.found("/Users", f'userName eq "{uuid4()}"')
    before = await provider.found("/Users", 'userName eq "Test_User_1"')
    user = await provider.done(
        "POST",
        "/Users",
        {
            "schemas": [CORE_USER, ENTERPRISE],
            "externalId": "0a21f0f2",
            "userName": "Test_User_1",
            "active": True,
            "emails": [{"primary": True, "type": "work", "value": "Test_User_2@acme.example"}],
            "meta": {"resourceType": "User"},
            "name": {"formatted": "Given Family", "familyName": "Family", "givenName": "Given"},
            "roles": [],
            ENTERPRISE: {"department": "Treasury", "manager": {"value": NO_ONE}},
        },
    )
    (found,) = await provider.found("/Users", 'userName eq "Test_User_1"')

    assert (probe, before) == ([], [])
    assert found == user == await provider.done("GET", f"/Users/{user['id']}")
    assert user["userName"] == "Test_User_1"
    assert user["emails"] == [{"primary": True, "type": "work", "value": "test_user_2@acme.example"}]
    assert user["name"] == {"formatted": "Given Family", "familyName": "Family", "givenName": "Given"}
    again = await provider.send("POST", "/Users", new_user("Test_User_1", emails=user["emails"]))
    assert refusal(again)[:2] == (409, "uniqueness")


async def test_entra_changes_disables_and_deletes_a_person(provider: Provider) -> None:
    emails = [{"primary": True, "type": "work", "value": "t@acme.example"}]
    user = await provider.add("Test_User_1", emails=emails, name={"givenName": "G", "familyName": "F"})
    path = f"/Users/{user['id']}"

    several = await provider.patched(
        path,
        operation("Replace", 'emails[type eq "work"].value', "updated@acme.example"),
        operation("Replace", "name.familyName", "Updated"),
        operation("Add", f"{ENTERPRISE}:department", "Treasury"),
        operation("Add", f"{ENTERPRISE}:manager", NO_ONE),
        operation("Add", 'addresses[type eq "work"].locality', "Lyon"),
        operation("Add", 'phoneNumbers[type eq "mobile"].value', "+33 6"),
        operation("Add", "title", "Analyst"),
    )
    renamed = await provider.patched(path, operation("Replace", "userName", "5b50642d@acme.example"))
    disabled = await provider.patched(path, operation("Replace", "active", "False"))
    enabled = await provider.patched(path, operation("Replace", "active", "True"))
    deleted = await provider.send("DELETE", path)

    assert several["emails"][0]["value"] == "updated@acme.example"
    assert several["name"]["familyName"] == "Updated"
    assert (renamed["userName"], renamed["emails"]) == ("5b50642d@acme.example", several["emails"])
    assert (disabled["active"], enabled["active"], deleted.status_code) == (False, True, 204)
    assert (await provider.send("GET", path)).status_code == 404


async def test_entra_sends_paths_as_the_keys_of_a_value(provider: Provider) -> None:
    user = await provider.add("t@acme.example")
    changed = await provider.patched(
        f"/Users/{user['id']}",
        operation(
            "Add",
            None,
            {
                "externalId": "e1",
                "name.givenName": "Given",
                'emails[type eq "work"].value': "other@acme.example",
                f"{ENTERPRISE}:employeeNumber": "7",
            },
        ),
    )
    assert (changed["externalId"], changed["name"]["givenName"]) == ("e1", "Given")
    assert (changed["userName"], changed["emails"][0]["value"]) == ("t@acme.example", "other@acme.example")


async def test_entra_pushes_a_group(world: World, provider: Provider) -> None:
    filter = f'displayName eq "{WORKERS}"'
    assert await provider.found("/Groups", filter, excludedAttributes="members") == []
    group = await provider.done(
        "POST",
        "/Groups",
        {
            "schemas": [CORE_GROUP, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
            "externalId": "8aa1a0c0",
            "displayName": WORKERS,
            "meta": {"resourceType": "Group"},
        },
    )
    path, rosa = f"/Groups/{group['id']}", str(world.rosa.id)
    (found,) = await provider.found("/Groups", filter, excludedAttributes="members")
    renamed = await provider.send(
        "PATCH", path, {"schemas": [PATCH_OP], "Operations": [operation("Replace", "displayName", WORKERS.upper())]}
    )
    is_member = f'id eq "{group["id"]}" and members eq "{rosa}"'

    assert "members" not in found
    assert (renamed.status_code, renamed.json()["displayName"]) == (200, WORKERS.upper())
    assert await provider.found("/Groups", is_member) == []
    await provider.patched(path, operation("Add", "members", [{"$ref": None, "value": rosa}]))
    assert len(await provider.found("/Groups", is_member)) == 1
    await provider.patched(path, operation("Remove", "members", [{"$ref": None, "value": rosa}]))
    assert await provider.found("/Groups", is_member) == []
    assert (await provider.send("DELETE", path)).status_code == 204


OKTA_USER: dict[str, Any] = {
    "schemas": [CORE_USER],
    "userName": "test.user@acme.example",
    "name": {"givenName": "Test", "familyName": "User"},
    "emails": [{"primary": True, "value": "test.user@acme.example", "type": "work"}],
    "displayName": "Test User",
    "locale": "en-US",
    "externalId": "00ujl29u0le5T6Aj10h7",
    "groups": [],
    "password": "1mz050nq",
    "active": True,
}


async def test_okta_adds_changes_and_deactivates_a_person(provider: Provider) -> None:
    first = (await provider.send("GET", "/Users?startIndex=1&count=1")).json()
    filter = quote('userName eq "test.user@acme.example"')
    none = (await provider.send("GET", f"/Users?filter={filter}&startIndex=1&count=100")).json()
    made = await provider.done("POST", "/Users", OKTA_USER)
    path = f"/Users/{made['id']}"
    read = await provider.done("GET", path)
    changed = await provider.done("PUT", path, {**read, "name": {"givenName": "Another", "familyName": "Name"}})
    ended = await provider.patched(path, operation("replace", None, {"active": False}))
    back = await provider.patched(path, operation("replace", None, {"active": True}))
    put = await provider.done("PUT", path, {**changed, "active": False})

    assert (first["totalResults"], first["itemsPerPage"]) == (6, 1)
    assert (none["totalResults"], none["Resources"]) == (0, [])
    assert (made["userName"], made["displayName"]) == ("test.user@acme.example", "Test User")
    assert "password" not in str(read)
    assert changed["name"]["givenName"] == "Another"
    assert [item["active"] for item in (ended, back, put)] == [False, True, False]
    assert refusal(await provider.send("POST", "/Users", OKTA_USER)) == (409, "uniqueness", "EMAIL_TAKEN")
    assert refusal(await provider.send("GET", "/Users/abcdefgh-0000"))[0] == 404
    assert refusal(await provider.send("POST", "/Users", {"schemas": [CORE_USER]}))[:2] == (400, "invalidValue")


async def test_okta_pushes_groups(world: World, provider: Provider) -> None:
    listed = (await provider.send("GET", "/Groups?startIndex=1&count=100")).json()
    group = await provider.done("POST", "/Groups", {"schemas": [CORE_GROUP], "displayName": REVIEWERS, "members": []})
    path, ada, carl = f"/Groups/{group['id']}", str(world.ada.id), str(world.carl.id)
    named = operation("replace", None, {"id": group["id"], "displayName": "Fraud reviewers"})
    await provider.patched(path, named)
    replaced = await provider.patched(path, operation("replace", "members", [{"value": ada, "display": "ada@x"}]))
    both = await provider.patched(
        path, operation("remove", f'members[value eq "{ada}"]'), operation("add", "members", [{"value": carl}])
    )
    whole = {"schemas": [CORE_GROUP], "id": group["id"], "displayName": REVIEWERS, "members": [{"value": ada}]}
    put = await provider.done("PUT", path, whole)

    assert listed["totalResults"] == 0
    assert [[member["value"] for member in item["members"]] for item in (replaced, both, put)] == [[ada], [carl], [ada]]
    assert put["displayName"] == REVIEWERS
