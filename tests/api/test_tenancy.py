"""Nobody sees anything of another account: each of its ids, in each place that takes one, answers like a random id.

The places are found by walking the schema, so that a new argument or input field is tried from its first day. What a
token may see of its own account is in test_scopes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_required_argument,
)

from app.api.schema import sdl
from app.domain.commands import AddComment
from app.domain.model import CaseStatus, Scope
from tests.support.api import Api
from tests.support.database_contents import contents
from tests.support.documents import uploaded
from tests.support.world import World, make_world, person_of

SCHEMA: GraphQLSchema = build_schema(sdl())
ERRORS = """errors { __typename code message path ... on InputError { maximum } ... on NotFoundError { resource }
    ... on AccessError { requiredRoles requiredScope disabledFeature }
    ... on StateError { case { id } caseStatus allowedActions }
    ... on VersionConflictError { expectedVersion actualVersion actionsSince { id } } }"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an id can be put: a field of a type, and the way to the id from its argument."""

    type: str
    field: str
    path: tuple[str, ...]
    is_list: bool

    def __str__(self) -> str:
        return f"{self.type}.{self.field}({'.'.join(self.path)})"


def ids_in(
    type_: GraphQLInputType, path: tuple[str, ...], within: frozenset[str] = frozenset()
) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Yield the way to each id in an argument or an input field, and whether a list of them is taken."""
    named = get_named_type(type_)
    if named.name == "ID":
        yield path, isinstance(get_nullable_type(type_), GraphQLList)
    if isinstance(named, GraphQLInputObjectType) and named.name not in within:
        for name, field in named.fields.items():
            yield from ids_in(field.type, (*path, name), within | {named.name})


def places() -> list[Place]:
    """Return every place of the schema that takes an id, but those of subscriptions, which tests/live tries."""
    return [
        Place(type_.name, field_name, path, is_list)
        for type_ in SCHEMA.type_map.values()
        if isinstance(type_, GraphQLObjectType) and type_ is not SCHEMA.subscription_type
        for field_name, field in type_.fields.items()
        for argument_name, argument in field.args.items()
        for path, is_list in ids_in(argument.type, (argument_name,))
    ]


@dataclass(frozen=True, slots=True)
class Stranger:
    """Somebody of another account, with good inputs for all that they could do in their own."""

    api: Api
    token: str
    inputs: Mapping[str, dict[str, Any]]
    admin_token: str = ""

    async def ask(self, place: Place, id: str) -> tuple[int, bytes, dict[str, str]]:
        """Put *id* in *place*, and return the answer with the id itself made unknowable."""
        document, variables = self._request(place, [id] if place.is_list else id)
        token = self.admin_token if place.field in ADMINISTRATION else self.token
        answer = await self.api.send(token, document, variables, x_request_id="the-same")
        return seen(answer, id)

    def _request(self, place: Place, value: Any) -> tuple[str, dict[str, Any]]:
        field = SCHEMA.type_map[place.type].fields[place.field]  # type: ignore[attr-defined]  # it is an object type
        argument = field.args[place.path[0]]
        others = {name for name, other in field.args.items() if is_required_argument(other) and other is not argument}
        more = ALONG.get(f"{place.type}.{place.field}", {})
        assert place.type in WAYS and others <= more.keys(), f"teach this test to ask {place}"
        along = "".join(f", {name}: {written}" for name, written in more.items())
        variable = self.inputs.get(place.field, {}) if place.type == "Mutation" else {}
        if place.type == "Mutation":
            case = "" if place.field in ADMINISTRATION else "case { id }"
            selection = f"{{ {case} action {{ seq }} {ERRORS} }}"
        elif place.field in ("cases", "actions", "tokens"):
            selection = "{ totalCount nodes { __typename } }"
        else:
            selection = "{ __typename }" if is_composite_type(get_named_type(field.type)) else ""
        kind = "mutation" if place.type == "Mutation" else "query"
        requested = WAYS[place.type] % f"{place.field}({place.path[0]}: $v{along}) {selection}"
        return f"{kind}($v: {argument.type}) {{ {requested} }}", {"v": put(variable, place.path[1:], value)}


# What an admin of the other account asks for, with good inputs.
ADMINISTRATION: Mapping[str, dict[str, Any]] = {
    "updateUser": {"displayName": "Other"},
    "deactivateUser": {},
    "reactivateUser": {},
    "changeRoles": {"roles": ["CONTRIBUTOR"]},
    "createToken": {"scopes": ["CASES_READ"]},
    "revokeToken": {},
    "approveChange": {},
    "refuseChange": {},
    "cancelChange": {},
    "tokens": {},
}

# What a field must be given besides.
ALONG = {
    "Query.verifyReceipt": {"seq": "1", "hash": f'"{"0" * 64}"'},
    "Query.caseSnapshot": {"asOf": "{seq: 1}"},
}

# How a field of a type is reached.
WAYS = {
    "Query": "%s",
    "Mutation": "%s",
    "Case": "cases(first: 100) { nodes { %s } }",
    "CaseSnapshot": 'caseSnapshot(reference: "CASE-000001", asOf: {seq: 1}) { %s }',
}


def put(variable: Any, path: Sequence[str], value: Any) -> Any:
    """Return *variable* with *value* at the end of *path*."""
    if not path:
        return value
    name, *rest = path
    return {**variable, name: put(variable.get(name, {}), rest, value)}


def seen(answer: httpx2.Response, id: str) -> tuple[int, bytes, dict[str, str]]:
    """Return all that the client sees: status, body and headers."""
    return answer.status_code, answer.content.replace(id.encode(), b"ID"), dict(answer.headers)


async def ids_of(world: World) -> list[tuple[str, str]]:
    """Return the ids of an account and of its rows, with their tables."""
    found = [("accounts", str(world.account_id))]
    for table, rows in (await contents(world.database)).items():
        mine = [row for row in rows.values() if row.get("account_id") == world.account_id and "id" in row]
        if table == "users":
            mine = [row for row in mine if row["display_name"] in ("Ada", "Bea")]
        differ = table in ("users", "cases", "overrides", "documents")  # by role or state; of the rest one is like all
        found += [(table, str(row["id"])) for row in (mine if differ else mine[:1])]
    return found


async def lived_in(world: World, api: Api) -> list[tuple[str, str]]:
    """Fill an account with cases in every state and a document of each kind, and return its ids."""
    for status in CaseStatus:
        await world.case_in(status)
    open_case = (await world.open_case()).case.id
    document = UUID(await uploaded(api, world.carl.token))
    await uploaded(api, world.carl.token)
    await world.do(world.carl, AddComment(case_id=open_case, comment="See this.", document_ids=(document,)))
    return await ids_of(world)


async def stranger_in(world: World, api: Api) -> Stranger:
    """Return Bea of *world*, who may do everything, with an override of Ada's to decide and one of her own."""
    pending, own = await world.case_in(CaseStatus.PENDING_REVIEW), await world.open_case()
    mine = await world.request_override((await world.open_case()).case.id, world.bea)
    assert pending.override is not None and mine.override is not None
    decision = {"caseId": str(pending.case.id), "overrideId": str(pending.override.id), "expectedVersion": 2}
    request = {
        "caseId": str(own.case.id),
        "requestedStatus": "FAVORABLE",
        "reviewerIds": [str(world.rosa.id)],
        "reason": "Sure.",
    }
    subject = {"type": "COMPANY_ACCOUNT_CHECK", "externalRef": "check-1", "label": "Moulins"}
    inputs: dict[str, dict[str, Any]] = {
        "openCase": {"subject": subject, "title": "A changed IBAN"},
        "addComment": {"caseId": str(own.case.id), "body": "Noted."},
        "requestOverride": request,
        "acceptOverride": decision,
        "refuseOverride": decision,
        "cancelOverride": {"caseId": str(mine.case.id), "overrideId": str(mine.override.id)},
        "closeCase": {"caseId": str(own.case.id)},
        **ADMINISTRATION,
    }
    return Stranger(api, world.bea.token, inputs, world.aldo.token)


