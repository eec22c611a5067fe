"""The endpoint `/graphql` over HTTP: a request becomes one operation, its result one well-formed body.

After https://graphql.github.io/graphql-over-http/draft/. How requests are read and answers are written is in `http`,
how an operation is run in `operation_runner`; what is refused before execution is a GraphQL body too.
"""

import asyncio
import random
from contextlib import AsyncExitStack
from functools import partial

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.types.graphql import OperationType

from app.api.execution.operations import PreparedOperation
from app.api.execution.preparation import (
    NoSuchOperationError,
    OperationNotAllowedError,
    OperationRequest,
    Policy,
    may_write,
)
from app.api.http.decoding import BadRequest, Parameters, read_parameters
from app.api.http.event_stream import EventStreamResponse, failing
from app.api.http.exchange import Exchange
from app.api.multipart import Forms, is_form
from app.api.operation_runner import EndpointOptions, OperationCall
from app.api.record import CLIENT_HEADERS, Record
from app.api.request_cycle import RequestCycle
from app.api.stream_registry import StreamRequest
from app.api.streams import Streams
from app.api.trusted_documents import TrustedDocuments
from app.api.websocket.messages import SUBPROTOCOL
from app.documents.store import DocumentStore
from app.documents.transfers import Transfers
from app.domain.errors import Refusal
from app.domain.facts import Actor
from app.web.admission import Admission
from app.web.etag import revalidated
from app.web.negotiation import EVENT_STREAM
from app.web.requests import HttpRequest
from app.web.responses import VARY
from app.web.statuses import request_status

COST_HEADER = "X-GraphQL-Cost"

_QUERIES = frozenset({OperationType.QUERY})
_QUERIES_AND_MUTATIONS = _QUERIES | {OperationType.MUTATION}
_QUERIES_AND_SUBSCRIPTIONS = _QUERIES | {OperationType.SUBSCRIPTION}


