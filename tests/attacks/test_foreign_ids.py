"""Every id that the API takes, whoever's and whatever's it is: the answer is the one to an id that nobody has.

The places are found by walking through the schema, so that a new field is covered unasked.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    build_schema,
    get_named_type,
    is_composite_type,
    is_required_argument,
    is_required_input_field,
)

from app import clock
from app.api.schema import sdl
from app.domain.commands import AddComment
from app.domain.model import CaseStatus
from tests.support.api import Api
from tests.support.world import World, make_world

# The kind that belongs to an argument: an id of one's own of this kind is no stranger. `None` takes all kinds.
OWN_KIND: Mapping[str, str | None] = {
    "caseId": "case",
    "overrideId": "override",
    "reviewerIds": "user",
    "documentIds": "document",
    "id": None,
    "ids": None,
}


@dataclass(frozen=True, slots=True)
class Place:
    """An id in the arguments of a field: `path` leads to it from the field's arguments."""

    operation: str
    field: str
    path: tuple[str, ...]
    is_list: bool

    def __str__(self) -> str:
        return f"{self.field}({'.'.join(self.path)})"


def places(schema: GraphQLSchema) -> Iterator[Place]:
    for operation, root in (("query", schema.query_type), ("mutation", schema.mutation_type)):
        assert root is not None
        for name, field in root.fields.items():
            for path, is_list in _ids(field.args):
                yield Place(operation, name, path, is_list)


def _ids(given: Mapping[str, Any], *path: str) -> Iterator[tuple[tuple[str, ...], bool]]:
    for name, value in given.items():
        named = get_named_type(value.type)
        if named.name == "ID":
            yield (*path, name), "[" in str(value.type)
        elif isinstance(named, GraphQLInputObjectType) and name not in path:
            yield from _ids(named.fields, *path, name)


def nesting(place: Place) -> int:
    """Return how many parts of a filter stand around the id's own."""
    return sum(step in NESTING for step in place.path)


SCHEMA = build_schema(sdl())
NESTING = frozenset({"and", "or", "not"})
PLACES = list(places(SCHEMA))
SHALLOW, DEEP = ([place for place in PLACES if (nesting(place) > 1) is is_deep] for is_deep in (False, True))
ONE_OF = [type_ for type_ in SCHEMA.type_map.values() if isinstance(type_, GraphQLInputObjectType) and type_.is_one_of]
MANY = "performActions"
"""The mutation of many actions: each is given, and answered, as the mutation of one is."""


def filler(type_: Any, ids: Mapping[str, str], name: str) -> Any:
    """Return a good value for a required argument."""
    while isinstance(type_, GraphQLNonNull):
        type_ = type_.of_type
    if isinstance(type_, GraphQLList):
        return [filler(type_.of_type, ids, name)]
    if isinstance(type_, GraphQLInputObjectType):
        if type_.is_one_of:
            first, field = next(iter(type_.fields.items()))
            return {first: filler(field.type, ids, first)}
        return filled(type_.fields, ids)
    if isinstance(type_, GraphQLEnumType):
        return next(reversed(type_.values))
    if type_.name == "ID":
        return ids[OWN_KIND.get(name) or "case"]
    tomorrow = (clock.now() + timedelta(days=1)).isoformat()
    return {"Int": 1, "Boolean": True, "Float": 1.0, "DateTime": tomorrow}.get(type_.name, f"x{uuid4().hex}")


def filled(fields: Mapping[str, GraphQLArgument | GraphQLInputField], ids: Mapping[str, str]) -> dict[str, Any]:
    found = {}
    for name, field in fields.items():
        required = is_required_argument(field) if isinstance(field, GraphQLArgument) else is_required_input_field(field)
        if required:
            found[name] = filler(field.type, ids, name)
    return found


