"""The plans of documents that were executed before, and their execution instead of graphql-core's.

What is decided before a document is executed, its limits and its variables, is decided for each request as ever.
"""

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog
from graphql import DocumentNode, GraphQLError, OperationDefinitionNode
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
from app.domain.errors import InputRefused, Overloaded, QueryTooComplex, Refusal
from app.observability import metrics, tracing

BY_DESIGN = (Declined, Refusal, InputRefused, GraphQLError)
"""What ends a plan and is no fault of it: graphql-core says what the client is told, and where."""

VARIANTS = 16  # of what @skip and @include can leave of one document


Variant = tuple[Any, ...]

log = structlog.get_logger()


@dataclass(slots=True)
class Known:
    """An operation that was executed before, and its plans by the values of what its directives look at."""

    operation: Operation
    name: str | None
    type: OperationType
    variables: Variables
    plans: dict[Variant, Plan | None] = field(default_factory=dict)

    def make_plan(self, variant: Variant, variables: VariableValues) -> None:
        """Compile the operation, once for all: what can't be compiled is not tried again."""
        self.plans[variant] = None
        with suppress(Declined):
            self.plans[variant] = compiled(self.operation, variables)

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
        try:
            self._learn(query, asked, document, context)
        except Exception as fault:  # graphql-core executes it all the same
            _note_failure(fault, context)

    def _learn(self, query: str, asked: str | None, document: DocumentNode, context: Context) -> None:
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
        """Return what the operation gives; None where graphql-core is to execute it.

        Raises: QueryTooComplex, Overloaded, and what says that the database is away: to try again would be no use.
        """
        try:
            return await self._execute(query, variables, asked, context, allowed)
        except (QueryTooComplex, Overloaded):
            raise
        except Exception as fault:
            if unavailable_of(fault, context.request_id) is not None:
                raise
            _note_failure(fault, context)
            context.reading = NOTHING_KNOWN
            context.budget.begin_again()
            context.renew_loaders()
            return None

    async def _execute(
        self,
        query: str,
        variables: dict[str, Any] | None,
        asked: str | None,
        context: Context,
        allowed: Collection[OperationType],
    ) -> ExecutionResult | None:
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
        execute = _in_turn if known.operation.is_mutation else _side_by_side
        context.expect(plan.reading)
        with tracing.phase("execute"):
            data = await execute(plan, Run(context, values, tracing.is_sampled()))
        metrics.child(metrics.plans, "followed").inc()
        return ExecutionResult(data=data, errors=None)


def _note_failure(fault: Exception, context: Context) -> None:
    """Count an operation that is left to graphql-core, and log why, unless that is meant to be."""
    is_meant = isinstance(fault, BY_DESIGN)
    metrics.child(metrics.plans, "declined" if is_meant else "failed").inc()
    if not is_meant:
        log.error("plan_failed", request_id=context.request_id, document=context.document_hash, exc_info=fault)


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