@pytest.fixture
async def elsewhere(world: World, api: Api) -> World:
    """Another account, with people who may do everything there."""
    return await make_world(world.database)


@pytest.mark.long
async def test_each_id_of_another_account_answers_like_a_random_one_in_every_place(
    world: World, elsewhere: World, api: Api
) -> None:
    ids, stranger = await lived_in(world, api), await stranger_in(elsewhere, api)
    # A query might tell whom a scope is missing so of things that there are, and of no others.
    lesser = [
        await person_of(world.database, elsewhere.bea.id, scope) for scope in (Scope.CASES_READ, Scope.USERS_READ)
    ]
    askers = {"Mutation": [stranger]}
    everybody = [stranger, *(replace(stranger, token=person.token) for person in lesser)]
    before = await contents(world.database)

    for place in places():
        for asker in askers.get(place.type, everybody):
            like_random = await asker.ask(place, str(uuid4()))
            assert like_random == await asker.ask(place, str(uuid4()))
            for table, id in ids:
                assert await asker.ask(place, id) == like_random, (str(place), table)

    assert await contents(world.database) == before
    assert {table for table, _ in ids} >= {
        *("accounts", "users", "api_tokens", "subjects", "cases", "case_actions", "comments", "overrides", "documents"),
    }


def test_the_walk_finds_the_places_that_we_know_of() -> None:
    assert {str(place) for place in places()} >= {
        "Query.case(id)",
        "Query.verifyReceipt(caseId)",
        "Query.node(id)",
        "Query.nodes(ids)",
        *(
            f"Mutation.{name}Override(input.{id})"
            for name in ("accept", "refuse", "cancel")
            for id in ("caseId", "overrideId")
        ),
        "Mutation.requestOverride(input.caseId)",
        "Mutation.requestOverride(input.reviewerIds)",
        "Mutation.addComment(input.caseId)",
        "Mutation.closeCase(input.caseId)",
        "Query.cases(filter.createdBy.in)",
        "Query.cases(filter.waitingFor)",
        "Query.actions(user)",
        "Case.actions(user)",
    }


