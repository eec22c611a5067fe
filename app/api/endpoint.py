"""The endpoint `/graphql`: a request becomes one operation, its result one well-formed body.

After https://graphql.github.io/graphql-over-http/draft/. How requests are read and answers are written is in `http`;
what is refused before execution is a GraphQL body too.
"""

import hashlib
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from app.actions.idempotency import KEY_LIFETIME
from app.api.context import Context
from app.api.execution.budget import ANSWER_MAX, ANSWERS_MAX, Budget
from app.api.execution.deadline import Deadline
from app.api.execution.slices import Slices
from app.api.http.decoding import BadRequest, Parameters, read_parameters
from app.api.http.exchange import Exchange
from app.api.http.record import Record
from app.api.http.writing import written
from app.api.limits.answer_memory import AnswerMemory
from app.api.limits.enforcement import Limits
from app.api.masking import cause_of, format_errors
from app.api.multipart import Forms, is_form
from app.api.schema import LIMITER, PLANS, SCHEMA
from app.api.trusted_documents import TrustedDocuments
from app.db.engines import Database
from app.db.errors import unavailable_of
from app.documents.links import Links
from app.documents.store import DocumentStore
from app.documents.transfers import Transfers
from app.domain.errors import Overloaded
from app.observability import tracing
from app.web.admission import Admission, Door, demand_rate
from app.web.concurrency import Entrant, Gate
from app.web.etag import revalidated
from app.web.requests import Incoming
from app.web.slots import Slots

COST_HEADER = "X-GraphQL-Cost"

_QUERIES = {OperationType.QUERY}
_ALL = {OperationType.QUERY, OperationType.MUTATION}


