"""Changes between two schemas that clients can notice: graphql-core's own, and those that its finder leaves out.

What a change means for the contract is `EFFECTS`. Whether it is let through is the check's.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple

from graphql import (
    BreakingChangeType,
    DangerousChangeType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
)
from graphql.utilities import find_schema_changes


class Effect(StrEnum):
    """What a change does to a client that was written before it."""

    BREAKS = "breaks"
    """Operations are refused, or answers have other types."""
    CHANGES = "changes"
    """Operations are taken, and mean something else."""
    ADDS = "adds"
    """Operations mean the same; answers may have what was not known, where the policy has clients expect that."""


class ExtraKind(StrEnum):
    """The kinds of changes that graphql-core's finder leaves out."""

    ROOT_TYPE_CHANGED = "ROOT_TYPE_CHANGED"
    ONE_OF_ADDED = "ONE_OF_ADDED"
    ONE_OF_REMOVED = "ONE_OF_REMOVED"
    SPECIFIED_BY_CHANGED = "SPECIFIED_BY_CHANGED"
    TYPE_ADDED_TO_INTERFACE = "TYPE_ADDED_TO_INTERFACE"


class SchemaChange(NamedTuple):
    """A change; `text` is one sentence that names what has changed."""

    kind: str
    text: str

    @property
    def effect(self) -> Effect:
        return EFFECTS[self.kind]


EFFECTS: Mapping[str, Effect] = {
    **{kind.name: Effect.BREAKS for kind in BreakingChangeType},
    DangerousChangeType.VALUE_ADDED_TO_ENUM.name: Effect.ADDS,
    DangerousChangeType.TYPE_ADDED_TO_UNION.name: Effect.ADDS,
    DangerousChangeType.OPTIONAL_INPUT_FIELD_ADDED.name: Effect.ADDS,
    DangerousChangeType.OPTIONAL_ARG_ADDED.name: Effect.ADDS,
    DangerousChangeType.IMPLEMENTED_INTERFACE_ADDED.name: Effect.ADDS,
    DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE.name: Effect.CHANGES,
    DangerousChangeType.INPUT_FIELD_DEFAULT_VALUE_CHANGE.name: Effect.CHANGES,
    ExtraKind.ROOT_TYPE_CHANGED: Effect.BREAKS,
    ExtraKind.ONE_OF_ADDED: Effect.BREAKS,
    ExtraKind.ONE_OF_REMOVED: Effect.ADDS,
    ExtraKind.SPECIFIED_BY_CHANGED: Effect.CHANGES,
    ExtraKind.TYPE_ADDED_TO_INTERFACE: Effect.ADDS,
}


def find_changes(old: GraphQLSchema, new: GraphQLSchema) -> list[SchemaChange]:
    """Return the changes that clients can notice, what breaks them first."""
    kinds = (BreakingChangeType, DangerousChangeType)
    found = [
        SchemaChange(change.type.name, change.description)
        for change in find_schema_changes(old, new)
        if isinstance(change.type, kinds)
    ]
    found += [*_roots(old, new), *_types(old, new), *_implementations(old, new)]
    order = list(Effect)
    return sorted(found, key=lambda change: order.index(change.effect))


def _roots(old: GraphQLSchema, new: GraphQLSchema) -> Iterator[SchemaChange]:
    """Yield the operations whose root type is another, or gone."""
    for operation in ("query", "mutation", "subscription"):
        before, after = getattr(old, f"{operation}_type"), getattr(new, f"{operation}_type")
        if before is not None and (after is None or after.name != before.name):
            text = f"The root type of {operation} operations changed from {before} to {after or 'none'}."
            yield SchemaChange(ExtraKind.ROOT_TYPE_CHANGED, text)


def _types(old: GraphQLSchema, new: GraphQLSchema) -> Iterator[SchemaChange]:
    """Yield what has changed about inputs that take one field alone, and about the formats of scalars."""
    for name, before in old.type_map.items():
        after = new.type_map.get(name)
        if isinstance(before, GraphQLInputObjectType) and isinstance(after, GraphQLInputObjectType):
            if after.is_one_of and not before.is_one_of:
                yield SchemaChange(ExtraKind.ONE_OF_ADDED, f"Input {name} takes exactly one of its fields.")
            elif before.is_one_of and not after.is_one_of:
                yield SchemaChange(ExtraKind.ONE_OF_REMOVED, f"Input {name} takes more than one of its fields.")
        if isinstance(before, GraphQLScalarType) and isinstance(after, GraphQLScalarType):
            was, is_ = before.specified_by_url, after.specified_by_url
            if was is not None and was != is_:
                text = f"Scalar {name} is specified by {is_ or 'nothing'}, not {was}."
                yield SchemaChange(ExtraKind.SPECIFIED_BY_CHANGED, text)


def _implementations(old: GraphQLSchema, new: GraphQLSchema) -> Iterator[SchemaChange]:
    """Yield the new types that a released interface can stand for, as a union's new members are found."""
    for name, type_ in new.type_map.items():
        if isinstance(type_, GraphQLObjectType) and name not in old.type_map:
            for interface in type_.interfaces:
                if isinstance(old.type_map.get(interface.name), GraphQLInterfaceType):
                    text = f"Type {name} was added to interface {interface.name}."
                    yield SchemaChange(ExtraKind.TYPE_ADDED_TO_INTERFACE, text)
