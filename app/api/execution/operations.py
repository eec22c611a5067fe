"""Operations: as they are prepared for execution, and what is known of those that were executed before."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode
from graphql.execution.values import VariableValues
from strawberry import Schema
from strawberry.types.graphql import OperationType

from app.api.contract.uses import Coordinates
from app.api.execution.compiler import Operation, Plan, compiled
from app.api.execution.document_cache import CachedDocument
from app.api.execution.object_writers import Declined
from app.api.execution.variables import Variables

VARIANTS = 16  # of what @skip and @include can leave of one document

Variant = tuple[Any, ...]


@dataclass(slots=True)
class KnownOperation:
    """An operation that was executed before, and its plans by the values of what its directives look at."""

    operation: Operation
    name: str | None
    type: OperationType
    variables: Variables
    plans: dict[Variant, Plan | None] = field(default_factory=dict)

    @classmethod
    def of(cls, schema: Schema, document: DocumentNode, name: str | None, type_: OperationType) -> "KnownOperation":
        """Return the operation of this name, or the only one, of a valid document."""
        operations = operations_of(document)
        node = next((node for node in operations if node.name and node.name.value == name), operations[0])
        operation = Operation.of(schema, document, node)
        return cls(operation, name, type_, Variables(operation.core, node.variable_definitions or ()))

    def plan(self, variables: VariableValues) -> tuple[Plan | None, bool]:
        """Return the plan for these values, None where there is none, and whether it was made now."""
        variant = tuple([variables.coerced.get(name) for name in self.operation.conditions])
        if variant in self.plans or len(self.plans) >= VARIANTS:
            return self.plans.get(variant), False
        self.plans[variant] = None  # what can't be compiled is not tried again
        with suppress(Declined):
            self.plans[variant] = compiled(self.operation, variables)
        return self.plans[variant], True


def operations_of(document: DocumentNode) -> list[OperationDefinitionNode]:
    """Return the operations of a document."""
    return [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]


@dataclass(slots=True)
class PreparedOperation:
    """An operation, as far as it is known; it is executed unless there are `errors`.

    `cached`: what is known of its document. `fields_max`: how many fields its answer may have. `known` and `variables`:
    the operation as it was executed before, and its coerced variables, where both are. `deprecated`: what it uses of
    the deprecated.
    """

    document_hash: str
    cached: CachedDocument | None = None
    type: OperationType | None = None
    name: str | None = None
    document: DocumentNode | None = None
    cost: int | None = None
    fields_max: int | None = None
    known: KnownOperation | None = None
    variables: VariableValues | None = None
    errors: list[GraphQLError] = field(default_factory=list)
    deprecated: Coordinates = ()

    @property
    def type_name(self) -> str:
        """The type's name for the log, the metrics and the traces."""
        return "unknown" if self.type is None else self.type.value

    @property
    def is_mutation(self) -> bool:
        return self.type is OperationType.MUTATION
