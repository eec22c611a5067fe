"""The endpoint `/api/v1`: a request of JSON:API becomes the operation of the schema that means it.

What an operation may, does and refuses is decided where it is run; here its request is read and its result reshaped.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.types.graphql import OperationType

from app.api.execution.preparation import OperationRequest, Policy
from app.api.http.decoding import read_body
from app.api.operation_runner import EndpointOptions, OperationCall
from app.api.record import Record
from app.api.request_cycle import RequestCycle
from app.api.write_only import may_read
from app.documents.upload import UploadEndpoint
from app.domain.access import permit_reading
from app.domain.errors import Erased, NotFound
from app.domain.model import ActionType, Feature, Resource
from app.domain.model import Scope as TokenScope
from app.domain.workflow import admit
from app.jsonapi.addresses import ACTION, NODES, parted
from app.jsonapi.answers import Visit, created, is_of, page_of, retry_after, single
from app.jsonapi.bodies import parsed
from app.jsonapi.documents import redirected, uploaded
from app.jsonapi.evaluations import recorded, translated_evaluations
from app.jsonapi.exchange import ResourceExchange
from app.jsonapi.negotiation import demand_content_type, demand_own_parameters
from app.jsonapi.openapi import openapi_json
from app.jsonapi.operations import (
    ACTIONS,
    CASES,
    CONTENT,
    DOCUMENTS,
    MUTATIONS,
    OVERRIDES,
    USERS,
    Listing,
    TranslatedOperation,
    action_text,
    case_text,
    listing_operation,
    node_text,
)
from app.jsonapi.parameters import NO_PARAMETERS, QueryReader, ResourceQuery, reader_of
from app.jsonapi.problems import ProblemsFound
from app.jsonapi.results import action_problems, parameter_place, read_problems
from app.jsonapi.translation import RequestHeaders, Translation, shape_findings, translated_action, translated_case
from app.web.etag import revalidated
from app.web.negotiation import JSON
from app.web.requests import HttpRequest

_POLICY_TYPES = frozenset({OperationType.QUERY, OperationType.MUTATION})

Handler = Callable[[Visit], Awaitable[Response]]


class JsonApiView:
    """An ASGI app for all addresses below the prefix."""

    def __init__(
        self,
        cycle: RequestCycle,
        options: EndpointOptions,
        upload: UploadEndpoint,
        public_url: str,
        *,
        has_case_files: bool = False,
    ) -> None:
        self._cycle = cycle
        self._options = options
        self._upload = upload
        self._public_url = public_url
        self._has_case_files = has_case_files
        self._handlers = {parted(address)[0]: handlers for address, handlers in self._addresses().items()}
        self._policy = Policy(options.limits, _POLICY_TYPES, introspection=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = ResourceExchange(HttpRequest(scope, receive), self._public_url)
        await self._cycle.serve(exchange, self._respond, lambda response: response(scope, receive, send))

    async def _respond(self, exchange: ResourceExchange, record: Record) -> Response:
        """Admit the request, and have it answered by what its address and method stand for."""
        if exchange.path == "/openapi.json":
            exchange.demand_method(("GET", "HEAD"))
            return revalidated(exchange.request, Response(await asyncio.to_thread(openapi_json), media_type=JSON))
        shape, ids = parted(exchange.path)
        handlers = self._handlers.get(shape)
        if handlers is None:
            raise NotFound(resource="node")
        exchange.demand_method(handlers)
        if exchange.request.method != "POST":
            demand_own_parameters(exchange.request)
        admission = await self._cycle.admit(exchange)
        identity = admission.identity
        requires_version = identity.account.require_reviewed_version
        has_case_files = self._has_case_files and may_read(identity.actor)
        visit = Visit(exchange, record, identity.actor, ids, requires_version, has_case_files)
        return await handlers[exchange.request.method](visit)

    def _addresses(self) -> dict[str, dict[str, Handler]]:
        """Return what answers each method at each address."""
        nodes = {f"/{name}/{{uuid}}": _reading(partial(self._node, *node)) for name, node in NODES.items()}
        return nodes | {
            "/cases": {**_reading(partial(self._list, CASES)), "POST": self._open},
            "/cases/{uuid}": _reading(self._case),
            "/cases/{uuid}/actions": {**_reading(partial(self._list_of_case, ACTIONS)), "POST": self._act},
            "/cases/{uuid}/overrides": _reading(partial(self._list_of_case, OVERRIDES)),
            "/cases/{uuid}/documents": _reading(partial(self._list_of_case, DOCUMENTS)),
            "/cases/{uuid}/actions/{action}": _reading(partial(self._node, *ACTION)),
            "/documents": {"POST": self._receive},
            "/evaluations": {"POST": self._evaluate},
            "/documents/{uuid}/content": _reading(self._content),
            "/users": _reading(partial(self._list, USERS)),
        }

    # --- Reading -----------------------------------------------------------------------------------------------------

    async def _list(self, listing: Listing, visit: Visit) -> Response:
        is_of_users = listing.type_name == "user"
        scope = TokenScope.USERS_READ if is_of_users else TokenScope.CASES_READ
        query = _query(visit, listing.reader, scope, None if is_of_users else Feature.CASES)
        operation = listing_operation(listing, query)
        data, refused = await self._read(visit, operation, listing, query.named)
        return refused or await page_of(visit, listing, query, data["users" if is_of_users else "cases"])

    async def _list_of_case(self, listing: Listing, visit: Visit) -> Response:
        query = _query(visit, listing.reader, TokenScope.CASES_READ, Feature.CASES)
        operation = listing_operation(listing, query, id=visit.ids[0])
        data, refused = await self._read(visit, operation, listing, query.named)
        if refused is not None:
            return refused
        case = data["case"]
        if case is None:
            raise NotFound(resource=Resource.CASE)
        return await page_of(visit, listing, query, case[listing.field], str(case["id"]), case["version"])

    async def _case(self, visit: Visit) -> Response:
        query = _query(visit, reader_of("case"), TokenScope.CASES_READ, Feature.CASES)
        data, refused = await self._read(visit, TranslatedOperation(case_text(query.wanted), {"id": visit.ids[0]}))
        if refused is not None:
            return refused
        if data["case"] is None:
            raise NotFound(resource=Resource.CASE)
        return await single(visit, "case", query, data["case"], data["case"]["version"])

    async def _node(self, type_name: str, scope: TokenScope, name: str, visit: Visit) -> Response:
        feature = None if scope is TokenScope.USERS_READ else Feature.CASES
        query = _query(visit, reader_of(type_name), scope, feature)
        operation = TranslatedOperation(node_text(type_name, query.wanted), {"id": visit.ids[-1]})
        data, refused = await self._read(visit, operation)
        if refused is not None:
            return refused
        found = data["node"]
        if not found or (type_name == "case_action" and not is_of(found, visit.ids[0])):
            raise NotFound(resource=name)
        return await single(visit, type_name, query, found)

    async def _content(self, visit: Visit) -> Response:
        permit_reading(visit.actor, TokenScope.DOCUMENTS_READ, Feature.CASES)
        _query(visit, reader_of(None), TokenScope.DOCUMENTS_READ, Feature.CASES)
        data, refused = await self._read(visit, TranslatedOperation(CONTENT, {"id": visit.ids[0]}))
        if refused is not None:
            return refused
        if not data["node"]:
            raise NotFound(resource=Resource.DOCUMENT)
        if data["node"]["url"] is None:
            raise Erased()
        return redirected(visit.exchange, data["node"]["url"])

    async def _read(
        self,
        visit: Visit,
        operation: TranslatedOperation,
        listing: Listing | None = None,
        named: Mapping[str, str] = NO_PARAMETERS.named,
    ) -> tuple[dict[str, Any], Response | None]:
        """Return the data of a query, or the answer that it was refused with."""
        body = await self._run(visit, operation)
        if not body.get("errors"):
            return body["data"], None
        place = parameter_place({} if listing is None else listing.filters, operation.variables, named)
        return {}, visit.exchange.errors(read_problems(body["errors"], place), retry_after(body["errors"]))

    # --- Acting ------------------------------------------------------------------------------------------------------

    async def _act(self, visit: Visit) -> Response:
        wanted = _query(visit, reader_of("case_action"), TokenScope.CASES_WRITE, Feature.CASES)
        body = await self._body(visit)
        translate = partial(translated_action, body, visit.ids[0], requires_version=visit.requires_version)
        return await self._perform(visit, wanted, translate)

    async def _open(self, visit: Visit) -> Response:
        wanted = _query(visit, reader_of("case"), TokenScope.CASES_WRITE, Feature.CASES)
        body = await self._body(visit)
        return await self._perform(visit, wanted, partial(translated_case, body))

    async def _evaluate(self, visit: Visit) -> Response:
        query = _query(visit, reader_of("subject"), TokenScope.SUBJECTS_WRITE, Feature.CASES)
        body = await self._body(visit, ActionType.EVALUATION)
        admit(ActionType.EVALUATION, visit.actor)
        sent = translated_evaluations(body, _headers(visit))
        if sent.reader.findings:
            raise ProblemsFound(sent.reader.findings)
        result = await self._run(visit, sent.operation(query.wanted, may_read=may_read(visit.actor)))
        payload = (result.get("data") or {}).get(sent.mutation)
        if payload is None or result.get("errors"):
            errors = result["errors"]
            return visit.exchange.errors(read_problems(errors, lambda _path: {}), retry_after(errors))
        return await recorded(visit, query, sent, payload)

    async def _receive(self, visit: Visit) -> Response:
        _query(visit, reader_of(None, ("filename",)), TokenScope.DOCUMENTS_WRITE, Feature.CASES)
        admission = await self._cycle.admission.authenticate(visit.exchange.request, fresh=True)
        response = await uploaded(self._upload, visit.exchange, admission)
        if response.status_code == 201:
            await self._cycle.note_write(admission.identity.actor, visit.record)
        return response

    async def _body(self, visit: Visit, action: ActionType = ActionType.COMMENT) -> Any:
        request, options = visit.exchange.request, self._options
        demand_content_type(request)
        raw = await read_body(request, options.max_body_bytes, options.receive_s)
        try:
            return parsed(raw)
        except ProblemsFound:
            admit(action, visit.actor)  # what any action takes comes before the shape
            raise

    async def _perform(
        self, visit: Visit, query: ResourceQuery, translate: Callable[[RequestHeaders], Translation]
    ) -> Response:
        """Run the mutation that a resource stands for, and answer with what it made."""
        try:
            sent = translate(_headers(visit))
        except ProblemsFound:
            admit(ActionType.COMMENT, visit.actor)
            raise
        admit(sent.action or ActionType.COMMENT, visit.actor)
        action = sent.action
        text = action and action_text(action, query.wanted, may_read=may_read(visit.actor))
        if sent.findings or action is None or text is None:
            raise ProblemsFound([*sent.findings, *shape_findings(sent)])
        operation = TranslatedOperation(text, {"input": sent.input}, writes=True)
        body = await self._run(visit, operation, frozenset(sent.unnamed))
        data = body.get("data") or {}
        payload: dict[str, Any] | None = data.get(MUTATIONS[action])
        if payload is not None and payload["errors"]:
            return visit.exchange.errors(action_problems(payload["errors"], sent.source))
        if payload is None or body.get("errors"):
            errors = body["errors"]
            return visit.exchange.errors(read_problems(errors, lambda _path: {}), retry_after(errors))
        return await created(visit, query, payload, "case" if action is ActionType.OPEN else "case_action")

    async def _run(
        self, visit: Visit, operation: TranslatedOperation, unnamed: frozenset[str] = frozenset()
    ) -> dict[str, Any]:
        """Return the body of an operation's result."""
        exchange = visit.exchange
        call = OperationCall(
            OperationRequest(operation.text, operation.variables, None, exchange.request_id),
            self._policy,
            partial(self._cycle.admission.authenticate, exchange.request),
            exchange.language,
            lambda: exchange.base_url,
            visit.record,
            is_reshaped=True,
            unnamed=unnamed,
            position=exchange.request.headers.position,
        )
        return (await self._cycle.run(call, visit.actor, writes=operation.writes)).body


def _headers(visit: Visit) -> RequestHeaders:
    headers = visit.exchange.request.headers
    return RequestHeaders(headers.get("idempotency-key"), headers.get("if-match"))


def _reading(handler: Handler) -> dict[str, Handler]:
    return {"GET": handler, "HEAD": handler}


def _query(visit: Visit, reader: QueryReader, scope: TokenScope, feature: Feature | None) -> ResourceQuery:
    """Return the parameters of the address. What the account and the token may not do is refused before their faults.

    Raises: ProblemsFound, FeatureDisabled, InsufficientScope.
    """
    try:
        return reader.read(visit.exchange.request.scope["query_string"])
    except ProblemsFound:
        if scope is TokenScope.CASES_WRITE:
            admit(ActionType.COMMENT, visit.actor)
        else:
            permit_reading(visit.actor, scope, feature)
        raise