class GraphQLView:
    """An ASGI app for one address, which answers every method."""

    def __init__(
        self,
        cycle: RequestCycle,
        trusted: TrustedDocuments,
        terms: EndpointOptions,
        store: DocumentStore,
        transfers: Transfers,
        streams: Streams,
    ) -> None:
        self._streams = streams
        self._open: set[EventStreamResponse] = set()
        self._policies = {
            is_post: Policy(terms.limits, _QUERIES_AND_MUTATIONS if is_post else _QUERIES, terms.development)
            for is_post in (False, True)
        }
        self._cycle = cycle
        self._trusted = trusted
        self._terms = terms
        receive_s, operations_max = terms.receive_s, terms.max_body_bytes
        self._forms = Forms(store.incoming, transfers, receive_s=receive_s, operations_max=operations_max)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(HttpRequest(scope, receive))
        await self._cycle.serve(exchange, self._respond, partial(self._send, scope=scope, receive=receive, send=send))

    async def drain(self) -> None:
        """Have the clients of all streams come back elsewhere, spread over a moment."""
        loop, spread_s = asyncio.get_running_loop(), self._streams.options.drain_s
        for response in self._open:
            loop.call_later(random.random() * spread_s, response.end)

    async def _send(self, response: Response, scope: Scope, receive: Receive, send: Send) -> None:
        if not isinstance(response, EventStreamResponse):
            await response(scope, receive, send)
            return
        self._open.add(response)
        try:
            await response(scope, receive, send)
        finally:
            self._open.discard(response)

    async def _respond(self, exchange: Exchange, record: Record) -> Response:
        """Look whether there is room first, and go in last: a body that dribbles in takes nobody's place."""
        exchange.demand_method()
        terms, request = self._terms, exchange.request
        admission = await self._cycle.admit(exchange)
        if not is_form(request):
            sent = await read_parameters(request, max_bytes=terms.max_body_bytes, receive_s=terms.receive_s)
            if exchange.takes_events and (exchange.takes_events_alone or self._may_subscribe(exchange, sent)):
                return await self._stream(exchange, admission, sent)
            return await self._respond_to(exchange, record, admission.identity.actor, sent)
        async with AsyncExitStack() as files:
            sent = await self._forms.read(request, admission.identity.actor, files)
            return await self._respond_to(exchange, record, admission.identity.actor, sent)

    async def _respond_to(self, exchange: Exchange, record: Record, actor: Actor, parameters: Parameters) -> Response:
        text, is_trusted = self._trusted.find(parameters.query, parameters.document_id, parameters.extensions)
        if text is None:
            raise BadRequest(400, "The request has no query.")
        sent = OperationRequest(text, parameters.variables, parameters.operation, exchange.request_id)
        response = await self._run(exchange, record, actor, sent)
        is_cachable = is_trusted and exchange.request.method != "POST" and response.status_code == 200
        return revalidated(exchange.request, response) if is_cachable else response

    async def _run(self, exchange: Exchange, record: Record, actor: Actor, sent: OperationRequest) -> Response:
        """Run the operation. Raises: BadRequest, where there is none that may be executed."""
        try:
            call = self._call(exchange, record, sent)
            body, content, has_begun = await self._cycle.run(call, actor, writes=may_write(sent.text))
        except NoSuchOperationError:
            raise BadRequest(400, "The document has no such operation.") from None
        except OperationNotAllowedError:
            raise _not_allowed(record.operation) from None
        if record.standing is not None:
            exchange.headers |= record.standing.headers()
        return exchange.answer(200 if has_begun else exchange.request_error_status(), body, content=content)

    async def _stream(self, exchange: Exchange, admission: Admission, sent: Parameters) -> Response:
        """Return the operation's results as events. Raises: BadRequest, Refusal of those that have a status."""
        is_get = exchange.request.method != "POST"
        if exchange.request.method == "HEAD":
            raise BadRequest(405, "Use GET or POST for events.", {"Allow": "GET, POST"})
        request = self._stream_request(exchange, admission, sent)
        request.takes_trusted_alone = is_get
        if is_get:
            request.allowed = _QUERIES_AND_SUBSCRIPTIONS
        format_errors = partial(self._streams.format_errors, request=request)
        try:
            results = await self._streams.open(request)
        except OperationNotAllowedError:
            raise BadRequest(405, "Send mutations by POST.", {"Allow": "POST"}) from None
        except Refusal as refusal:
            if request_status(type(refusal)) is not None:
                raise
            results = failing(refusal)
        headers = exchange.headers | {"Content-Language": exchange.language.lower(), "Vary": VARY}
        return EventStreamResponse(results, request, format_errors, self._streams.options, headers)

    def _may_subscribe(self, exchange: Exchange, sent: Parameters) -> bool:
        """Tell whether it can be a subscription, of a client that takes JSON too, and that gets JSON for all else."""
        if sent.query is not None:
            return exchange.request.method == "POST" and "subscription" in sent.query
        try:
            text, is_trusted = self._trusted.find(None, sent.document_id, sent.extensions)
        except Refusal:
            return False
        is_possible = is_trusted or exchange.request.method == "POST"
        return is_possible and text is not None and "subscription" in text

    def _stream_request(self, exchange: Exchange, admission: Admission, sent: Parameters) -> StreamRequest:
        request = exchange.request
        headers = request.headers
        return StreamRequest(
            parameters=sent,
            identity=admission.identity,
            standing=admission.standing,
            identify=partial(self._cycle.admission.renew, headers.get("authorization")),
            count_start=self._cycle.admission.count_stream,
            language=exchange.language,
            request_id=exchange.request_id,
            base_url=request.root_url,
            headers=headers,
            client=headers.first(CLIENT_HEADERS),
            transport="sse",
            shows_cost=bool(headers.get(COST_HEADER)),
            resume_from=headers.get("last-event-id"),
        )

    def _call(self, exchange: Exchange, record: Record, sent: OperationRequest) -> OperationCall:
        request = exchange.request
        return OperationCall(
            sent,
            self._policies[request.method == "POST"],
            partial(self._cycle.admission.authenticate, request),
            exchange.language,
            lambda: request.root_url,
            record,
            bool(request.headers.get(COST_HEADER)),
            position=request.headers.position,
        )


def _not_allowed(operation: PreparedOperation | None) -> BadRequest:
    if operation is not None and operation.type is OperationType.SUBSCRIPTION:
        return BadRequest(406, f"Subscriptions come as events: accept {EVENT_STREAM}, or use {SUBPROTOCOL}.")
    return BadRequest(405, "Send mutations by POST.", {"Allow": "POST"})
