"""Anything by its id: one node or several, of each type that is one."""

from collections.abc import Mapping
from typing import cast
from uuid import UUID, uuid4

from graphql import GraphQLInterfaceType, build_schema

from app.api.schema import sdl
from app.domain.commands import AddComment
from app.domain.model import CaseStatus, Scope
from tests.support.api import Api, refusals
from tests.support.database_contents import contents
from tests.support.documents import uploaded
from tests.support.world import World, person_of


async def things(world: World, api: Api) -> Mapping[str, str]:
    """Return the id of something of each type that is a node."""
    pending = await world.case_in(CaseStatus.PENDING_REVIEW)
    document = UUID(await uploaded(api, world.carl.token))
    await world.do(world.carl, AddComment(case_id=pending.case.id, comment="Noted.", document_ids=(document,)))
    found = await contents(world.database)
    kinds = {
        "User": "users",
        "Subject": "subjects",
        "Case": "cases",
        "CaseAction": "case_actions",
        "Comment": "comments",
        "Override": "overrides",
        "Document": "documents",
    }
    own = {"Account": str(world.account_id), "Viewer": str(world.ada.actor.token_id)}
    return {kind: str(next(iter(found[table]))[0]) for kind, table in kinds.items()} | own


async def test_a_node_of_each_type_is_found_by_its_id(world: World, api: Api) -> None:
    ids = await things(world, api)
    schema = build_schema(sdl())
    possible = schema.get_possible_types(cast(GraphQLInterfaceType, schema.type_map["Node"]))
    query = """query($id: ID!) { node(id: $id) { __typename id ... on User { email } ... on Subject { label }
        ... on Case { title } ... on CaseAction { seq } ... on Comment { body } ... on Override { status }
        ... on Document { filename } ... on Account { name } ... on Viewer { scopes } } }"""

    nodes = {kind: (await api.run(world.ada.token, query, {"id": id}))["node"] for kind, id in ids.items()}

    assert ids.keys() == {type.name for type in possible}
    for kind, node in nodes.items():
        assert (node["__typename"], node["id"], len(node)) == (kind, ids[kind], 3)


async def test_nodes_come_in_the_order_of_their_ids_with_null_for_what_there_is_not(world: World, api: Api) -> None:
    ids = list((await things(world, api)).values())
    requested = [ids[3], str(uuid4()), *ids, ids[3].upper(), str(world.rosa.actor.token_id)]
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"

    nodes = (await api.run(world.ada.token, query, {"ids": requested}))["nodes"]

    expected = [ids[3], None, *ids, ids[3], None]
    assert [node and node["id"] for node in nodes] == expected
    assert (await api.run(world.ada.token, "{ nodes(ids: []) { id } }")) == {"nodes": []}


async def test_an_id_that_is_none_is_null_with_an_error_at_its_place_and_takes_nothing_with_it(
    world: World, api: Api
) -> None:
    good = (await things(world, api))["Case"]
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } viewer { user { id } } labels(language: EN) { value } }"

    for _ in range(2):  # the second time by a plan
        answer = (await api.send(world.ada.token, query, {"ids": ["x", good, "", str(uuid4())]})).json()

        assert answer["data"]["nodes"] == [None, {"id": good}, None, None]
        assert answer["data"]["viewer"] == {"user": {"id": str(world.ada.id)}} and answer["data"]["labels"]
        reported = [(it["path"], it["extensions"]["code"], it["extensions"]["argument"]) for it in answer["errors"]]
        assert reported == [(["nodes", n], "INVALID_ID", ["ids", str(n)]) for n in (0, 2)]
    many = (await api.send(world.ada.token, query, {"ids": [good] * 101})).json()
    assert many["data"]["nodes"] is None and many["data"]["viewer"]
    assert [error["path"] for error in many["errors"]] == [["nodes"]]


async def test_a_node_that_may_not_be_read_takes_no_other_with_it(world: World, api: Api) -> None:
    ids = await things(world, api)
    limited = await person_of(world.database, world.ada.id, Scope.CASES_READ)
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"

    answer = (await api.send(limited.token, query, {"ids": [ids["User"], ids["Case"]]})).json()

    assert answer["data"] == {"nodes": [None, {"id": ids["Case"]}]}
    assert [(it["path"], it["extensions"]["code"]) for it in answer["errors"]] == [(["nodes", 0], "INSUFFICIENT_SCOPE")]


async def test_ids_that_are_none_are_all_named_and_more_than_100_are_refused(world: World, api: Api) -> None:
    good = str(uuid4())

    async def reported(ids: list[str]) -> list[tuple[str, list[str]]]:
        listed = ", ".join(f'"{id}"' for id in ids)
        return await refusals(api, world.ada.token, f"{{ nodes(ids: [{listed}]) {{ id }} }}")

    assert await reported(["x", good, ""]) == [("INVALID_ID", ["ids", "0"]), ("INVALID_ID", ["ids", "2"])]
    assert await reported([good] * 101) == [("INVALID_INPUT", ["ids"])]
    assert await refusals(api, world.ada.token, '{ node(id: "x") { id } }') == [("INVALID_ID", ["id"])]
    hundred = await api.run(world.ada.token, "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": [good] * 100})
    assert hundred == {"nodes": [None] * 100}
