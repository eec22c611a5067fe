"""Coerces variables of plain types by functions that are made once for a type.

Plain are the scalars, enums, lists of them, and input objects of them. What is not right, or not plain, is left to
graphql-core and strawberry, whose values these functions otherwise give.
"""

from collections.abc import Callable, Mapping
from dataclasses import MISSING
from functools import cache
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    Undefined,
    get_named_type,
    is_required_input_field,
)
from graphql.utilities.coerce_input_value import coerce_default_value
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.utils.str_converters import to_camel_case

# A value as graphql-core coerces it; Undefined for what is left to it.
Coerce = Callable[[object], object]

INT_MAX = 2**31 - 1


def _text(value: object) -> object:
    return value if type(value) is str else Undefined


def _int(value: object) -> object:
    return value if type(value) is int and -INT_MAX <= value <= INT_MAX else Undefined


def _bool(value: object) -> object:
    return value if type(value) is bool else Undefined


# An ID may be an integer too, which does not stay as it is.
_SCALARS: Mapping[str, Coerce] = {"ID": _text, "String": _text, "Int": _int, "Boolean": _bool}


def coercing(type_: GraphQLInputType) -> Coerce | None:
    """Return what coerces values of *type_*; None for a type that is not plain."""
    inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    coerce = _of_input(inner) if isinstance(inner, GraphQLInputObjectType) else _of_leaves(inner)
    return None if coerce is None else _or_null(coerce, isinstance(type_, GraphQLNonNull))


def _or_null(coerce: Coerce, is_required: bool) -> Coerce:  # it is one of two functions
    null = Undefined if is_required else None
    return lambda value: null if value is None else coerce(value)


def _of_leaves(type_: GraphQLInputType) -> Coerce | None:
    match type_:
        case GraphQLScalarType():
            return _SCALARS.get(type_.name)
        case GraphQLEnumType():
            members = {name: type_.coerce_input_value(name) for name in type_.values}
            return lambda value: members.get(value, Undefined) if type(value) is str else Undefined
        case GraphQLList():
            item = None if _has_objects(type_.of_type) else coercing(type_.of_type)
            return None if item is None else lambda value: _listed(value, item)
    return None


def _listed(value: object, coerce: Coerce) -> object:
    if type(value) is not list:
        return Undefined
    found = [coerce(item) for item in value]
    return Undefined if Undefined in found else found


@cache
def _of_input(type_: GraphQLInputObjectType) -> Coerce | None:
    """Return what coerces input objects; a field that is not plain has to be absent."""
    if type_.is_one_of:
        return None
    fields = {name: None if _has_objects(field.type) else coercing(field.type) for name, field in type_.fields.items()}
    required = {name for name, field in type_.fields.items() if is_required_input_field(field)}
    defaults = {name: coerce_default_value(field) for name, field in type_.fields.items() if name not in required}
    defaults = {name: value for name, value in defaults.items() if value is not Undefined}
    if any(isinstance(value, list | dict) for value in defaults.values()):
        return None  # it could be changed

    def coerce(value: object) -> object:
        if type(value) is not dict or not required <= value.keys():
            return Undefined
        found = dict(defaults)
        for name, item in value.items():
            of_field = fields.get(name)
            found[name] = Undefined if of_field is None else of_field(item)
            if found[name] is Undefined:
                return Undefined
        return found

    return coerce


def _has_objects(type_: GraphQLInputType) -> bool:
    return isinstance(get_named_type(type_), GraphQLInputObjectType)


def _types(type_: GraphQLInputObjectType) -> list[GraphQLInputType]:
    return [field.type for field in type_.fields.values()]


def converting(type_: GraphQLInputType) -> Callable[[object], object] | None:
    """Return what makes the resolver's argument of a coerced value; None where strawberry has to."""
    if not _has_objects(type_):
        return _as_it_is
    inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    if not isinstance(inner, GraphQLInputObjectType) or any(map(_has_objects, _types(inner))):
        return None
    return _made(inner)


def _as_it_is(value: object) -> object:
    return value


def _made(type_: GraphQLInputObjectType) -> Callable[[object], object] | None:
    definition: StrawberryObjectDefinition = type_.extensions["strawberry-definition"]
    if definition.from_input is not None:
        return None
    names = {field.graphql_name or to_camel_case(field.python_name): field.python_name for field in definition.fields}
    absent = {
        field.python_name: None
        for field in definition.fields
        if field.default_value is MISSING and field.default_factory is MISSING
    }
    origin = definition.origin

    def make(coerced: Any) -> object:
        if coerced is None:
            return None
        return origin(**absent | {names[name]: value for name, value in coerced.items()})

    return make
