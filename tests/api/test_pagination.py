"""The four lists, page by page, forward and backward; and the cursors and page sizes that are refused."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from app.domain.commands import AddComment
from app.domain.model import CaseStatus, Role
from tests.support.api import Api
from tests.support.world import World, make_person, make_world

PAGE = """edges { cursor node { id } } nodes { id } totalCount
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"""
CASE = "case(id: $case)"
VARIABLES = "$first: Int, $last: Int, $after: String, $before: String"
ARGUMENTS = "first: $first, last: $last, after: $after, before: $before"
DOCUMENTS = {
    "cases": f"query({VARIABLES}) {{ page: cases({ARGUMENTS}) {{ {PAGE} }} }}",
    "users": f"query({VARIABLES}) {{ page: users({ARGUMENTS}) {{ {PAGE} }} }}",
    "overrides": f"query($case: ID!, {VARIABLES}) {{ {CASE} {{ page: overrides({ARGUMENTS}) {{ {PAGE} }} }} }}",
    "actions": f"query($case: ID!, {VARIABLES}) {{ {CASE} {{ page: actions({ARGUMENTS}) {{ {PAGE} }} }} }}",
}


@dataclass(frozen=True, slots=True)
class List:
    """One of the lists, with its items' ids as they must come: newest first."""

    world: World
    api: Api
    kind: str
    case_id: UUID
    ids: list[str]

    async def send(self, **arguments: Any) -> dict[str, Any]:
        """Ask for a page, and return the whole body."""
        variables = {"case": str(self.case_id)} | arguments
        token = self.world.ada.token
        body: dict[str, Any] = (await self.api.send(token, DOCUMENTS[self.kind], variables)).json()
        return body

    async def page(self, **arguments: Any) -> dict[str, Any]:
        """Return a page, whose nodes, edges and cursors must agree."""
        body = await self.send(**arguments)
        assert "errors" not in body, body
        page: dict[str, Any] = (body["data"].get("case") or body["data"])["page"]
        assert page["nodes"] == [edge["node"] for edge in page["edges"]]
        cursors = [edge["cursor"] for edge in page["edges"]]
        assert len(set(cursors)) == len(cursors)
        ends = (cursors[0], cursors[-1]) if cursors else (None, None)
        assert (page["pageInfo"]["startCursor"], page["pageInfo"]["endCursor"]) == ends
        assert page["totalCount"] == len(self.ids)
        return page

    async def refusal(self, **arguments: Any) -> tuple[str, str]:
        """Return the code and the argument of what must be refused."""
        body = await self.send(**arguments)
        (error,) = body["errors"]
        assert list((body["data"] or {}).values()) == [None]
        (argument,) = error["extensions"]["argument"]
        return error["extensions"]["code"], argument


@pytest.fixture
async def lists(world: World, api: Api) -> list[List]:
    """Four lists of seven, beside another account's."""
    elsewhere = await make_world(world.database)
    await elsewhere.open_case()
    cases = [(await world.open_case()).case.id for _ in range(7)]
    newest = await make_person(world.database, world.account_id, "Nina", Role.REVIEWER)
    requested = [(await world.request_override(cases[1])).override]
    for _ in range(6):
        await world.refuse(cases[1])
        requested.append((await world.request_override(cases[1])).override)
    comments = [AddComment(case_id=cases[0], comment=f"{n}") for n in range(6)]
    actions = [(await world.do(world.carl, comment)).action.id for comment in comments]
    (opening,) = (await api.run(world.ada.token, OPENING, {"id": str(cases[0])}))["case"]["actions"]["nodes"]
    people = [world.ada, world.carl, world.rosa, world.rolf, world.bea, world.aldo, newest]
    found = {
        "cases": [str(id) for id in cases],
        "users": [str(person.id) for person in people],
        "overrides": [str(override.id) for override in requested if override is not None],
        "actions": [opening["id"], *(str(id) for id in actions)],
    }
    of_case = {"overrides": cases[1]}
    return [List(world, api, kind, of_case.get(kind, cases[0]), listed[::-1]) for kind, listed in found.items()]


