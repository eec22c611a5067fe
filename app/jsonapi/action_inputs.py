"""The inputs of actions: their fields as attributes and relationships of resources."""

from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLList, get_nullable_type
from strawberry.utils.str_converters import to_snake_case

from app.api.inputs.actions import INPUTS
from app.api.schema import CORE
from app.domain.model import ActionType
from app.jsonapi.members import required_fields
from app.jsonapi.relationships import RELATIONSHIPS
from app.jsonapi.resources import ACTION_TYPES

REQUESTED = (
    *("comment", "override_request", "accept", "refuse", "cancel", "close"),
    *("assign", "set_due_date", "record_step"),
)
"""The types of actions that are taken here on an existing case."""

_NO_ATTRIBUTE = frozenset({"caseId", "idempotencyKey", "dryRun", "documents"})
_RENAMED = {"body": "comment", "reason": "comment"}
_ANY_ID = "00000000-0000-7000-8000-000000000000"


@cache
def input_type(action: ActionType) -> GraphQLInputObjectType:
    """Return the input of an action's mutation."""
    name = INPUTS[action].__strawberry_definition__.name  # type: ignore[attr-defined]  # strawberry has put it there
    return cast(GraphQLInputObjectType, CORE.type_map[name])


@cache
def not_null(action: ActionType) -> tuple[str, ...]:
    """Return the fields of an action's input that must be there and can't be null, in the order of the schema."""
    return tuple(required_fields(input_type(action)))


@cache
def attributes_of(action: ActionType) -> Mapping[str, str]:
    """Return the attributes of a request for an action: of each, the field of the input."""
    fields = [name for name in input_type(action).fields if name not in _NO_ATTRIBUTE]
    return {_RENAMED.get(name, to_snake_case(name)): name for name in fields}


@cache
def relationships_of(action: ActionType) -> Mapping[str, str]:
    """Return the relationships of a request for an action: of each, the field of the input."""
    fields = input_type(action).fields
    return {relationship.name: name for name, relationship in RELATIONSHIPS.items() if name in fields}


@cache
def all_attributes() -> Mapping[str, str]:
    """Return the attributes of all actions."""
    return {name: field for action in REQUESTED for name, field in attributes_of(ACTION_TYPES[action]).items()}


def placeholder(type_: Any) -> Any:
    """Return a value of this type that nothing is wrong with."""
    type_ = get_nullable_type(type_)
    match type_:
        case GraphQLList():
            return [placeholder(type_.of_type)]
        case GraphQLEnumType():
            return next(iter(type_.values))
        case GraphQLInputObjectType():
            return {name: placeholder(type_.fields[name].type) for name in required_fields(type_)}
    return {"ID": _ANY_ID, "Int": 0}.get(type_.name, "x")