@dataclass(frozen=True, slots=True)
class Terms:
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
        door: Door,
        gate: Gate,
        trusted: TrustedDocuments,
        terms: Terms,
        store: DocumentStore,
        links: Links,
        transfers: Transfers,
    ) -> None:
        self._database = database
        self._door = door
        self._gate = gate
        self._trusted = trusted
        self._terms = terms
        self._store = store
        self._links = links
        receive_s, operations_max = terms.receive_s, terms.max_body_bytes
        self._forms = Forms(store.incoming, transfers, receive_s=receive_s, operations_max=operations_max)
        self._slices = Slices()
        self._answer_memory = AnswerMemory(terms.answer_memory)
        self._slots = Slots.beside(database.reader.size, database.reader.patience)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(Incoming(scope, receive))
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
            if record.context is not None:
                record.context.budget.release()

    async def _respond(self, exchange: Exchange, record: Record) -> Response:
        """Look whether there is room first, and go in last: a body that dribbles in takes nobody's place."""
        exchange.demand_method()
        terms, request = self._terms, exchange.request
        self._gate.look()
        admission = await self._door.recall(request)
        if admission is None:
            with Deadline(terms.deadline_s):
                admission = await self._door.admit(request)
        exchange.admitted(admission)
        demand_rate(admission.standing)
        if not is_form(request):
            sent = await read_parameters(request, max_bytes=terms.max_body_bytes, receive_s=terms.receive_s)
            return await self._respond_to(exchange, record, admission, sent)
        async with AsyncExitStack() as files:
            sent = await self._forms.read(request, admission.identity.actor, files)
            return await self._respond_to(exchange, record, admission, sent)

    async def _respond_to(self, exchange: Exchange, record: Record, admission: Admission, sent: Parameters) -> Response:
        request = exchange.request
        query, is_trusted = self._trusted.find(sent.query, sent.document_id, sent.extensions)
        if query is None:
            raise BadRequest(400, "The request has no query.")
        if "mutation" in query:  # nothing is written without this word: the specification, section 2.3
            with Deadline(self._terms.deadline_s):
                admission = await self._door.affirm(request, admission)
        actor = admission.identity.actor
        entrant = Entrant(actor.account_id, actor.token_id, "mutation" in query)
        await self._gate.enter(entrant)
        try:
            response = await self._execute(exchange, record, admission, sent, query)
        finally:
            self._gate.leave(entrant)
        is_cachable = is_trusted and request.method != "POST" and response.status_code == 200
        return revalidated(request, response) if is_cachable else response

    async def _execute(
        self, exchange: Exchange, record: Record, admission: Admission, parameters: Parameters, query: str
    ) -> Response:
        terms = self._terms
        actor = admission.identity.actor
        share = self._answer_memory.share(actor.account_id, actor.token_id)
        budget = Budget(self._slices, terms.max_answer_bytes, share)
        context = Context(
            self._database,
            admission.identity,
            exchange.language,
            exchange.request_id,
            self._store,
            self._links,
            lambda: str(exchange.request.base_url).rstrip("/"),
            budget,
            self._slots,
            introspection=terms.development,
            limits=terms.limits,
            key_lifetime=terms.key_lifetime,
            document_hash=hashlib.sha256(query.encode()).hexdigest(),
            standing=admission.standing,
        )
        record.context = context
        errors = LIMITER.scan(query, terms.limits, context.document_hash)
        if not errors and parameters.variables:
            errors = LIMITER.count_inputs(parameters.variables, terms.limits, context.document_hash)
        if errors:
            return await self._result(exchange, context, ExecutionResult(data=None, errors=list(errors)))
        with Deadline(terms.deadline_s) as deadline:
            budget.stop = deadline.stop
            try:
                result = await _run(exchange, context, parameters, query, plans=terms.plans)
                _demand_database(result, exchange.request_id)
                return await self._result(exchange, context, result)
            finally:  # they know of each other, and would stay until the collector came
                budget.stop = None
                context.renew_loaders()

    async def _result(self, exchange: Exchange, context: Context, result: ExecutionResult) -> Response:
        body: dict[str, Any] = {}
        if result.errors:
            body["errors"] = format_errors(
                result.errors, exchange.language, exchange.request_id, suggestions=self._terms.development
            )
        # Where execution began there is data, if only null; an error without a path was raised before.
        context.has_begun = result.data is not None or any(error.path for error in result.errors or ())
        if context.has_begun:
            body["data"] = result.data
        if context.cost is not None and exchange.request.headers.get(COST_HEADER):
            body["extensions"] = {"cost": {"requested": context.cost, "limit": self._terms.limits.cost}}
        tracing.describe(context.operation_type, context.operation_name, context.document_hash)
        status = 200 if context.has_begun else exchange.request_error_status()
        return exchange.answer(status, body, content=await written(body, context.budget))


def _demand_database(result: ExecutionResult, request_id: str) -> None:
    """Raise what kept the database from answering, if anything: a result that lacks what was not there is none."""
    for error in result.errors or ():
        cause = cause_of(error)
        if isinstance(cause, Overloaded) or unavailable_of(cause, request_id) is not None:
            raise cause


async def _run(
    exchange: Exchange, context: Context, parameters: Parameters, query: str, *, plans: bool
) -> ExecutionResult:
    """Return what the operation gives. Raises: BadRequest, where there is none that may be executed."""
    is_post = exchange.request.method == "POST"
    allowed = _ALL if is_post else _QUERIES
    if plans:
        planned = await PLANS.execute(query, parameters.variables, parameters.operation, context, allowed)
        if planned is not None:
            return planned
    await context.budget.pause()  # to parse and to validate may take long, and nobody else is answered meanwhile
    try:
        result = await SCHEMA.execute(
            query,
            variable_values=parameters.variables,
            operation_name=parameters.operation,
            context_value=context,
            allowed_operation_types=allowed,
        )
    except (MissingQueryError, CannotGetOperationTypeError):
        raise BadRequest(400, "The document has no such operation.") from None
    except InvalidOperationTypeError:
        words = "Subscriptions are not answered here." if is_post else "Send mutations by POST."
        raise BadRequest(405, words, {"Allow": "POST"}) from None
    assert isinstance(result, ExecutionResult)
    return result
