"""Requests of SCIM that are refused, what other accounts' people are to a provider, and what a request costs."""

import pytest

from app.admin import accounts
from app.config.settings import Settings
from app.domain.model import Role, Scope
from tests.support.account_logs import log_size
from tests.support.api import Api
from tests.support.database_contents import contents
from tests.support.recorded_sql import recorded
from tests.support.scim import (
    GROUPS,
    REVIEWERS,
    WORKERS,
    Provider,
    new_user,
    opened_provider,
    operation,
    refusal,
)
from tests.support.world import World, make_person, make_world, person_of

ZOE = "zoe@acme.example"


PATCHES = [
    ([operation("move", "active", True)], "invalidSyntax"),
    ([{"path": "active", "value": True}], "invalidSyntax"),
    (["x"], "invalidSyntax"),
    ([], "invalidSyntax"),
    ({"op": "add"}, "invalidSyntax"),
    ([operation("replace", "shoeSize", 42)], "invalidPath"),
    ([operation("replace", "name[x", "y")], "invalidPath"),
    ([operation("replace", "userName.x", "y")], "invalidPath"),
    ([operation("replace", 'active[value eq "x"]', True)], "invalidPath"),
    ([{"op": "replace", "path": 5, "value": True}], "invalidPath"),
    ([operation("replace", None, {"shoeSize": 42})], "invalidPath"),
    ([operation("remove")], "noTarget"),
    ([operation("replace", 'emails[type eq "home"].value', "a@acme.example")], "noTarget"),
    ([operation("replace", "id", "x")], "mutability"),
    ([operation("add", "groups", [{"value": "x"}])], "mutability"),
    ([operation("replace", "meta.created", "x")], "mutability"),
    ([operation("remove", "userName")], "mutability"),
    ([operation("remove", "active")], "mutability"),
    ([operation("remove", 'emails[type eq "work"].value')], "mutability"),
    ([operation("replace", "active", "yes")], "invalidValue"),
    ([operation("replace", "active", 1)], "invalidValue"),
    ([operation("replace", "userName", 5)], "invalidValue"),
    ([operation("replace", "userName", " ")], "invalidValue"),
    ([operation("replace", "userName", "a\u0000b")], "invalidValue"),
    ([operation("replace", "userName", "x" * 400)], "invalidValue"),
    ([operation("replace", "userName", "\ufdfa" * 100)], "invalidValue"),
    ([operation("replace", "displayName", "x" * 201)], "invalidValue"),
    ([operation("replace", "externalId", "x" * 256)], "invalidValue"),
    ([operation("replace", "name.givenName", "a\nb")], "invalidValue"),
    ([operation("replace", "name", "Ada")], "invalidValue"),
    ([operation("replace", "emails", [{"value": "no address"}])], "invalidValue"),
    ([operation("replace", "emails", [5])], "invalidValue"),
    ([operation("replace", "emails", {"value": {"value": "x"}})], "invalidValue"),
    ([operation("replace", "displayName", "x")] * 1_001, "tooMany"),
]


async def test_what_no_patch_can_be_is_refused_and_nothing_is_written(world: World, provider: Provider) -> None:
    start = await log_size(world.database, world.account_id)
    others = []
    for operations, kind in PATCHES:
        answer = await provider.send("PATCH", f"/Users/{world.ada.id}", {"Operations": operations})
        is_unwritten = await log_size(world.database, world.account_id) == start
        if refusal(answer)[:2] != (400, kind) or not is_unwritten:
            others.append((str(operations)[:100], kind, answer.text, is_unwritten))

    assert others == []


BODIES = [
    ("{", "invalidSyntax"),
    (b"\xff", "invalidSyntax"),
    ("[]", "invalidSyntax"),
    ('"x"', "invalidSyntax"),
    ("", "invalidSyntax"),
    ({}, "invalidValue"),
    ({"userName": None}, "invalidValue"),
    ({"userName": ["a@acme.example", "b@acme.example"]}, "invalidValue"),
    ({"userName": "no-address"}, "invalidValue"),
    ({"userName": "x", "emails": [{"type": "work"}]}, "invalidValue"),
    ({"userName": ZOE, "active": "perhaps"}, "invalidValue"),
    ({"userName": ZOE, "name": []}, "invalidValue"),
    ({"userName": ZOE, "displayName": {"a": 1}}, "invalidValue"),
    ({"userName": ZOE, "externalId": "\u202e"}, "invalidValue"),
]


async def test_what_is_no_one_is_refused(world: World, provider: Provider) -> None:
    people = (await provider.send("GET", "/Users")).json()["totalResults"]

    found = [refusal(await provider.send("POST", "/Users", body))[:2] for body, _ in BODIES]

    assert list(zip(BODIES, found, strict=True)) == [((body, kind), (400, kind)) for body, kind in BODIES]
    assert (await provider.send("GET", "/Users")).json()["totalResults"] == people


