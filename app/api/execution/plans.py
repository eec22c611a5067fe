"""The plans of documents that were executed before, and their execution instead of graphql-core's.

What is decided before a document is executed, its limits and its variables, is decided for each request as ever.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from graphql import DocumentNode, OperationDefinitionNode
from graphql.execution.values import VariableValues
from strawberry import Schema
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from app.api.context import Context
from app.api.dataloaders.loaders import NOTHING_KNOWN
from app.api.execution.compiler import Operation, Plan, compiled
from app.api.execution.completion import Run
from app.api.execution.document_cache import Documents
from app.api.execution.object_writers import Declined
from app.api.execution.variables import Variables
from app.api.limits.enforcement import Limiter
from app.api.write_only import may_read
from app.db.errors import unavailable_of
from app.domain.errors import Overloaded, QueryTooComplex
from app.observability import metrics, tracing

VARIANTS = 16  # of what @skip and @include can leave of one document


Variant = tuple[Any, ...]


@dataclass(slots=True)
class Known:
    """An operation that was executed before, and its plans by the values of what its directives look at."""

    operation: Operation
    name: str | None
    type: OperationType
    variables: Variables
    plans: dict[Variant, Plan | None] = field(default_factory=dict)

    def make_plan(self, variant: Variant, variables: VariableValues) -> None:
        try:
            self.plans[variant] = compiled(self.operation, variables)
        except Declined:
            self.plans[variant] = None

    def variant(self, variables: VariableValues) -> Variant:
        """Return what the variables leave of the document, by its directives."""
        return tuple([variables.coerced.get(name) for name in self.operation.conditions])


class Plans:
    """The plans for one schema."""

    def __init__(self, schema: Schema, limiter: Limiter, documents: Documents) -> None:
        self._schema = schema
        self._limiter = limiter
        self._documents = documents

    def learn(self, query: str, asked: str | None, document: DocumentNode, context: Context) -> None:
        """Take note of an operation that is valid and about to be executed."""
        known = self._documents.get(query)
        key = asked, context.introspection
        if known is None or key in known.operations:
            return
        operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        node = next((node for node in operations if node.name and node.name.value == asked), operations[0])
        name = node.name.value if node.name else None
        operation = Operation.of(self._schema, document, node)
        variables = Variables(operation.core, node.variable_definitions or ())
        known.operations[key] = Known(operation, name, OperationType(node.operation.value), variables)

    async def execute(
        self,
        query: str,
        variables: dict[str, Any] | None,
        asked: str | None,
        context: Context,
        allowed: Collection[OperationType],
    ) -> ExecutionResult | None:
        """Return what the operation gives; None where graphql-core is to execute it."""
        document = self._documents.get(query)
        known: Known | None = None if document is None else document.operations.get((asked, context.introspection))
        if document is None or known is None or known.type not in allowed:
            return None
        values = known.variables.values(variables or {})
        if values is None:
            return None
        context.operation_type, context.operation_name = known.type.value, known.name
        measures = self._limiter.measure(query, known.operation.document, known.name, values.coerced)
        if measures is None:
            return None
        errors = context.note_measures(measures)
        if errors:
            return ExecutionResult(data=None, errors=errors)
        variant = known.variant(values)
        if variant not in known.plans and len(known.plans) < VARIANTS:
            known.make_plan(variant, values)
            self._documents.note_plan(query, document)
        plan = known.plans.get(variant)
        # A query's roots have asked for the scope that their types need; a mutation's payload refuses field by field.
        refuses = known.operation.is_mutation and not may_read(context.actor)
        if plan is None or (refuses and plan.needs_reading):
            return None
        return await self._executed(known, plan, Run(context, values, tracing.is_sampled()))

    async def _executed(self, known: Known, plan: Plan, run: Run) -> ExecutionResult | None:
        execute = _in_turn if known.operation.is_mutation else _side_by_side
        run.context.expect(plan.reading)
        try:
            with tracing.phase("execute"):
                data = await execute(plan, run)
        except (QueryTooComplex, Overloaded):
            raise
        except Exception as fault:
            if unavailable_of(fault, run.context.request_id) is not None:
                raise  # graphql-core would wait for it once more
            metrics.child(metrics.plans, "declined").inc()
            run.context.reading = NOTHING_KNOWN
            run.context.budget.begin_again()
            run.context.renew_loaders()
            return None
        metrics.child(metrics.plans, "followed").inc()
        run.context.ended.clear()
        return ExecutionResult(data=data, errors=None)


async def _side_by_side(plan: Plan, run: Run) -> dict[str, Any]:
    """Execute a query, whose fields may come in any order."""
    data: dict[str, Any]
    (data,) = await plan.root.objects([None], run)
    return data


async def _in_turn(plan: Plan, run: Run) -> dict[str, Any]:
    """Execute a mutation: one field after the other, each with all that is selected of it."""
    data: dict[str, Any] = {}
    for name, step in plan.steps.items():
        (data[name],) = await step.later([None], run)
    return data