def request(place: Place, value: str, ids: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """Return the operation with *value* in its place, all else being good."""
    root = SCHEMA.query_type if place.operation == "query" else SCHEMA.mutation_type
    assert root is not None
    field: GraphQLField = root.fields[place.field]
    arguments = filled(field.args, ids)
    spot = arguments
    inside: Mapping[str, Any] = field.args
    for step in place.path[:-1]:
        spot, inside = entered(spot, inside, step, ids)
    spot[place.path[-1]] = [value] if place.is_list else value
    declared = ", ".join(f"${name}: {field.args[name].type}" for name in arguments)
    passed = ", ".join(f"{name}: ${name}" for name in arguments)
    return f"{place.operation}({declared}) {{ {place.field}({passed}) {selection(field)} }}", arguments


def entered(
    spot: dict[str, Any], fields: Mapping[str, Any], step: str, ids: Mapping[str, str]
) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Return what is given as the input *step*, of a list the first, and the fields that it can have.

    Where *spot* takes one field alone, it is this one.
    """
    type_ = get_named_type(fields[step].type)
    assert isinstance(type_, GraphQLInputObjectType)
    if step not in spot and fields in [each.fields for each in ONE_OF]:
        spot.clear()
        spot[step] = filled(type_.fields, ids)
    found = spot.setdefault(step, {})
    return found[0] if isinstance(found, list) else found, type_.fields


def selection(field: GraphQLField) -> str:
    named = get_named_type(field.type)
    if not is_composite_type(named):
        return ""
    fields: Mapping[str, GraphQLField] = getattr(named, "fields", {})
    if "results" in fields:
        return f"{{ errors {{ code }} results {selection(fields['results'])} }}"
    if "errors" in fields:
        return "{ case { id } errors { __typename code message path } }" if "case" in fields else "{ errors { code } }"
    return "{ __typename id }" if "id" in fields else "{ __typename }"


async def ids_of(world: World, status: CaseStatus) -> dict[str, str]:
    """Return an id of every kind that there is in an account."""
    await world.open_case()
    case = (await world.case_in(status)).case
    pending = await world.case_in(CaseStatus.PENDING_REVIEW)
    comment = await world.do(world.ada, AddComment(case_id=case.id, comment="One."))
    assert pending.override is not None and comment.comment is not None
    return {
        "case": str(case.id),
        "override": str(pending.override.id),
        "user": str(world.rolf.id),
        "subject": str(case.subject_id),
        "action": str(comment.action.id),
        "comment": str(comment.comment.id),
    }


def strangers(place: Place, own: Mapping[str, str], foreign: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    """Return ids that must be answered as if nobody had them: all foreign ones, and one's own of other kinds."""
    found = [(f"a foreign {kind}", id_) for kind, id_ in foreign.items()]
    fits = "case" if (place.field, place.path[-1]) == ("case", "id") else OWN_KIND.get(place.path[-1])
    if fits is not None:
        found += [(f"one's own {kind}", id_) for kind, id_ in own.items() if kind != fits]
    return found


def test_the_walk_finds_the_places() -> None:
    found = {str(place) for place in PLACES}

    assert {"case(id)", "node(id)", "nodes(ids)", "acceptOverride(input.overrideId)"} <= found
    assert {"addComment(input.caseId)", "requestOverride(input.reviewerIds)"} <= found
    assert {"cases(filter.owner.in)", "cases(filter.not.owner.in)"} <= {str(place) for place in SHALLOW}


def status_for(place: Place) -> CaseStatus:
    """Return what a case is to be in: an override is pending on it exactly where a decision is what is asked for."""
    mutation = place.path[2] if place.field == MANY else place.field
    is_decision = place.operation == "mutation" and "overrideId" in str(
        getattr(SCHEMA.type_map.get(f"{mutation[0].upper()}{mutation[1:]}Input"), "fields", {})
    )
    return CaseStatus.PENDING_REVIEW if is_decision else CaseStatus.OPEN


@pytest.mark.parametrize("status", [CaseStatus.OPEN, CaseStatus.PENDING_REVIEW])
async def test_an_id_of_another_account_or_type_is_answered_like_an_unknown_one(
    status: CaseStatus, world: World, api: Api
) -> None:
    places = [place for place in SHALLOW if status_for(place) is status]

    assert await differing(places, status, world, api) == {}


@pytest.mark.soak
async def test_so_it_is_in_each_part_of_a_part_of_a_filter(world: World, api: Api) -> None:
    """A part within a part is read as one within the filter is, and more than half of all places are of this kind."""
    assert len(DEEP) > len(SHALLOW)
    assert await differing(DEEP, CaseStatus.OPEN, world, api) == {}


async def differing(
    places: Sequence[Place], status: CaseStatus, world: World, api: Api
) -> Mapping[str, tuple[str, str]]:
    """Return each answer to a stranger's id that is another than the one to an unknown id.

    All places share the two accounts: what is refused writes nothing that another place could show.
    """
    own = await ids_of(world, status)
    foreign = await ids_of(await make_world(world.database), status)

    async def answer(place: Place, value: str) -> str:
        query, variables = request(place, value, own)
        sent = await api.send(world.bea.token, query, variables)
        return f"{sent.status_code} {json.dumps(sent.json(), sort_keys=True).replace(value, 'ID')}"

    others = {}
    for place in places:
        unknown = await answer(place, str(uuid4()))
        assert "GRAPHQL_INVALID" not in unknown and "BAD_USER_INPUT" not in unknown, place
        for who, value in strangers(place, own, foreign):
            found = await answer(place, value)
            if found != unknown:
                others[f"{place}: {who}"] = (found, unknown)
    return others
