"""The endpoint `/graphql`: a request becomes one operation, its result one well-formed body.

After https://graphql.github.io/graphql-over-http/draft/. How requests are read and answers are written is in `http`;
what is refused before execution is a GraphQL body too.
"""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from app.actions.idempotency import KEY_LIFETIME
from app.api.context import Context, RequestFacts, Services
from app.api.execution.budget import ANSWER_MAX, ANSWERS_MAX, Budget
from app.api.execution.operations import PreparedOperation
from app.api.execution.preparation import (
    NoSuchOperationError,
    OperationNotAllowedError,
    OperationRequest,
    Policy,
    may_write,
)
from app.api.execution.slices import Slices
from app.api.http.decoding import BadRequest, Parameters, read_parameters
from app.api.http.exchange import Exchange
from app.api.http.record import Record
from app.api.http.writing import written
from app.api.limits.answer_memory import AnswerMemory
from app.api.limits.enforcement import Limits
from app.api.masking import cause_of, format_errors
from app.api.multipart import Forms, is_form
from app.api.schema import PLANS, PREPARATION, SCHEMA
from app.api.trusted_documents import TrustedDocuments
from app.db.engines import Database
from app.db.errors import unavailable_of
from app.db.time_limit import Deadline
from app.documents.links import Links
from app.documents.store import DocumentStore
from app.documents.transfers import Transfers
from app.domain.errors import Overloaded
from app.domain.model import Actor
from app.observability import tracing
from app.web.admission import AdmissionController, demand_rate
from app.web.concurrency import AdmittedOperation, ConcurrencyLimiter
from app.web.etag import revalidated
from app.web.requests import HttpRequest
from app.web.slots import Slots

COST_HEADER = "X-GraphQL-Cost"

_QUERIES = {OperationType.QUERY}
_ALL = {OperationType.QUERY, OperationType.MUTATION}


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


