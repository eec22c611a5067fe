"""People as a list: found by name and address whatever the accents, and sorted by name alike on both engines."""

from typing import Any

import pytest

from app.admin import accounts
from app.domain.model import Role
from tests.support.api import Api
from tests.support.world import World, make_world

NAMES = ["Zoë", "zoe", "Émile", "Emil", "ÉMILE ZOLA", "Łukasz", "李雷", "Иван", "Ål", "al_zq", "100%", "Søren", "Ζωή"]
# Without case and accents by the numbers of their characters, those alike in the order in which they were added.
SORTED = [
    *("100%", "Ada", "Ål", "al_zq", "Aldo", "Bea", "Carl", "Emil", "Émile", "ÉMILE ZOLA", "Łukasz"),
    *("Rolf", "Rosa", "Søren", "Zoë", "zoe", "Ζωή", "Иван", "李雷"),
]
LISTED = """query($search: String, $by: UserOrder, $first: Int, $last: Int, $after: String, $before: String) {
    page: users(search: $search, orderBy: $by, first: $first, last: $last, after: $after, before: $before) {
        totalCount nodes { displayName roles } edges { cursor } pageInfo { hasNextPage hasPreviousPage } } }"""
CANDIDATES = """query($id: ID!, $search: String, $by: UserOrder, $only: Boolean, $first: Int, $after: String) {
    case(id: $id) { page: eligibleReviewers(onlyEligible: $only, search: $search, orderBy: $by, first: $first,
        after: $after) { totalCount edges { cursor eligible } nodes { displayName } } } }"""
NAME = {"field": "NAME"}


async def add_crowd(world: World) -> None:
    for index, name in enumerate(NAMES):
        email = f"person{index}@{'gare' if index % 2 else 'nord'}.example"
        await accounts.create_user(world.database, world.account_id, email=email, name=name, roles=[Role.REVIEWER])


@pytest.fixture
async def crowd(world: World) -> World:
    await add_crowd(world)
    await add_crowd(await make_world(world.database))
    return world


async def people(api: Api, world: World, **arguments: Any) -> Any:
    return (await api.run(world.ada.token, LISTED, {"first": 100} | arguments))["page"]


def names(page: Any) -> list[str]:
    return [node["displayName"] for node in page["nodes"]]


async def test_people_are_sorted_by_name_without_case_and_accents_by_code_points(crowd: World, api: Api) -> None:
    upwards = await people(api, crowd, by=NAME)
    downwards = await people(api, crowd, by={"field": "NAME", "direction": "DESC"})

    assert names(upwards) == SORTED
    assert names(downwards) == SORTED[::-1]
    assert all(node["roles"] for node in upwards["nodes"])


async def test_a_list_by_name_is_walked_both_ways_without_gap_or_repeat(crowd: World, api: Api) -> None:
    for direction, expected in (("ASC", SORTED), ("DESC", SORTED[::-1])):
        by = {"field": "NAME", "direction": direction}
        for size in (1, 4, 18):
            walked: list[str] = []
            cursor = None
            while cursor is not None or not walked:
                page = await people(api, crowd, by=by, first=size, after=cursor)
                walked += names(page)
                assert page["totalCount"] == len(SORTED)
                cursor = page["edges"][-1]["cursor"] if page["pageInfo"]["hasNextPage"] else None
            assert walked == expected
            page = await people(api, crowd, by=by, first=None, last=size)
            assert names(page) == expected[-size:]
            before = await people(api, crowd, by=by, first=None, last=2, before=page["edges"][0]["cursor"])
            assert names(before) == expected[:-size][-2:]


async def test_by_time_the_newest_come_first_by_default(crowd: World, api: Api) -> None:
    newest = names(await people(api, crowd))

    assert newest[: len(NAMES)] == NAMES[::-1]
    assert names(await people(api, crowd, by={"field": "CREATED_AT"})) == newest[::-1]
    assert names(await people(api, crowd, by={"field": "CREATED_AT", "direction": "DESC"})) == newest


@pytest.mark.long
@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("zoe", ["Zoë", "zoe"]),
        ("ZOË", ["Zoë", "zoe"]),
        ("Zoe\u0308", ["Zoë", "zoe"]),
        ("emil", ["Emil", "Émile", "ÉMILE ZOLA"]),
        ("zola émile", ["ÉMILE ZOLA"]),
        ("mil zol", ["ÉMILE ZOLA"]),
        ("lukasz", ["Łukasz"]),
        ("soren", ["Søren"]),
        ("иван", ["Иван"]),
        ("李", ["李雷"]),
        ("ζωη", ["Ζωή"]),
        ("al_zq", ["al_zq"]),
        ("person3", ["Emil"]),
        ("person3@", ["Emil"]),
        ("person3 gare.example", ["Emil"]),
        ("nobody", []),
        ("%", []),
        ("_", []),
        ("\u0000zoe", ["Zoë", "zoe"]),
        ("'", []),
    ],
    ids=ascii,
)
async def test_people_are_found_by_all_words_in_name_or_address(
    crowd: World, api: Api, search: str, found: list[str]
) -> None:
    page = await people(api, crowd, search=search, by=NAME)

    assert names(page) == found
    assert page["totalCount"] == len(found)


async def test_a_blank_search_is_none_and_one_that_is_too_long_is_refused(crowd: World, api: Api) -> None:
    assert names(await people(api, crowd, search=" ", by=NAME)) == SORTED

    for search, code in (("x" * 201, "TOO_LONG"), ("a b c d e f g h i", "INVALID_INPUT")):
        body = (await api.send(crowd.ada.token, LISTED, {"search": search})).json()
        (error,) = body["errors"]
        assert (error["extensions"]["code"], error["extensions"]["argument"]) == (code, ["search"])


async def test_a_cursor_is_good_for_its_search_and_its_order_alone(crowd: World, api: Api) -> None:
    lists: list[dict[str, Any]] = [{}, {"by": NAME}, {"by": {"field": "NAME", "direction": "DESC"}}, {"search": "e"}]
    cursors = [(await people(api, crowd, **arguments))["edges"][0]["cursor"] for arguments in lists]

    for place, arguments in enumerate(lists):
        for other, cursor in enumerate(cursors):
            body = (await api.send(crowd.ada.token, LISTED, arguments | {"after": cursor})).json()
            codes = [error["extensions"]["code"] for error in body.get("errors", [])]
            assert codes == ([] if place == other else ["INVALID_CURSOR"])


async def test_reviewers_are_searched_and_sorted_as_people_are(crowd: World, api: Api) -> None:
    case_id = str((await crowd.open_case()).case.id)

    async def candidates(**arguments: Any) -> Any:
        return (await api.run(crowd.bea.token, CANDIDATES, {"id": case_id, "first": 100} | arguments))["case"]["page"]

    everybody = await candidates(by=NAME)
    may_be_assigned = [name for name in SORTED if name not in ("Ada", "Aldo", "Bea", "Carl")]
    assert names(everybody) == SORTED
    assert [edge["eligible"] for edge in everybody["edges"]] == [name in may_be_assigned for name in SORTED]
    assert names(await candidates(by=NAME, only=True)) == may_be_assigned
    found = await candidates(by=NAME, only=True, search="zo", first=2)
    assert (names(found), found["totalCount"]) == (["ÉMILE ZOLA", "Zoë"], 3)
    rest = await candidates(by=NAME, only=True, search="zo", after=found["edges"][-1]["cursor"])
    assert names(rest) == ["zoe"]