OPENING = "query($id: ID!) { case(id: $id) { actions(types: [OPEN]) { nodes { id } } } }"


def ids(page: dict[str, Any]) -> list[str]:
    return [node["id"] for node in page["nodes"]]


def around(page: dict[str, Any]) -> tuple[bool, bool]:
    """Return whether there is more before the page, and after it."""
    return page["pageInfo"]["hasPreviousPage"], page["pageInfo"]["hasNextPage"]


async def test_a_list_is_walked_forward_and_backward_without_gap_or_repeat(lists: list[List]) -> None:
    for listed in lists:
        for size in (1, 3, 6, 7, 100):
            forward: list[str] = []
            cursor = None
            while cursor is not None or not forward:
                page = await listed.page(first=size, after=cursor)
                forward += ids(page)
                assert around(page) == (cursor is not None, len(forward) < 7)
                cursor = page["pageInfo"]["endCursor"] if around(page)[1] else None
            backward: list[str] = []
            while cursor is not None or not backward:
                page = await listed.page(last=size, before=cursor)
                backward = ids(page) + backward
                assert around(page) == (len(backward) < 7, cursor is not None)
                cursor = page["pageInfo"]["startCursor"] if around(page)[0] else None

            assert forward == backward == listed.ids, (listed.kind, size)


async def test_a_part_of_a_list_is_cut_by_cursors_on_both_sides(lists: list[List]) -> None:
    for listed in lists:
        cursors = [edge["cursor"] for edge in (await listed.page())["edges"]]

        middle = await listed.page(after=cursors[1], before=cursors[5])
        start = await listed.page(after=cursors[1], before=cursors[5], first=2)
        end = await listed.page(after=cursors[1], before=cursors[5], last=2)
        both = await listed.page(first=5, last=2)
        empty = await listed.page(after=cursors[2], before=cursors[3])

        assert ids(middle) == listed.ids[2:5]
        assert (ids(start), around(start)) == (listed.ids[2:4], (True, True))
        assert (ids(end), around(end)) == (listed.ids[3:5], (True, True))
        assert (ids(both), around(both)) == (listed.ids[3:5], (True, True))
        assert ids(empty) == []
        assert ids(await listed.page(after=cursors[6])) == ids(await listed.page(before=cursors[0])) == []


async def test_what_comes_in_at_the_top_moves_nothing_in_the_pages_below(lists: list[List]) -> None:
    first = {listed.kind: (await listed.page(first=3))["pageInfo"] for listed in lists}
    world = lists[0].world

    await world.open_case()
    await make_person(world.database, world.account_id, "Nora")
    (overridden,) = (listed.case_id for listed in lists if listed.kind == "overrides")
    await world.refuse(overridden)
    await world.request_override(overridden)
    await world.do(world.carl, AddComment(case_id=lists[0].case_id, comment="Late."))

    for listed in lists:
        known = list(listed.ids)
        listed.ids.insert(0, "the newest")
        assert ids(await listed.page(first=4, after=first[listed.kind]["endCursor"])) == known[3:], listed.kind
        (newest,) = ids(await listed.page(last=1, before=first[listed.kind]["startCursor"]))
        assert newest not in known


async def test_page_sizes_out_of_range_are_refused_and_not_clamped(lists: list[List]) -> None:
    for listed in lists:
        for size in (0, -1, 101, 2**31 - 1):
            assert await listed.refusal(first=size) == ("INVALID_INPUT", "first")
            assert await listed.refusal(last=size) == ("INVALID_INPUT", "last")
        assert await listed.refusal(first=1, last=0) == ("INVALID_INPUT", "last")