class GraphQLView:
    """An ASGI app for one address, which answers every method."""

    def __init__(
        self,
        database: Database,
        door: AdmissionController,
        gate: ConcurrencyLimiter,
        trusted: TrustedDocuments,
        terms: EndpointOptions,
        store: DocumentStore,
        links: Links,
        transfers: Transfers,
    ) -> None:
        slots = Slots.beside(database.reader.size, database.reader.patience)
        self._services = Services(database, store, links, slots, terms.key_lifetime)
        self._policies = {
            is_post: Policy(terms.limits, _ALL if is_post else _QUERIES, terms.development) for is_post in (False, True)
        }
        self._door = door
        self._gate = gate
        self._trusted = trusted
        self._terms = terms
        receive_s, operations_max = terms.receive_s, terms.max_body_bytes
        self._forms = Forms(store.incoming, transfers, receive_s=receive_s, operations_max=operations_max)
        self._slices = Slices()
        self._answer_memory = AnswerMemory(terms.answer_memory)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(HttpRequest(scope, receive))
        record = Record(exchange)
        with tracing.operation(exchange.request.headers):
            try:
                response = await self._respond(exchange, record)
            except Exception as refused:
                response = exchange.refuse(refused)
        record.finish(response)
        try:
            await response(scope, receive, send)
        finally:
            if record.budget is not None:
                record.budget.release()

    async def _respond(self, exchange: Exchange, record: Record) -> Response:
        """Look whether there is room first, and go in last: a body that dribbles in takes nobody's place."""
        exchange.demand_method()
        terms, request = self._terms, exchange.request
        self._gate.look()
        admission = await self._door.authenticate(request, fresh=False)
        exchange.admitted(admission)
        demand_rate(admission.standing)
        if not is_form(request):
            sent = await read_parameters(request, max_bytes=terms.max_body_bytes, receive_s=terms.receive_s)
            return await self._respond_to(exchange, record, admission.identity.actor, sent)
        async with AsyncExitStack() as files:
            sent = await self._forms.read(request, admission.identity.actor, files)
            return await self._respond_to(exchange, record, admission.identity.actor, sent)

    async def _respond_to(self, exchange: Exchange, record: Record, actor: Actor, parameters: Parameters) -> Response:
        text, is_trusted = self._trusted.find(parameters.query, parameters.document_id, parameters.extensions)
        if text is None:
            raise BadRequest(400, "The request has no query.")
        entrant = AdmittedOperation(actor.account_id, actor.token_id, may_write(text))
        await self._gate.enter(entrant)
        try:
            sent = OperationRequest(text, parameters.variables, parameters.operation, exchange.request_id)
            response = await self._execute(exchange, record, actor, sent)
        finally:
            self._gate.leave(entrant)
        is_cachable = is_trusted and exchange.request.method != "POST" and response.status_code == 200
        return revalidated(exchange.request, response) if is_cachable else response

    async def _execute(self, exchange: Exchange, record: Record, actor: Actor, sent: OperationRequest) -> Response:
        share = self._answer_memory.share(actor.account_id, actor.token_id)
        budget = record.budget = Budget(self._slices, self._terms.max_answer_bytes, share)
        prepared = record.operation = PREPARATION.begin(sent.text)
        with Deadline(self._terms.deadline_s) as deadline:
            budget.stop = deadline.stop
            try:
                await self._prepare(exchange, prepared, sent, budget)
                if prepared.errors:
                    return await self._result(exchange, record, ExecutionResult(data=None, errors=prepared.errors))
                context = await self._context(exchange, prepared, budget)
                record.codes = context.actions.codes
                try:
                    result = await self._executed(sent, prepared, context)
                    _demand_database(result, exchange.request_id)
                    return await self._result(exchange, record, result)
                finally:  # they know of each other, and would stay until the collector came
                    context.reads.renew()
            finally:
                budget.stop = None

    async def _prepare(
        self, exchange: Exchange, prepared: PreparedOperation, sent: OperationRequest, budget: Budget
    ) -> None:
        """Prepare the operation. Raises: BadRequest, where there is none that may be executed."""
        is_post = exchange.request.method == "POST"
        policy = self._policies[is_post]
        try:
            await PREPARATION.prepare(prepared, sent, policy, budget.pause)
        except NoSuchOperationError:
            raise BadRequest(400, "The document has no such operation.") from None
        except OperationNotAllowedError:
            words = "Subscriptions are not answered here." if is_post else "Send mutations by POST."
            raise BadRequest(405, words, {"Allow": "POST"}) from None
        budget.bound_fields(prepared.fields_max)

    async def _context(self, exchange: Exchange, prepared: PreparedOperation, budget: Budget) -> Context:
        request = exchange.request
        admission = await self._door.authenticate(request, fresh=prepared.is_mutation)
        assert prepared.document is not None
        facts = RequestFacts(
            admission.identity,
            exchange.language,
            exchange.request_id,
            lambda: str(request.base_url).rstrip("/"),
            prepared.document,
            admission.standing,
        )
        return Context(facts, self._services, budget)

    async def _executed(self, sent: OperationRequest, prepared: PreparedOperation, context: Context) -> ExecutionResult:
        """Return what the operation gives, by its plan if it has one."""
        if self._terms.plans:
            planned = await PLANS.execute(sent.text, prepared, context)
            if planned is not None:
                return planned
        result = await SCHEMA.execute(
            sent.text,
            variable_values=sent.variables,
            operation_name=sent.operation_name,
            context_value=context,
            allowed_operation_types=_ALL,
        )
        assert isinstance(result, ExecutionResult)
        return result

    async def _result(self, exchange: Exchange, record: Record, result: ExecutionResult) -> Response:
        prepared, budget = record.operation, record.budget
        assert prepared is not None and budget is not None
        body: dict[str, Any] = {}
        if result.errors:
            body["errors"] = format_errors(
                result.errors, exchange.language, exchange.request_id, suggestions=self._terms.development
            )
        # Where execution began there is data, if only null; an error without a path was raised before.
        has_begun = record.has_begun = result.data is not None or any(error.path for error in result.errors or ())
        if has_begun:
            body["data"] = result.data
        if prepared.cost is not None and exchange.request.headers.get(COST_HEADER):
            body["extensions"] = {"cost": {"requested": prepared.cost, "limit": self._terms.limits.cost}}
        tracing.describe(prepared.type_name, prepared.name, prepared.document_hash)
        status = 200 if has_begun else exchange.request_error_status()
        return exchange.answer(status, body, content=await written(body, budget))


def _demand_database(result: ExecutionResult, request_id: str) -> None:
    """Raise what kept the database from answering, if anything: a result that lacks what was not there is none."""
    for error in result.errors or ():
        cause = cause_of(error)
        if isinstance(cause, Overloaded) or unavailable_of(cause, request_id) is not None:
            raise cause
