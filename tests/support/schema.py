"""Walks over the schema: every field that is read, and every value that can be given."""

from collections.abc import Iterator

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    build_schema,
    is_introspection_type,
    is_list_type,
)

from app.api.schema import sdl

SCHEMA = build_schema(sdl())


def types() -> list[GraphQLNamedType]:
    return [type_ for type_ in SCHEMA.type_map.values() if not is_introspection_type(type_)]


def fields() -> Iterator[tuple[str, GraphQLField]]:
    """Yield every field of every type that is read, as `Type.field`."""
    for type_ in types():
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            yield from ((f"{type_.name}.{name}", field) for name, field in type_.fields.items())


def values() -> Iterator[tuple[str, GraphQLArgument | GraphQLInputField]]:
    """Yield all that can be given: arguments as `Type.field(name)`, fields of inputs as `Type.field`."""
    for name, field in fields():
        yield from ((f"{name}({argument})", it) for argument, it in field.args.items())
    for type_ in types():
        if isinstance(type_, GraphQLInputObjectType):
            yield from ((f"{type_.name}.{name}", it) for name, it in type_.fields.items())


def is_list(type_: object) -> bool:
    return is_list_type(type_.of_type if isinstance(type_, GraphQLNonNull) else type_)
