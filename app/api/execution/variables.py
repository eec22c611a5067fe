"""The coerced values of an operation's variables; plain ones without another look at the schema.

What is not right in them, or not that plain, is left to graphql-core.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

from graphql import (
    GraphQLError,
    GraphQLNonNull,
    GraphQLSchema,
    Undefined,
    VariableDefinitionNode,
    get_variable_values,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource

from app.api.execution.variable_coercion import Coerce, coercing


class _Plain(NamedTuple):
    """One variable of a plain type without a default."""

    signature: GraphQLVariableSignature
    coerce: Coerce
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

    def _looked_up(self, inputs: dict[str, object]) -> VariableValues | None:
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, object] = {}
        for signature, coerce, is_required in self._plain:
            name = signature.name
            if name in inputs:
                sources[name] = VariableValueSource(signature, inputs[name])
                coerced[name] = coerce(inputs[name])
                if coerced[name] is Undefined:
                    return None
            elif is_required:
                return None
            else:
                sources[name] = VariableValueSource(signature)
        return VariableValues(sources, coerced)


def _plain(schema: GraphQLSchema, definition: VariableDefinitionNode) -> _Plain | None:
    signature = get_variable_signature(schema, definition)
    if isinstance(signature, GraphQLError) or signature.default is not None:
        return None
    coerce = coercing(signature.type)
    return None if coerce is None else _Plain(signature, coerce, isinstance(signature.type, GraphQLNonNull))
