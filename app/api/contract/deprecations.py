"""Deprecations: the table of what is deprecated, put into the schema with the replacement and the day of removal."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    is_required_argument,
    is_required_input_field,
)

TABLE = Path(__file__).with_name("deprecations.toml")

Element = GraphQLField | GraphQLArgument | GraphQLInputField | GraphQLEnumValue
"""What can be deprecated."""

_REASON = re.compile(r"Use `([^`]+)` instead\. Removed after (\d{4}-\d{2}-\d{2})\.")


class DeprecationError(Exception):
    """The table, or a reason in the schema, does not say what it has to."""


@dataclass(frozen=True, slots=True)
class Deprecation:
    """An element of the schema that is going to be removed, by its coordinate."""

    coordinate: str
    replacement: str
    removed_after: date

    @property
    def reason(self) -> str:
        """The reason as the directive `@deprecated` has it."""
        return f"Use `{self.replacement}` instead. Removed after {self.removed_after}."

    @classmethod
    def of_reason(cls, coordinate: str, reason: str) -> "Deprecation":
        """Return the deprecation that a reason states. Raises: DeprecationError."""
        found = _REASON.fullmatch(reason)
        if found is None:
            wanted = "Use `Type.field` instead. Removed after 2027-06-30."
            raise DeprecationError(f"{coordinate} is deprecated by {reason!r}; the form is {wanted!r}")
        try:
            return cls(coordinate, found[1], date.fromisoformat(found[2]))
        except ValueError as fault:
            raise DeprecationError(f"{coordinate}: {fault}") from None


def read_table(text: str) -> list[Deprecation]:
    """Return the table's entries. Raises: DeprecationError."""
    return [_entry(coordinate, entry) for coordinate, entry in tomllib.loads(text).items()]


def _entry(coordinate: str, entry: object) -> Deprecation:
    expected = {"replacement": str, "removed_after": date}
    if not isinstance(entry, dict) or {name: type(value) for name, value in entry.items()} != expected:
        raise DeprecationError(f"{coordinate} needs a `replacement` and the date `removed_after`, and nothing else")
    return Deprecation(coordinate, entry["replacement"], entry["removed_after"])


def deprecate(schema: GraphQLSchema, deprecations: list[Deprecation]) -> None:
    """Put *deprecations* into the schema. Raises: DeprecationError, as `check`, and for what can't be deprecated."""
    found = elements(schema)
    for deprecation in deprecations:
        element = found.get(deprecation.coordinate)
        if element is None:
            raise DeprecationError(f"{deprecation.coordinate} is no field, argument or enum value of the schema")
        element.deprecation_reason = deprecation.reason
    check(schema)


def check(schema: GraphQLSchema) -> None:
    """Hold what is deprecated to the rules of the contract.

    Raises: DeprecationError, for a reason that does not name what to use instead and until when it works, a replacement
    that there is not or that is deprecated too, and what has to be given: nobody could do without it.
    """
    found = elements(schema)
    deprecated = deprecations_of(schema)
    for coordinate, deprecation in deprecated.items():
        replacement = deprecation.replacement
        if replacement not in found and replacement not in schema.type_map:
            raise DeprecationError(f"{coordinate} names {replacement} for its replacement, which there is not")
        if replacement in deprecated:
            raise DeprecationError(f"{coordinate} names {replacement} for its replacement, which is deprecated too")
        if _is_required(found[coordinate]):
            raise DeprecationError(f"{coordinate} is deprecated, and has to be given")


def deprecations_of(schema: GraphQLSchema) -> dict[str, Deprecation]:
    """Return what is deprecated in a schema, by its coordinate. Raises: DeprecationError."""
    return {
        coordinate: Deprecation.of_reason(coordinate, element.deprecation_reason)
        for coordinate, element in elements(schema).items()
        if element.deprecation_reason is not None
    }


def elements(schema: GraphQLSchema) -> dict[str, Element]:
    """Return all that can be deprecated, by its coordinate."""
    return dict(_elements(schema))


def _elements(schema: GraphQLSchema) -> Iterator[tuple[str, Element]]:
    for name, type_ in schema.type_map.items():
        if name.startswith("__"):
            continue
        members: Mapping[str, Element] = {}
        if isinstance(type_, GraphQLEnumType):
            members = type_.values
        elif isinstance(type_, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            members = type_.fields
        for member, element in members.items():
            yield f"{name}.{member}", element
            if isinstance(element, GraphQLField):
                yield from ((f"{name}.{member}({argument}:)", it) for argument, it in element.args.items())


def _is_required(element: Element) -> bool:
    if isinstance(element, GraphQLArgument):
        return is_required_argument(element)
    return isinstance(element, GraphQLInputField) and is_required_input_field(element)
