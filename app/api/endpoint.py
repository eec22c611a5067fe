"""The endpoint `/graphql` over HTTP: a request becomes one operation, its result one well-formed body.

After https://graphql.github.io/graphql-over-http/draft/. How requests are read and answers are written is in `http`,
how an operation is run in `operation_runner`; what is refused before execution is a GraphQL body too.
"""

from contextlib import AsyncExitStack
from functools import partial

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.types.graphql import OperationType

from app.api.execution.preparation import (
    NoSuchOperationError,
    OperationNotAllowedError,
    OperationRequest,
    Policy,
    may_write,
)
from app.api.http.decoding import BadRequest, Parameters, read_parameters
from app.api.http.exchange import Exchange
from app.api.multipart import Forms, is_form
from app.api.operation_runner import EndpointOptions, OperationCall, OperationRunner
from app.api.record import CLIENT_HEADERS, Record
from app.api.trusted_documents import TrustedDocuments
from app.documents.store import DocumentStore
from app.documents.transfers import Transfers
from app.domain.model import Actor
from app.observability import tracing
from app.web.admission import AdmissionController, demand_rate
from app.web.concurrency import AdmittedOperation, ConcurrencyLimiter
from app.web.etag import revalidated
from app.web.requests import HttpRequest

COST_HEADER = "X-GraphQL-Cost"

_QUERIES = frozenset({OperationType.QUERY})
_QUERIES_AND_MUTATIONS = _QUERIES | {OperationType.MUTATION}


class GraphQLView:
    """An ASGI app for one address, which answers every method."""

    def __init__(
        self,
        runner: OperationRunner,
        door: AdmissionController,
        gate: ConcurrencyLimiter,
        trusted: TrustedDocuments,
        terms: EndpointOptions,
        store: DocumentStore,
        transfers: Transfers,
    ) -> None:
        self._runner = runner
        self._policies = {
            is_post: Policy(terms.limits, _QUERIES_AND_MUTATIONS if is_post else _QUERIES, terms.development)
            for is_post in (False, True)
        }
        self._door = door
        self._gate = gate
        self._trusted = trusted
        self._terms = terms
        receive_s, operations_max = terms.receive_s, terms.max_body_bytes
        self._forms = Forms(store.incoming, transfers, receive_s=receive_s, operations_max=operations_max)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(HttpRequest(scope, receive))
        record = Record()
        with tracing.operation(exchange.request.headers):
            try:
                response = await self._respond(exchange, record)
            except Exception as refused:
                response = exchange.refuse(refused)
        client = exchange.request.headers.first(CLIENT_HEADERS)
        record.finish(exchange.request_id, response.status_code, client, exchange.codes)
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
            response = await self._run(exchange, record, actor, sent)
        finally:
            self._gate.leave(entrant)
        is_cachable = is_trusted and exchange.request.method != "POST" and response.status_code == 200
        return revalidated(exchange.request, response) if is_cachable else response

    async def _run(self, exchange: Exchange, record: Record, actor: Actor, sent: OperationRequest) -> Response:
        """Run the operation. Raises: BadRequest, where there is none that may be executed."""
        is_post = exchange.request.method == "POST"
        try:
            body, content, has_begun = await self._runner.run(self._call(exchange, record, sent), actor)
        except NoSuchOperationError:
            raise BadRequest(400, "The document has no such operation.") from None
        except OperationNotAllowedError:
            words = "Subscriptions are not answered here." if is_post else "Send mutations by POST."
            raise BadRequest(405, words, {"Allow": "POST"}) from None
        return exchange.answer(200 if has_begun else exchange.request_error_status(), body, content=content)

    def _call(self, exchange: Exchange, record: Record, sent: OperationRequest) -> OperationCall:
        request = exchange.request
        return OperationCall(
            sent,
            self._policies[request.method == "POST"],
            partial(self._door.authenticate, request),
            exchange.language,
            lambda: str(request.base_url).rstrip("/"),
            record,
            bool(request.headers.get(COST_HEADER)),
        )