async def test_what_is_nested_deeply_is_refused(world: World, provider: Provider) -> None:
    deep = "[" * 1_000 + "]" * 1_000
    changes = (
        f'"op": {deep}',
        f'"op": "replace", "path": {deep}',
        f'"op": "replace", "path": "emails", "value": [{{"value": "x", "primary": {deep}}}]',
    )
    for change in changes:
        body = f'{{"Operations": [{{{change}}}]}}'
        assert (await provider.send("PATCH", f"/Users/{world.ada.id}", body)).status_code == 400, change[:40]


async def test_a_name_that_is_given_twice_is_refused_and_nothing_is_written(world: World, provider: Provider) -> None:
    before = await contents(world.database)
    change = '{"op": "replace", "path": "active", "value": true, "value": false}'

    answer = await provider.send("PATCH", f"/Users/{world.ada.id}", f'{{"Operations": [{change}]}}')

    assert answer.status_code == 400
    assert "“value” twice" in answer.json()["detail"]
    assert await contents(world.database) == before


LISTS = [
    ('/Users?filter=userName sw "a"', "invalidFilter"),
    ('/Users?filter=shoeSize eq "42"', "invalidFilter"),
    ("/Users?filter=userName eq 5", "invalidFilter"),
    ('/Users?filter=active eq "perhaps"', "invalidFilter"),
    ("/Users?filter=", "invalidFilter"),
    ('/Users?filter=userName eq "%5Cu0000"', "invalidFilter"),
    ('/Groups?filter=userName eq "a"', "invalidFilter"),
    ("/Users?count=many", "invalidValue"),
    ("/Users?startIndex=1.5", "invalidValue"),
]


async def test_what_no_list_can_be_requested_for_is_refused(provider: Provider) -> None:
    found = [(path, *refusal(await provider.send("GET", path))[:2]) for path, _ in LISTS]

    assert found == [(path, 400, kind) for path, kind in LISTS]


async def test_a_search_by_post_is_the_same(world: World, provider: Provider) -> None:
    wanted = f'id eq "{world.ada.id}"'
    (found,) = await provider.found("/Users", wanted, attributes="userName,active")
    body = {"filter": wanted, "attributes": ["userName", "active"], "startIndex": 1, "count": 5}
    answer = await provider.send("POST", "/Users/.search", body)
    assert (answer.status_code, answer.json()["Resources"]) == (200, [found])
    assert (await provider.send("POST", "/Groups/.search", {})).json()["totalResults"] == 0
    assert refusal(await provider.send("POST", "/Users/.search", {"count": {}}))[:2] == (400, "invalidValue")
    assert (await provider.send("GET", "/Users/.search")).status_code == 405


@pytest.mark.parametrize("digits", [18, 30, 5_000])
async def test_a_place_far_behind_is_empty(provider: Provider, digits: int) -> None:
    page = (await provider.send("GET", f"/Users?startIndex={'9' * digits}")).json()
    assert (page["totalResults"], page["Resources"]) == (6, [])


async def test_a_refusal_shows_what_was_sent_as_it_was_written(world: World, provider: Provider) -> None:
    filtered = await provider.send("GET", '/Users?filter=userName co "a"')
    inner = await provider.send("GET", '/Users?filter=emails[typE co "a"]')
    empty = await provider.send("PATCH", f"/Users/{world.ada.id}", {"Operations": []})

    assert "“userName co”" in filtered.json()["detail"]
    assert "“typE co”" in inner.json()["detail"]
    assert "Operations: This value can't be accepted: there are 0, and must be 1 to " in empty.json()["detail"]


async def test_what_is_wrong_with_the_request_itself(world: World, provider: Provider) -> None:
    sent = [
        await provider.send("GET", "/Users", token="cgt_unknown"),
        await provider.send("GET", "/Persons"),
        await provider.send("GET", f"/Users/{world.ada.id}/x"),
        await provider.send("GET", "/Users/"),
        await provider.send("DELETE", "/Users"),
        await provider.send("POST", "/Users", new_user(ZOE), Content_Type="text/plain"),
        await provider.send("GET", "/Users", Accept="text/html"),
        await provider.send("POST", "/Users", "x" * 300_000),
        await provider.send("POST", "/Bulk", {}),
        await provider.send("POST", "/.search", {}),
        await provider.send("GET", "/Me"),
        await provider.send("GET", "/Schemas/urn:x"),
    ]
    assert [answer.status_code for answer in sent] == [401, 404, 404, 200, 405, 415, 406, 413, 501, 501, 501, 404]
    assert sent[0].headers["www-authenticate"].startswith("Bearer")
    assert sent[4].headers["allow"] == "GET, HEAD, POST"


async def test_plain_json_and_french_are_spoken(provider: Provider) -> None:
    made = await provider.send(
        "POST", "/Users", new_user(ZOE), Content_Type="application/json; charset=utf-8", Accept="application/json"
    )
    french = await provider.send("GET", "/Users/x", Accept_Language="fr-CA")
    assert (made.status_code, made.headers["content-type"]) == (201, "application/json")
    assert french.headers["content-language"] == "fr"
    assert "utilisateur" in french.json()["detail"]


