"""Every argument of every field, with hard values of its type: none is a fault, and none says how we are built."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from app.db.engines import Database
from app.domain.model import CaseStatus
from tests.support.api import Api
from tests.support.hard_values import ID, hard_values, written
from tests.support.schema import SCHEMA
from tests.support.world import World

DEPTH = 4
# Words of Python, of graphql-core and of drivers, which say nothing to whoever reads an answer.
INTERNAL = re.compile(
    r"NoneType|sys\.|set_int_max|int\(\)|base 10|isoformat|<class|object at 0x|Traceback|encountered error|\bcodec\b"
    r"|\bdict\b|\btuple\b|strawberry|sqlalchemy|asyncpg|sqlite|OverflowError|ValueError|TypeError|KeyError|astimezone"
    r"|unhashable|Undefined|GraphQLError|__\w+__"
)
# Python's own values, where they are not within what the client has sent.
CONSTANTS = re.compile(r"\bNone\b|\bTrue\b|\bFalse\b")
QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")


def is_internal(message: str) -> bool:
    """Tell whether a message has words of ours. Those of a hard value itself are in quotes, and are taken out."""
    return bool(INTERNAL.search(message.replace("{0.__class__}", "")) or CONSTANTS.search(QUOTED.sub("", message)))


@dataclass(frozen=True, slots=True)
class Place:
    """A field with arguments, and how it is reached from the root: what stands before and behind it."""

    name: str
    before: str
    behind: str
    field: GraphQLField
    is_mutation: bool = False

    def document(self, argument: str, value: str, declared: str = "") -> str:
        """Return a document that gives *argument* this *value*, and asks for something else beside it."""
        given = {argument: value} | {
            name: str(written(item.type, ARGUMENTS[name]))
            for name, item in self.field.args.items()
            if is_required_argument(item) and name != argument
        }
        arguments = ", ".join(f"{name}: {item}" for name, item in given.items())
        kind = "mutation" if self.is_mutation else "query"
        beside = (
            'again: closeCase(input: {caseId: "x"}) { errors { code } }' if self.is_mutation else "viewer { language }"
        )
        name = self.name.rpartition(".")[2]
        requested = f"{self.before} {name}({arguments}) {selection(self.field.type)} {self.behind}"
        return f"{kind}{declared} {{ {beside} {requested} }}"


ARGUMENTS: dict[str, Any] = {
    "id": ID,
    "caseId": ID,
    "seq": 1,
    "hash": "0" * 64,
    "ids": [ID],
    "asOf": {"seq": 1},
    "since": "2026-01-01T00:00:00Z",
    "policy": {"requireReviewedVersion": True},
}


def selection(type_: Any) -> str:
    """Return a small selection of what is of *type_*."""
    named = get_named_type(type_)
    if is_leaf_type(named):
        return ""
    if isinstance(named, GraphQLUnionType | GraphQLInterfaceType) and "id" not in getattr(named, "fields", {}):
        return "{ __typename }"
    assert isinstance(named, GraphQLObjectType | GraphQLInterfaceType)
    if "pageInfo" in named.fields:
        return "{ pageInfo { endCursor } nodes { __typename } totalCount }"
    if "errors" in named.fields:
        return "{ errors { code message path } }"
    return "{ __typename " + " ".join(name for name in ("id", "text", "value") if name in named.fields) + " }"


def places() -> Iterator[Place]:
    """Yield every field with arguments that can be reached, once each."""
    assert SCHEMA.query_type is not None and SCHEMA.mutation_type is not None
    for name, field in SCHEMA.mutation_type.fields.items():
        yield Place(f"Mutation.{name}", "", "", field, is_mutation=True)
    waiting = [(SCHEMA.query_type, "", "", 0)]
    seen: set[str] = set()
    while waiting:
        type_, before, behind, depth = waiting.pop(0)
        if type_.name in seen or depth > DEPTH:
            continue
        seen.add(type_.name)
        for name, field in type_.fields.items():
            if field.args:
                yield Place(f"{type_.name}.{name}", before, behind, field)
            inner = get_named_type(field.type)
            needed = {item: argument.type for item, argument in field.args.items() if is_required_argument(argument)}
            if "id" in field.args:
                needed["id"] = field.args["id"].type
            if isinstance(inner, GraphQLObjectType | GraphQLInterfaceType) and needed.keys() <= ARGUMENTS.keys():
                given = [
                    f"{item}: $id" if item == "id" else f"{item}: {written(type_, ARGUMENTS[item])}"
                    for item, type_ in needed.items()
                ]
                step = f"{name}({', '.join(given)}) {{" if given else f"{name} {{"
                waiting += [
                    (reached, f"{before} {step} {opened}", f"{closed} }} {behind}", depth + 1)
                    for reached, opened, closed in objects(inner)
                ]


def objects(type_: GraphQLObjectType | GraphQLInterfaceType) -> Iterator[tuple[GraphQLObjectType, str, str]]:
    """Yield the objects that a field of *type_* is, and what stands before and behind their fields."""
    if isinstance(type_, GraphQLObjectType):
        yield type_, "", ""
    elif "id" not in type_.fields:  # those that have one are reached by fields of their own
        for each in SCHEMA.get_possible_types(type_):
            yield each, f"... on {each.name} {{", "}"


PLACES = list(places())


def test_every_argument_of_the_schema_is_tried() -> None:
    found = {
        f"{type_.name}.{name}"
        for type_ in SCHEMA.type_map.values()
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__")
        for name, field in type_.fields.items()
        if field.args and type_ is not SCHEMA.subscription_type
    }

    # It is in a mutation's payload, and has the argument of every label. Subscriptions are tried in tests/live.
    assert found - {"SupposedAction.typeLabel"} == {place.name for place in PLACES}


@dataclass(frozen=True, slots=True)
class Scene:
    """A case with all that can hang on one, and who asks for it."""

    api: Api
    token: str
    given: dict[str, str]

    async def send(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps({"query": document, "variables": variables | self.given})
        answer = await self.api.client.post(
            "/graphql",
            content=body.encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
async def scene_of(world: World, api: Api) -> Scene:
    case = (await world.case_in(CaseStatus.PENDING_REVIEW)).case
    return Scene(api, world.rosa.token, {"id": str(case.id)})


def problems(place: Place, answer: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with an answer to a hard value."""
    errors = answer.get("errors", [])
    data = answer.get("data")
    if data is not None:
        beside = "again" if place.is_mutation else "viewer"
        if data.get(beside) is None:
            yield f"the field beside it is gone: {answer}"
        errors = errors + [
            {"message": error.get("message", ""), "extensions": error}
            for payload in data.values()
            if isinstance(payload, dict)
            for error in payload.get("errors") or ()
        ]
    elif not errors or any("path" in error for error in errors):
        yield f"no data: {answer}"
    for error in errors:
        if error["extensions"]["code"] in ("INTERNAL_ERROR", "UNAVAILABLE"):
            yield f"a fault: {error}"
        if is_internal(error["message"]):
            yield f"words of ours: {error['message'][:300]}"


