"""Variables of plain types are what graphql-core and strawberry make of them, or are left to these."""

import random
from typing import Any, cast

import pytest
from graphql import GraphQLInputObjectType, GraphQLInputType, GraphQLNonNull, GraphQLSchema, Undefined
from graphql.utilities import coerce_input_value
from strawberry.types.arguments import convert_argument

from app.api.execution.variable_coercion import coercing, converting
from app.api.schema import SCHEMA

CORE: GraphQLSchema = SCHEMA._schema
SCALARS: list[Any] = [*("", "x", "OPEN", "FR", "UPDATED_AT"), 0, 7, 2**31, -(2**31), 1.5, True, False, None, [], {}]


def input_types() -> dict[str, GraphQLInputType]:
    """Return the type of each argument and input object of the schema, by where it is."""
    found: dict[str, GraphQLInputType] = {}
    for type_ in CORE.type_map.values():
        if isinstance(type_, GraphQLInputObjectType):
            found[type_.name] = type_
        for name, field in getattr(type_, "fields", {}).items():
            found |= {f"{type_}.{name}.{key}": item.type for key, item in getattr(field, "args", {}).items()}
    return found


TYPES = {name: type_ for name, type_ in input_types().items() if not name.startswith("__")}


def values(type_: GraphQLInputType, dice: random.Random, depth: int = 0) -> Any:
    """Return a value that may be right for *type_*, and may be anything."""
    inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    if dice.random() < 0.15 or depth > 4:
        return dice.choice(SCALARS)
    if isinstance(inner, GraphQLInputObjectType):
        chosen = {name: field for name, field in inner.fields.items() if dice.random() < 0.6}
        more = {"nothing": 1} if dice.random() < 0.05 else {}
        return {name: values(field.type, dice, depth + 1) for name, field in chosen.items()} | more
    if hasattr(inner, "of_type"):
        return [values(inner.of_type, dice, depth + 1) for _ in range(dice.randrange(3))]
    members = list(getattr(inner, "values", ()))
    return dice.choice(members) if members and dice.random() < 0.8 else dice.choice(SCALARS)


@pytest.mark.parametrize("name", TYPES)
def test_a_plain_value_is_what_graphql_core_coerces_it_to(name: str) -> None:
    type_, dice = TYPES[name], random.Random(name)
    coerce = coercing(type_)

    for _ in range(200):
        value = values(type_, dice)
        found = Undefined if coerce is None else coerce(value)
        expected = coerce_input_value(value, type_)
        assert found is Undefined or (found == expected and type(found) is type(expected)), value
        assert expected is not Undefined or found is Undefined


def test_most_values_are_plain() -> None:
    given = {"caseId": "x", "body": "y", "documentIds": ["z"], "dryRun": True}
    coerce = coercing(GraphQLNonNull(cast(GraphQLInputObjectType, CORE.type_map["AddCommentInput"])))
    assert coerce is not None

    assert coerce(given) == given
    assert coerce({"caseId": "x", "body": "y"}) == {"caseId": "x", "body": "y", "dryRun": False}
    assert coerce({"caseId": "x"}) is Undefined
    assert sum(coercing(type_) is not None for type_ in TYPES.values()) > 0.7 * len(TYPES)


INPUTS = [name for name, type_ in TYPES.items() if isinstance(type_, GraphQLInputObjectType)]


@pytest.mark.parametrize("name", INPUTS)
def test_an_argument_is_what_strawberry_converts_it_to(name: str) -> None:
    type_, dice = cast(GraphQLInputObjectType, TYPES[name]), random.Random(name)
    convert, definition = converting(type_), type_.extensions["strawberry-definition"]

    for _ in range(200):
        coerced = coerce_input_value(values(type_, dice), type_)
        if convert is None or coerced is Undefined:
            continue
        if coerced is None:
            assert convert(None) is None
            continue
        expected = convert_argument(coerced, definition.origin, SCHEMA.schema_converter.scalar_registry, SCHEMA.config)
        made = convert(coerced)
        assert type(made) is type(expected) and vars(made) == vars(expected)

    assert convert is not None or any(
        "Input" in str(field.type) or "Filter" in str(field.type) for field in type_.fields.values()
    )