async def test_a_rate_limit_and_a_fault_are_answered_as_errors_of_scim(world: World, fresh_url: str) -> None:
    async with opened_provider(fresh_url, world.aldo, rate_limit=3) as provider:
        answers = [await provider.send("GET", "/Users?count=1") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_another_account_is_not_there(world: World, provider: Provider) -> None:
    other = await make_world(world.database)
    ada, mine = str(other.ada.id), await provider.group(WORKERS)
    theirs = f"ada@{other.account_id}.example"

    for method, body in (
        ("GET", None),
        ("PUT", new_user("x@acme.example")),
        ("PATCH", {"Operations": [operation("replace", "active", False)]}),
        ("DELETE", None),
    ):
        unknown = await provider.send(method, "/Users/01900000-0000-7000-8000-000000000001", body)
        answer = await provider.send(method, f"/Users/{ada}", body)
        assert (answer.status_code, answer.json()) == (404, unknown.json())
    for filter in (f'userName eq "{theirs}"', f'id eq "{ada}"', f'emails.value eq "{theirs}"'):
        assert await provider.found("/Users", filter) == []
    added = await provider.patch(f"/Groups/{mine['id']}", operation("add", "members", [{"value": ada}]))
    assert refusal(added) == (400, "invalidValue", "INVALID_INPUT")
    assert (await provider.add(theirs))["userName"] == theirs
    assert (await provider.send("GET", "/Users")).json()["totalResults"] == 7
    assert ada not in (await provider.send("GET", f"/Groups/{mine['id']}")).text


async def test_a_service_account_is_no_one_to_a_provider(world: World, provider: Provider) -> None:
    path = f"/Users/{provider.service_id}"
    assert (await provider.send("GET", path)).status_code == 404
    assert (await provider.send("DELETE", path)).status_code == 404
    address = f"{provider.service_id}@service.invalid"
    assert await provider.found("/Users", f'userName eq "{address}"') == []
    assert refusal(await provider.send("POST", "/Users", new_user(address))) == (409, "uniqueness", "EMAIL_TAKEN")


async def test_without_a_setting_no_group_gives_a_role(world: World, provider: Provider, fresh_url: str) -> None:
    await provider.group(WORKERS)
    async with opened_provider(fresh_url, world.aldo) as same:
        assert (await same.send("GET", "/Groups")).json()["totalResults"] == 1
    async with Api.opened(fresh_url) as api:
        bare = Provider(api, provider.token, provider.service_id)
        assert (await bare.send("GET", "/Groups")).json()["totalResults"] == 0
        assert refusal(await bare.send("POST", "/Groups", {"displayName": REVIEWERS}))[:2] == (400, "invalidValue")


async def test_reading_takes_the_same_statements_whatever_there_is(world: World, provider: Provider) -> None:
    for name in (WORKERS, REVIEWERS):
        await provider.group(name)
    paths = ("/Users", "/Groups", '/Users?filter=userName eq "x"', f"/Users/{world.ada.id}")
    few = [await cost(provider, path) for path in paths]
    for number in range(8):
        person = await make_person(world.database, world.account_id, f"More{number}", Role.CONTRIBUTOR, Role.REVIEWER)
        await person_of(world.database, person.id, Scope.CASES_READ)

    assert [await cost(provider, path) for path in paths] == few
    assert max(few) <= 5


async def cost(provider: Provider, path: str) -> int:
    with recorded() as statements:
        assert (await provider.send("GET", path)).status_code == 200
    return len(statements)


async def test_a_push_takes_the_same_statements_whatever_there_is(world: World, provider: Provider) -> None:
    async def pushed(name: str) -> int:
        user = await accounts.create_user(
            world.database, world.account_id, email=f"{name}@acme.example", name=name, roles=[Role.CONTRIBUTOR]
        )
        with recorded() as statements:
            await provider.patched(f"/Users/{user.id}", operation("replace", "displayName", f"{name} 2"))
        return len(statements)

    few = await pushed("first")
    for number in range(8):
        await make_person(world.database, world.account_id, f"More{number}", Role.CONTRIBUTOR)
    assert await pushed("second") == few


def test_groups_are_set_by_name() -> None:
    found = Settings.model_validate({"scim_groups": GROUPS}).scim_groups
    assert found == {WORKERS: Role.CONTRIBUTOR, REVIEWERS: Role.REVIEWER, "Fraud reviewers": Role.REVIEWER}
    for wrong in ("Admins=ADMIN", "x", "=REVIEWER", "a=REVIEWER; A=CONTRIBUTOR", "x" * 101 + "=REVIEWER"):
        with pytest.raises(ValueError, match="scim_groups"):
            Settings.model_validate({"scim_groups": wrong})