@pytest.mark.long
async def test_a_cursor_that_was_altered_or_made_up_is_refused(lists: list[List]) -> None:
    for listed in lists:
        cursor = (await listed.page(first=1))["pageInfo"]["endCursor"]
        altered = {cursor[:n] + ("A" if cursor[n] != "A" else "B") + cursor[n + 1 :] for n in range(len(cursor))}
        altered |= {"", " ", cursor[:-1], cursor + "A", cursor + "=", f" {cursor}", "nonsense", "é", "MQ", "\x00"}

        for wrong in sorted(altered):
            assert await listed.refusal(after=wrong) == ("INVALID_CURSOR", "after"), (listed.kind, wrong)
        assert await listed.refusal(last=1, before=cursor[::-1]) == ("INVALID_CURSOR", "before")
        assert ids(await listed.page(after=cursor)) == listed.ids[1:]


async def test_the_default_page_size_is_25(world: World, api: Api) -> None:
    case_id = (await world.open_case()).case.id
    for n in range(26):
        await world.do(world.carl, AddComment(case_id=case_id, comment=f"{n}"))
    query = "query($id: ID!) { case(id: $id) { actions { nodes { seq } pageInfo { hasNextPage } totalCount } } }"

    actions = (await api.run(world.ada.token, query, {"id": str(case_id)}))["case"]["actions"]

    assert [node["seq"] for node in actions["nodes"]] == list(range(27, 2, -1))
    assert (actions["pageInfo"], actions["totalCount"]) == ({"hasNextPage": True}, 27)


async def test_a_cursor_opens_no_other_list(world: World, api: Api) -> None:
    elsewhere = await make_world(world.database)
    await elsewhere.open_case()
    one, other = [(await world.case_in(status)).case.id for status in [CaseStatus.PENDING_REVIEW] * 2]
    for case_id in (one, other):
        await world.do(world.carl, AddComment(case_id=case_id, comment="See."))
    lists = {
        "cases": ("cases(CURSOR)", world.ada.token),
        "another account's cases": ("cases(CURSOR)", elsewhere.ada.token),
        "users": ("users(CURSOR)", world.ada.token),
        "reviewers": ("users(role: REVIEWER, CURSOR)", world.ada.token),
        "active users": ("users(active: true, CURSOR)", world.ada.token),
        "another account's users": ("users(CURSOR)", elsewhere.ada.token),
        "actions": (f'case(id: "{one}") {{ actions(CURSOR)', world.ada.token),
        "another case's actions": (f'case(id: "{other}") {{ actions(CURSOR)', world.ada.token),
        "some actions": (f'case(id: "{one}") {{ actions(types: [OPEN, COMMENT], CURSOR)', world.ada.token),
        "other actions": (f'case(id: "{one}") {{ actions(types: [OPEN], CURSOR)', world.ada.token),
        "overrides": (f'case(id: "{one}") {{ overrides(CURSOR)', world.ada.token),
        "another case's overrides": (f'case(id: "{other}") {{ overrides(CURSOR)', world.ada.token),
    }

    async def body_of(name: str, arguments: str) -> dict[str, Any]:
        field, token = lists[name]
        document = f"{{ {field.replace('CURSOR', arguments)} {{ edges {{ cursor }} }} {'}' * field.count('{')} }}"
        body: dict[str, Any] = (await api.send(token, document)).json()
        return body

    def cursor_in(body: dict[str, Any]) -> str:
        (found,) = body["data"].values()
        cursor: str = (found.get("actions") or found.get("overrides") or found)["edges"][0]["cursor"]
        return cursor

    cursors = {name: cursor_in(await body_of(name, "first: 1")) for name in lists}
    for name in lists:
        for origin, cursor in cursors.items():
            body = await body_of(name, f'after: "{cursor}"')
            reported = [error["extensions"]["code"] for error in body.get("errors", [])]
            assert reported == ([] if name == origin else ["INVALID_CURSOR"]), (origin, name)
