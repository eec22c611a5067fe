"""Runs one operation, whatever transport brought it: prepares, measures and executes it, masks and writes its result.

Who sends it, what is refused before it is an operation, and how its result is sent, are the transport's.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple, Protocol, cast

from graphql import GraphQLError
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from app.actions.idempotency import KEY_LIFETIME
from app.api.context import Context, RequestFacts, Services
from app.api.deprecation_warnings import format_warnings
from app.api.execution.budget import ANSWER_MAX, ANSWERS_MAX, Budget
from app.api.execution.operations import PreparedOperation
from app.api.execution.preparation import OperationRequest, Policy
from app.api.execution.slices import LONG_COST, OperationSlices, Slices
from app.api.http.writing import written
from app.api.limits.answer_memory import AnswerMemory
from app.api.limits.bounds import Limits
from app.api.masking import cause_of, format_errors
from app.api.read_routing import ReadRouting
from app.api.record import Record
from app.api.schema import PLANS, PREPARATION, SCHEMA
from app.api.subscription_events import EventSource, subscribe
from app.auth.identity import Identity
from app.auth.identity_cache import IdentityRemembered
from app.db.engines import Database
from app.db.errors import unavailable_of
from app.db.replicas.replica import is_replica_failure
from app.db.time_limit import Deadline
from app.domain.errors import Overloaded
from app.domain.facts import Actor
from app.domain.model import Language
from app.observability import tracing
from app.web.admission import Admission

ALL_TYPES = frozenset(OperationType)


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """What the endpoint allows. `development`: introspection is answered, and errors guess at what was meant.

    `plans`: documents that were executed before have a plan.
    """

    limits: Limits = field(default_factory=Limits)
    development: bool = False
    plans: bool = True
    max_body_bytes: int = 262_144
    max_answer_bytes: int = ANSWER_MAX
    answer_memory: int = ANSWERS_MAX
    receive_s: float = 10
    deadline_s: float = 10
    key_lifetime: timedelta = KEY_LIFETIME


class Authenticate(Protocol):
    """Tells who sends the operation; looked up now, where they are to be *fresh*. Raises: as `Authenticator`."""

    def __call__(self, *, fresh: bool) -> Awaitable[Admission]: ...


@dataclass(slots=True)
class OperationCall:
    """One operation as a transport hands it in. `record` collects what is noted of it.

    `is_reshaped`: the transport makes another document of the result, and writes that within the operation's budget.
    `unnamed`: see `RequestFacts`. `position`: what the client sent back of the position of its last write, if anything.
    """

    sent: OperationRequest
    policy: Policy
    authenticate: Authenticate
    language: Language
    base_url: Callable[[], str]
    record: Record
    shows_cost: bool = False
    resume_from: str | None = None
    is_reshaped: bool = False
    unnamed: frozenset[str] = frozenset()
    position: Callable[[], str | None] = lambda: None


class OperationResult(NamedTuple):
    """An operation's result as it is sent, with its `content` as JSON, empty where the transport reshapes it.

    `has_begun`: execution began.
    """

    body: dict[str, Any]
    content: bytes | memoryview
    has_begun: bool


class OperationRunner:
    """Runs operations within the bounds of *options*."""

    def __init__(self, services: Services, options: EndpointOptions) -> None:
        self._services = services
        self._options = options
        self._slices = Slices()
        self._answer_memory = AnswerMemory(options.answer_memory)
        self.routing = ReadRouting(services.replicas)

    def arrive(self) -> OperationSlices:
        """Return the slices of an operation whose request has arrived; they are to be ended."""
        return self._slices.arrive()

    def run(self, call: OperationCall, actor: Actor) -> Awaitable[OperationResult]:
        """Return what a query or a mutation gives. Raises: as `start`."""
        return cast(Awaitable[OperationResult], self.start(call, actor))  # the policy has no subscription in it

    async def start(self, call: OperationCall, actor: Actor) -> OperationResult | EventSource:
        """Return what the operation gives, or the source of a subscription.

        Raises: NoSuchOperationError, OperationNotAllowedError, Refusal for one that is refused as a whole.
        """
        budget, prepared = self._begin(call, actor)
        with Deadline(self._options.deadline_s) as deadline:
            budget.stop = deadline.stop
            try:
                await budget.slices.begin(actor.account_id.int, actor.token_id.int)
                await PREPARATION.prepare(prepared, call.sent, call.policy, budget.pause)
                budget.bound_fields(prepared.fields_max)
                if prepared.errors:
                    return await self._result(call, ExecutionResult(data=None, errors=prepared.errors))
                if prepared.cost is not None and prepared.cost >= LONG_COST:
                    await budget.slices.expect_long(needs_place=not prepared.is_mutation)  # which waits for the disk
                admission = await call.authenticate(fresh=prepared.relies_on_identity or bool(call.unnamed))
                if prepared.type is OperationType.QUERY and self.routing.has_replicas:
                    return await self._read(call, prepared, budget, admission)
                if prepared.type is OperationType.SUBSCRIPTION:
                    return await self._subscribe(call, prepared, self._context(call, prepared, budget, admission))
                return await self._write(call, prepared, budget, admission)
            finally:
                budget.slices.end()
                budget.stop = None

    async def run_event(
        self, call: OperationCall, source: EventSource, event: object, identity: Identity
    ) -> OperationResult:
        """Return what a subscription gives for one event of its source, to *identity*. Raises: Refusal."""
        budget, prepared = self._begin(call, identity.actor, source.prepared)
        budget.bound_fields(prepared.fields_max)
        with Deadline(self._options.deadline_s) as deadline:
            budget.stop = deadline.stop
            try:
                context = self._context(call, prepared, budget, Admission(identity, None, is_fresh=True))
                return await self._run(call, context, prepared, event)
            finally:
                budget.stop = None

    async def refused(self, call: OperationCall, error: GraphQLError) -> OperationResult:
        """Return the result of an operation that is none because of *error*."""
        return await self._result(call, ExecutionResult(data=None, errors=[error]))

    def _begin(
        self, call: OperationCall, actor: Actor, known: PreparedOperation | None = None
    ) -> tuple[Budget, PreparedOperation]:
        """Return the budget of an operation, and the operation as far as it is known."""
        share = self._answer_memory.share(actor.account_id, actor.token_id)
        budget = call.record.budget = Budget(call.record.slices or self._slices, self._options.max_answer_bytes, share)
        prepared = call.record.operation = known or PREPARATION.begin(call.sent.text)
        return budget, prepared

    def _context(
        self,
        call: OperationCall,
        prepared: PreparedOperation,
        budget: Budget,
        admission: Admission,
        database: Database | None = None,
    ) -> Context:
        """Return a new context, in which nothing is loaded yet."""
        assert prepared.document is not None
        facts = RequestFacts(
            admission.identity,
            call.language,
            call.sent.request_id,
            call.base_url,
            prepared.document,
            admission.standing,
            call.unnamed,
            admission.is_fresh,
        )
        return Context(facts, self._services, budget, database)

    async def _write(
        self, call: OperationCall, prepared: PreparedOperation, budget: Budget, admission: Admission
    ) -> OperationResult:
        """Return what an operation gives that the primary executes; also one that fails may have written."""
        context = self._context(call, prepared, budget, admission)
        try:
            return await self._run(call, context, prepared)
        except IdentityRemembered:
            budget.begin_again()
        except BaseException:
            if prepared.is_mutation:
                self.routing.note_seen(context.actor)
            raise
        return await self._write(call, prepared, budget, await call.authenticate(fresh=True))

    async def _read(
        self, call: OperationCall, prepared: PreparedOperation, budget: Budget, admission: Admission
    ) -> OperationResult:
        """Return what a query gives, where there are replicas."""

        async def run(database: Database | None) -> OperationResult:
            return await self._run(call, self._context(call, prepared, budget, admission, database), prepared)

        actor = admission.identity.actor
        return await self.routing.read(prepared, actor, call.position(), run, budget.begin_again)

    async def _run(
        self, call: OperationCall, context: Context, prepared: PreparedOperation, event: object = None
    ) -> OperationResult:
        """Return what the operation gives, a subscription for *event*, by its plan if it has one."""
        call.record.codes = context.actions.codes
        try:
            result = None
            if self._options.plans:
                result = await PLANS.execute(call.sent.text, prepared, context, event)
            if result is None:
                result = await _execute(call.sent, context, event)
            _demand_database(result.errors, call.sent.request_id, is_replica=context.database.is_replica)
            if context.standing is not context.request.standing:
                call.record.standing = context.standing
            if prepared.is_mutation:
                await self.routing.note_write(context.actor, call.record)
            return await self._result(call, result)
        finally:  # they know of each other, and would stay until the collector came
            context.reads.renew()

    async def _subscribe(
        self, call: OperationCall, prepared: PreparedOperation, context: Context
    ) -> OperationResult | EventSource:
        """Return the source of a subscription, or the result that says why there is none."""
        found = await subscribe(prepared, call.sent, context, call.resume_from)
        if isinstance(found, EventSource):
            tracing.describe(prepared.type_name, prepared.name, prepared.document_hash)
            return found
        _demand_database(found, call.sent.request_id)
        return await self._result(call, ExecutionResult(data=None, errors=found))

    async def _result(self, call: OperationCall, result: ExecutionResult) -> OperationResult:
        """Return *result* as it is sent, masked and written within the budget."""
        record = call.record
        prepared, budget = record.operation, record.budget
        assert prepared is not None and budget is not None
        body: dict[str, Any] = {}
        if result.errors:
            body["errors"] = format_errors(
                result.errors, call.language, call.sent.request_id, suggestions=self._options.development
            )
        # Where execution began there is data, if only null; an error without a path was raised before.
        has_begun = record.has_begun = result.data is not None or any(error.path for error in result.errors or ())
        if has_begun:
            body["data"] = result.data
        if call.shows_cost and prepared.cost is not None:
            body["extensions"] = {"cost": {"requested": prepared.cost, "limit": self._options.limits.cost}}
        if prepared.deprecated:
            body.setdefault("extensions", {})["warnings"] = format_warnings(prepared.deprecated, call.language)
        if record.position is not None:
            body.setdefault("extensions", {})["position"] = str(record.position)
        tracing.describe(prepared.type_name, prepared.name, prepared.document_hash)
        return OperationResult(body, b"" if call.is_reshaped else await written(body, budget), has_begun)


async def _execute(sent: OperationRequest, context: Context, root: object) -> ExecutionResult:
    """Execute an operation that was prepared, by graphql-core; *root* is a subscription's event."""
    result = await SCHEMA.execute(
        sent.text,
        variable_values=sent.variables,
        operation_name=sent.operation_name,
        context_value=context,
        root_value=root,
        allowed_operation_types=ALL_TYPES,
    )
    assert isinstance(result, ExecutionResult)
    return result


def _demand_database(errors: list[GraphQLError] | None, request_id: str, *, is_replica: bool = False) -> None:
    """Raise what kept the database from answering, or whoever asks from being told, if anything.

    A result that lacks what was not there is none.
    """
    for error in errors or ():
        cause = cause_of(error)
        if isinstance(cause, Overloaded | IdentityRemembered) or unavailable_of(cause, request_id) is not None:
            raise cause
        if is_replica and is_replica_failure(cause):
            raise cause