async def tried(scene: Scene, place: Place, argument: str, *, with_literals: bool) -> list[str]:
    """Return what is wrong with the answers to all hard values of *argument*."""
    type_ = place.field.args[argument].type
    declared = f"($it: {type_}" + "".join(f", ${name}: ID!" for name in scene.given if f"${name}" in place.before) + ")"
    fixed = declared.replace(f"($it: {type_}, ", "(").replace(f"($it: {type_})", "")
    by_variable = place.document(argument, "$it", declared)
    found = []
    for index, value in enumerate(hard_values(type_)):
        sent = [(by_variable, {"it": value})]
        is_short = index % 7 == 0 or not isinstance(value, dict)
        literal = written(type_, value) if with_literals and is_short else None
        if literal is not None:
            sent.append((place.document(argument, literal, fixed), {}))
        for document, variables in sent:
            answer = await scene.send(document, variables)
            found += [f"{document[:200]} {str(value)[:80]!a}: {problem[:600]}" for problem in problems(place, answer)]
    return found


@pytest.mark.long
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
async def test_no_value_of_an_argument_is_a_fault(scene_of: Scene, place: Place, database: Database) -> None:
    # Whether it is a variable's or stands in the document, is over before a database is reached: one engine will do.
    found = [
        problem
        for argument in place.field.args
        for problem in await tried(scene_of, place, argument, with_literals=database.is_sqlite)
    ]

    assert found == []


