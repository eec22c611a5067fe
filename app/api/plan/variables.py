"""The values of an operation's variables: of those that are plain scalars, without another look at the schema.

What is not right in them, or not that plain, is left to graphql-core.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from graphql import (
    GraphQLError,
    GraphQLInputType,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLSchema,
    VariableDefinitionNode,
    get_variable_values,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource

INT_MAX = 2**31 - 1


def _is_text(value: Any) -> bool:
    return type(value) is str


def _is_int(value: Any) -> bool:
    return type(value) is int and -INT_MAX <= value <= INT_MAX


def _is_bool(value: Any) -> bool:
    return type(value) is bool


# Values that stay as they are; an ID may be an integer too, which does not.
PLAIN: Mapping[str, Callable[[Any], bool]] = {"ID": _is_text, "String": _is_text, "Int": _is_int, "Boolean": _is_bool}


def plain_type(type_: GraphQLInputType) -> str | None:
    """Return the name of the scalar that *type_* is, null or not; None where it is something else."""
    inner = type_.of_type if isinstance(type_, GraphQLNonNull) else type_
    return inner.name if isinstance(inner, GraphQLScalarType) and inner.name in PLAIN else None


class _Plain(NamedTuple):
    """One variable of a plain type without a default."""

    signature: GraphQLVariableSignature
    is_right: Callable[[Any], bool]
    is_required: bool


class Variables:
    """The variables of one operation."""

    def __init__(self, schema: GraphQLSchema, definitions: Collection[VariableDefinitionNode]) -> None:
        self._schema = schema
        self._definitions = definitions
        plain = [_plain(schema, definition) for definition in definitions]
        self._plain = [item for item in plain if item is not None]
        self._are_plain = len(self._plain) == len(plain)

    def values(self, inputs: dict[str, Any]) -> VariableValues | None:
        """Return the values that *inputs* give the variables; None where they are not right."""
        if self._are_plain:
            found = self._looked_up(inputs)
            if found is not None:
                return found
        values = get_variable_values(self._schema, self._definitions, inputs)
        return values if isinstance(values, VariableValues) else None

    def _looked_up(self, inputs: dict[str, Any]) -> VariableValues | None:
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for signature, is_right, is_required in self._plain:
            name = signature.name
            if name not in inputs:
                if is_required:
                    return None
                sources[name] = VariableValueSource(signature)
                continue
            value = inputs[name]
            if not (is_right(value) or (value is None and not is_required)):
                return None
            sources[name] = VariableValueSource(signature, value)
            coerced[name] = value
        return VariableValues(sources, coerced)


def _plain(schema: GraphQLSchema, definition: VariableDefinitionNode) -> _Plain | None:
    signature = get_variable_signature(schema, definition)
    if isinstance(signature, GraphQLError) or signature.default is not None:
        return None
    name = plain_type(signature.type)
    return None if name is None else _Plain(signature, PLAIN[name], isinstance(signature.type, GraphQLNonNull))
