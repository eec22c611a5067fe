"""Operations: as they are prepared for execution, and what is known of those that were executed before."""

from contextlib import suppress
from dataclasses import dataclass, field

from graphql import DocumentNode, FieldNode, GraphQLError, OperationDefinitionNode
from graphql.execution.values import VariableValues
from strawberry import Schema
from strawberry.types.field import StrawberryField
from strawberry.types.graphql import OperationType

from app.api.contract.uses import Coordinates
from app.api.execution.compiler import Operation, Plan, compiled
from app.api.execution.document_cache import CachedDocument
from app.api.execution.object_writers import Declined
from app.api.execution.variables import Variables

VARIANTS = 16  # of what @skip and @include can leave of one document

COMPARES_AUTHORITY = "compares_authority"
"""The key in a mutation's metadata that says: its own transaction asks whether the actor may still do it."""

Variant = tuple[object, ...]


@dataclass(slots=True)
class KnownOperation:
    """An operation that was executed before, and its plans by the values of what its directives look at.

    `compares_authority`: all that it does is done in a transaction that asks whether the actor may still do it.
    """

    operation: Operation
    name: str | None
    type: OperationType
    variables: Variables
    compares_authority: bool = False
    plans: dict[Variant, Plan | None] = field(default_factory=dict)

    @classmethod
    def of(cls, schema: Schema, document: DocumentNode, name: str | None, type_: OperationType) -> "KnownOperation":
        """Return the operation of this name, or the only one, of a valid document."""
        operations = operations_of(document)
        node = next((node for node in operations if node.name and node.name.value == name), operations[0])
        operation = Operation.of(schema, document, node)
        variables = Variables(operation.core, node.variable_definitions or ())
        return cls(operation, name, type_, variables, _compares_authority(operation))

    def plan(self, variables: VariableValues) -> tuple[Plan | None, bool]:
        """Return the plan for these values, None where there is none, and whether it was made now."""
        variant = tuple([variables.coerced.get(name) for name in self.operation.conditions])
        if variant in self.plans or len(self.plans) >= VARIANTS:
            return self.plans.get(variant), False
        self.plans[variant] = None  # what can't be compiled is not tried again
        with suppress(Declined):
            self.plans[variant] = compiled(self.operation, variables)
        return self.plans[variant], True


def _compares_authority(operation: Operation) -> bool:
    """Tell whether the operation is one mutation that does; of several, the first may change what the others may."""
    type_, selections = operation.core.mutation_type, operation.node.selection_set.selections
    if type_ is None or not operation.is_mutation or len(selections) != 1 or not isinstance(selections[0], FieldNode):
        return False
    field = type_.fields.get(selections[0].name.value)
    definition = None if field is None else field.extensions.get("strawberry-definition")
    return isinstance(definition, StrawberryField) and COMPARES_AUTHORITY in definition.metadata


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

    @property
    def relies_on_identity(self) -> bool:
        """Whether it does something by what is known of who sends it, and nothing asks again before it is done."""
        return self.is_mutation and not (self.known is not None and self.known.compares_authority)