async def test_what_belongs_together_elsewhere_answers_like_random_ids_too(
    world: World, elsewhere: World, api: Api
) -> None:
    pending = await world.case_in(CaseStatus.PENDING_REVIEW)
    assert pending.override is not None
    document = "mutation($input: AcceptOverrideInput!) { acceptOverride(input: $input) { " + ERRORS + " } }"

    async def ask(case_id: UUID, override_id: UUID, **more: Any) -> tuple[int, bytes, dict[str, str]]:
        variables = {"input": {"caseId": str(case_id), "overrideId": str(override_id), "expectedVersion": 2, **more}}
        return seen(await api.send(elsewhere.rosa.token, document, variables, x_request_id="the-same"), "-")

    for more in ({}, {"expectedVersion": 1}, {"expectedVersion": 99}, {"idempotencyKey": "key"}):
        theirs, random = await ask(pending.case.id, pending.override.id, **more), await ask(uuid4(), uuid4(), **more)
        assert theirs == random
    with_their_case = await ask(pending.case.id, uuid4())
    assert with_their_case == await ask(uuid4(), uuid4())


async def test_lists_counts_and_references_know_only_their_own_account(
    world: World, elsewhere: World, api: Api
) -> None:
    await lived_in(world, api)
    query = """{ cases { totalCount nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor } }
        users { totalCount nodes { email } } case(reference: "CASE-000001") { id } }"""

    nothing = await api.run(elsewhere.ada.token, query)
    theirs = (await world.open_case()).subject
    assert theirs is not None
    subject = {"type": theirs.type, "externalRef": theirs.external_ref, "label": "Ours"}
    opening = {"subject": subject, "title": "Ours", "expectedVersion": 0, "idempotencyKey": "key"}
    opened = await api.act(elsewhere.ada.token, "openCase", opening, "case { reference subject { label version } }")

    assert nothing["cases"] == {
        "totalCount": 0,
        "nodes": [],
        "pageInfo": {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None},
    }
    assert nothing["users"]["totalCount"] == 6
    assert {user["email"].partition("@")[2] for user in nothing["users"]["nodes"]} == {
        f"{elsewhere.account_id}.example"
    }
    assert nothing["case"] is None
    assert opened == {"errors": [], "case": {"reference": "CASE-000001", "subject": {"label": "Ours", "version": 1}}}


async def test_a_cursor_and_a_key_of_another_account_are_like_made_up_ones(
    world: World, elsewhere: World, api: Api
) -> None:
    await world.open_case()
    case_id = (await elsewhere.open_case()).case.id
    await world.do(world.ada, AddComment(case_id=(await world.open_case()).case.id, comment="x", idempotency_key="key"))
    page = await api.run(world.ada.token, "{ cases { edges { cursor } } users { edges { cursor } } }")

    for field in ("cases", "users"):
        query = f"query($after: String) {{ {field}(after: $after) {{ nodes {{ id }} }} }}"
        theirs, made_up = [
            seen(await api.send(elsewhere.ada.token, query, {"after": cursor}, x_request_id="the-same"), "-")
            for cursor in (page[field]["edges"][0]["cursor"], "made-up")
        ]
        assert theirs == made_up
    comment = {"caseId": str(case_id), "body": "x", "idempotencyKey": "key"}
    payload = await api.act(elsewhere.ada.token, "addComment", comment, "action { seq } case { id }")
    assert payload == {"errors": [], "action": {"seq": 2}, "case": {"id": str(case_id)}}


async def test_a_document_of_another_account_is_downloaded_like_one_that_there_is_not(
    world: World, elsewhere: World, api: Api
) -> None:
    document = await uploaded(api, world.carl.token)
    headers = {"Authorization": f"Bearer {elsewhere.carl.token}", "X-Request-ID": "the-same"}

    answers = {
        seen(await api.client.get(f"/documents/{id}", headers=headers), id)[1] for id in (document, str(uuid4()))
    }

    assert len(answers) == 1


async def test_a_case_file_of_another_account_is_downloaded_like_one_that_there_is_not(
    world: World, elsewhere: World, api: Api
) -> None:
    case_id = (await world.open_case()).case.id
    headers = {"Authorization": f"Bearer {elsewhere.rosa.token}", "X-Request-ID": "the-same"}

    answers = [seen(await api.client.get(f"/case-files/{id}", headers=headers), str(id)) for id in (case_id, uuid4())]

    assert answers[0] == answers[1] and answers[0][0] == 404
