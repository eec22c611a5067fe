"""Every argument of every field, with hard values of its type: none is a fault, and none says how we are built."""

import json
import re
from collections.abc import Iterable, Iterator
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
from tests.support.hard_values import ID, Attempt, attempts_at, combined, written
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


FIRST = {(name, str(item.type)): place for place in reversed(PLACES) for name, item in place.field.args.items()}
"""For each name and type of an argument one place, where what its type refuses is tried, and how a value is written."""


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


async def tried(scene: Scene, place: Place, argument: str, attempts: Iterable[Attempt]) -> list[str]:
    """Return what is wrong with the answers to hard values of *argument*."""
    type_ = place.field.args[argument].type
    declared = f"($it: {type_}" + "".join(f", ${name}: ID!" for name in scene.given if f"${name}" in place.before) + ")"
    fixed = declared.replace(f"($it: {type_}, ", "(").replace(f"($it: {type_})", "")
    by_variable = place.document(argument, "$it", declared)
    found = []
    for attempt in attempts:
        document = by_variable if attempt.literal is None else place.document(argument, attempt.literal, fixed)
        answer = await scene.send(document, {"it": attempt.value} if attempt.literal is None else {})
        found += [
            f"{document[:200]} {str(attempt.value)[:80]!a}: {problem[:600]}" for problem in problems(place, answer)
        ]
    return found


@pytest.mark.long
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
async def test_no_value_of_an_argument_is_a_fault(scene_of: Scene, place: Place, database: Database) -> None:
    """Each argument has each hard value of its type; an object has one in each of its fields at once.

    Of the objects with one hard field every fifth is tried, from another one on at each place.
    """
    start = PLACES.index(place)
    found = []
    for argument, item in place.field.args.items():
        given = [
            attempt
            for index, attempt in enumerate(attempts_at(item.type))
            if attempt.reaches_database or place is FIRST[argument, str(item.type)]
            if not isinstance(attempt.value, dict) or not attempt.value or (index + start) % 5 == 0
        ]
        given += [Attempt(value, None, is_of_a_field=True) for value in combined(item.type)]
        # What its type refuses, and what stands in the document, is over before a database: one engine will do.
        given = [attempt for attempt in given if database.is_sqlite or attempt.reaches_database]
        found += await tried(scene_of, place, argument, given)

    assert found == []


@pytest.mark.soak
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
async def test_no_value_of_an_argument_is_a_fault_anywhere(scene_of: Scene, place: Place) -> None:
    found = [
        problem
        for argument, item in place.field.args.items()
        for problem in await tried(scene_of, place, argument, attempts_at(item.type))
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
