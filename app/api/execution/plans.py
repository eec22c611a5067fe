"""Plans: operations that were executed before, compiled and executed without a walk over their fields.

What is decided before a document is executed, its limits and its variables, is decided for each request as ever.
"""

from typing import Any

import structlog
from graphql import GraphQLError
from strawberry.types import ExecutionResult

from app.api.context import Context
from app.api.dataloaders.loaders import NOTHING_KNOWN
from app.api.execution.compiler import Plan
from app.api.execution.completion import PlanRun
from app.api.execution.document_cache import DocumentCache
from app.api.execution.object_writers import Declined
from app.api.execution.operations import PreparedOperation
from app.api.write_only import may_read
from app.auth.identity_cache import IdentityRemembered
from app.db.errors import unavailable_of
from app.db.replicas.replica import is_replica_failure
from app.domain.errors import InputRefused, Overloaded, QueryTooComplex, Refusal
from app.observability import metrics, tracing

BY_DESIGN = (Declined, Refusal, InputRefused, GraphQLError)
"""What ends a plan and is no fault of it: graphql-core says what the client is told, and where."""

log = structlog.get_logger()


class Plans:
    """The execution of operations by their plans."""

    def __init__(self, cache: DocumentCache) -> None:
        self._cache = cache

    async def execute(
        self, text: str, prepared: PreparedOperation, context: Context, event: object = None
    ) -> ExecutionResult | None:
        """Return what a prepared operation gives, a subscription for *event*; None where graphql-core is to execute it.

        Raises: QueryTooComplex, Overloaded, IdentityRemembered, and what says that the database is away, or that a
        replica has failed: to try again there would be no use.
        """
        try:
            plan = self._plan(text, prepared, context)
            if plan is None:
                return None
            assert prepared.variables is not None
            context.reads.expect(plan.reading)
            with tracing.phase("execute"):
                run = PlanRun(context, prepared.variables, tracing.is_sampled())
                if prepared.is_mutation:
                    data = await _in_turn(plan, run)
                else:  # fields may come in any order
                    (data,) = await plan.root.objects([event], run)
        except (QueryTooComplex, Overloaded, IdentityRemembered):
            raise
        except Exception as fault:
            if unavailable_of(fault, context.request.request_id) is not None:
                raise
            if context.database.is_replica and is_replica_failure(fault):
                raise
            note_failure(fault, context.request.request_id, prepared.document_hash)
            context.reads.expect(NOTHING_KNOWN)
            context.budget.begin_again()
            return None
        metrics.child(metrics.plans, "followed").inc()
        return ExecutionResult(data=data, errors=None)

    def _plan(self, text: str, prepared: PreparedOperation, context: Context) -> Plan | None:
        """Return the operation's plan, if it has one that says all that the actor is to be told."""
        known, variables = prepared.known, prepared.variables
        if known is None or variables is None:
            return None
        plan, is_new = known.plan(variables)
        if is_new and prepared.cached is not None:
            self._cache.note_plan(text, prepared.cached)
        # A query's roots have asked for the scope that their types need; a mutation's payload refuses field by field.
        if plan is not None and plan.needs_reading and prepared.is_mutation and not may_read(context.actor):
            return None
        return plan


def note_failure(fault: Exception, request_id: str, document_hash: str) -> None:
    """Count an operation that is left to graphql-core, and log why, unless that is meant to be."""
    is_meant = isinstance(fault, BY_DESIGN)
    metrics.child(metrics.plans, "declined" if is_meant else "failed").inc()
    if not is_meant:
        log.error("plan_failed", request_id=request_id, document=document_hash, exc_info=fault)


async def _in_turn(plan: Plan, run: PlanRun) -> dict[str, object]:
    """Execute a mutation: one field after the other, each with all that is selected of it."""
    data: dict[str, Any] = {}
    for name, step in plan.steps.items():
        (data[name],) = await step.later([None], run)
    return data
