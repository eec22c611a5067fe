"""Anything by its id: one node or several, of each type that is one."""

from collections.abc import Mapping
from typing import cast
from uuid import UUID, uuid4

from graphql import GraphQLInterfaceType, build_schema

from app.api.schema import sdl
from app.domain.commands import AddComment
from app.domain.model import CaseStatus, Scope
from tests.support.administration import Administration, second_admin
from tests.support.api import Api, refusals
from tests.support.database_contents import contents
from tests.support.documents import uploaded
from tests.support.recorded_sql import recorded
from tests.support.world import World, make_world, person_of


async def waiting_change(world: World, api: Api) -> str:
    """Have a change asked for that waits for a second admin; return its id."""
    administration = Administration(world, api, await second_admin(world))
    return await administration.waiting(world.aldo, "changeRoles", userId=str(world.ada.id), roles=["REVIEWER"])


async def things(world: World, api: Api) -> Mapping[str, str]:
    """Return the id of something of each type that is a node."""
    pending = await world.case_in(CaseStatus.PENDING_REVIEW)
    document = UUID(await uploaded(api, world.carl.token))
    await world.do(world.carl, AddComment(case_id=pending.case.id, comment="Noted.", document_ids=(document,)))
    await waiting_change(world, api)
    found = await contents(world.database)
    kinds = {
        "User": "users",
        "Subject": "subjects",
        "Case": "cases",
        "CaseAction": "case_actions",
        "Comment": "comments",
        "Override": "overrides",
        "Document": "documents",
        "AccountAction": "account_actions",
        "AccountChange": "account_changes",
        "ApiToken": "api_tokens",
    }
    viewer = await api.run(world.aldo.token, "{ viewer { id } }")
    own = {"Account": str(world.account_id), "Viewer": viewer["viewer"]["id"]}
    return {kind: str(next(iter(found[table]))[0]) for kind, table in kinds.items()} | own


async def test_a_node_of_each_type_is_found_by_its_id(world: World, api: Api) -> None:
    ids = await things(world, api)
    schema = build_schema(sdl())
    possible = schema.get_possible_types(cast(GraphQLInterfaceType, schema.type_map["Node"]))
    query = """query($id: ID!) { node(id: $id) { __typename id ... on User { email } ... on Subject { label }
        ... on Case { title } ... on CaseAction { seq } ... on Comment { body } ... on Override { status }
        ... on Document { filename } ... on Account { name } ... on Viewer { scopes }
        ... on AccountAction { hash } ... on AccountChange { requestedBy { id } } ... on ApiToken { prefix } } }"""

    nodes = {kind: (await api.run(world.aldo.token, query, {"id": id}))["node"] for kind, id in ids.items()}

    assert ids.keys() == {type.name for type in possible}
    for kind, node in nodes.items():
        assert (node["__typename"], node["id"], len(node)) == (kind, ids[kind], 3)


async def test_nodes_come_in_the_order_of_their_ids_with_null_for_what_there_is_not(world: World, api: Api) -> None:
    ids = list((await things(world, api)).values())
    others = (await api.run(world.rosa.token, "{ viewer { id } }"))["viewer"]["id"]
    requested = [ids[3], str(uuid4()), *ids, ids[3].upper(), others]
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"

    nodes = (await api.run(world.aldo.token, query, {"ids": requested}))["nodes"]

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


# --- What administration shows ----------------------------------------------------------------------------------------

OF_ADMINS = ["AccountAction", "AccountChange", "ApiToken"]
NODES = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"


async def codes(api: Api, token: str, ids: list[str]) -> list[str | None]:
    """Return for each id the code that its node is refused with; None where it is there, `-` where there is none."""
    answer = (await api.send(token, NODES, {"ids": ids})).json()
    found: list[str | None] = [None if node else "-" for node in answer["data"]["nodes"]]
    for error in answer.get("errors", ()):
        found[error["path"][1]] = error["extensions"]["code"]
    return found


async def test_what_administration_shows_is_for_admins_with_the_scope(world: World, api: Api) -> None:
    ids = [id for kind, id in (await things(world, api)).items() if kind in OF_ADMINS]
    own, others = str(world.rosa.actor.token_id), str(world.carl.actor.token_id)
    scopeless = await person_of(world.database, world.aldo.id, *(set(Scope) - {Scope.ADMIN_READ}))

    assert await codes(api, world.aldo.token, [*ids, own, others]) == [None] * 5
    assert await codes(api, scopeless.token, ids) == ["INSUFFICIENT_SCOPE"] * 3
    assert await codes(api, world.rosa.token, [*ids[:2], own, others]) == [
        "ROLE_REQUIRED",
        "ROLE_REQUIRED",
        None,  # one's own
        "ROLE_REQUIRED",
    ]


async def test_what_administration_shows_is_hidden_from_other_accounts(world: World, api: Api) -> None:
    ids = [id for kind, id in (await things(world, api)).items() if kind in OF_ADMINS]
    elsewhere = await make_world(world.database)

    assert await codes(api, elsewhere.aldo.token, [*ids, str(uuid4())]) == ["-"] * 4


async def test_many_nodes_of_a_kind_are_one_statement(world: World, api: Api) -> None:
    shown = "adminLog(first: 13) { nodes { id } } tokens(first: 6) { nodes { id } } "
    lists = await api.run(world.aldo.token, f"{{ {shown} }}")
    ids = [node["id"] for name in ("adminLog", "tokens") for node in lists[name]["nodes"]]

    counted = []
    for some in (ids[:1] + ids[-1:], ids):
        with recorded() as reported:
            assert await codes(api, world.aldo.token, some) == [None] * len(some)
        counted.append(len(reported))

    assert len(ids) == 19
    assert counted[0] == counted[1]