# --- What only a document can say ------------------------------------------------------------------------------------

DIGITS = "9" * 5_000
LITERALS = {
    f"{{ cases(first: {DIGITS}) {{ totalCount }} }}": "argument",
    f"{{ cases(first: -{DIGITS}) {{ totalCount }} }}": "argument",
    f"{{ cases(first: 1e{DIGITS[:400]}) {{ totalCount }} }}": "argument",
    f"{{ node(id: {DIGITS}) {{ id }} }}": "argument",
    f"{{ nodes(ids: [{DIGITS}, -{DIGITS}]) {{ id }} }}": "argument",
    f"{{ users(active: {DIGITS}) {{ totalCount }} }}": "argument",
    f"{{ actions(since: {DIGITS}) {{ totalCount }} }}": "argument",
    f"{{ cases(filter: {{status: {{eq: {DIGITS}}}}}) {{ totalCount }} }}": "argument",
    f"{{ viewer {{ language @skip(if: {DIGITS}) }} }}": "directive",
    f"query($n: Int = {DIGITS}) {{ cases(first: $n) {{ totalCount }} }}": "default",
    f"query($n: Boolean = {DIGITS}) {{ users(active: $n) {{ totalCount }} }}": "default",
    'query($t: DateTime = "tomorrow") { actions(since: $t) { totalCount } }': "default",
    "query($n: Int = None) { cases(first: $n) { totalCount } }": "default",
    "{ cases(search: True) { totalCount } }": "Python's own",
    "query($a: ID!, $a: Int) { node(id: $a) { id } }": "twice",
    "query($a: Nothing) { node(id: $a) { id } }": "no such type",
}


@pytest.mark.parametrize("document", LITERALS, ids=lambda document: document[:40])
async def test_no_literal_is_a_fault(scene_of: Scene, document: str) -> None:
    answer = await scene_of.send(document, {})

    assert answer["errors"]
    for error in answer["errors"]:
        assert error["extensions"]["code"] in ("GRAPHQL_INVALID", "BAD_USER_INPUT", "INVALID_ID"), error
        assert not is_internal(error["message"]), error


@pytest.mark.parametrize("value", ["1" + "0" * 400, "1e400", "-1e400", "123456789012345678901234567890", "0.1e-400"])
async def test_no_number_of_a_body_is_a_fault(scene_of: Scene, value: str) -> None:
    for type_ in ("Int", "ID", "String", "Boolean", "DateTime"):
        query = f"query($it: {type_}) {{ viewer {{ language }} cases(first: 1) {{ totalCount }} }}"
        content = f'{{"query": {json.dumps(query)}, "variables": {{"it": {value}}}}}'
        headers = {"Authorization": f"Bearer {scene_of.token}", "Content-Type": "application/json"}
        answer = (await scene_of.api.client.post("/graphql", content=content, headers=headers)).json()

        for error in answer.get("errors", []):
            assert error["extensions"]["code"] not in ("INTERNAL_ERROR", "UNAVAILABLE"), error
            assert not is_internal(error["message"]), error


async def test_a_byte_order_mark_before_a_body_is_passed_over(scene_of: Scene) -> None:
    headers = {"Authorization": f"Bearer {scene_of.token}", "Content-Type": "application/json"}
    body = json.dumps({"query": "{ viewer { language } }"}).encode("utf-8-sig")

    answer = await scene_of.api.client.post("/graphql", content=body, headers=headers)
    twice = await scene_of.api.client.post("/graphql", content=body[:3] + body, headers=headers)

    assert answer.json() == {"data": {"viewer": {"language": "EN"}}}
    assert (twice.status_code, twice.json()["errors"][0]["message"]) == (400, "The body is not valid JSON in UTF-8.")
