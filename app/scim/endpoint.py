"""The endpoint `/scim/v2`: who pushes, and what answers at which address.

People are in `user_endpoint`, groups in `group_endpoint`; what may be done is decided where it is done.
"""

from collections.abc import Awaitable, Callable, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.api.operation_runner import EndpointOptions
from app.api.record import Record
from app.api.request_cycle import RequestCycle
from app.db.engines import Database
from app.db.time_limit import Deadline
from app.domain.errors import NotFound
from app.domain.pushed_changes import admit_scim
from app.scim import discovery
from app.scim.exchange import ScimExchange, Unsupported
from app.scim.group_endpoint import GroupEndpoint
from app.scim.groups import GroupMap, GroupRoles
from app.scim.queries import searched
from app.scim.requests import ScimRequest, received
from app.scim.resources import Resource, list_response
from app.scim.user_endpoint import UserEndpoint
from app.web.requests import HttpRequest

Handler = Callable[[ScimRequest], Awaitable[Response]]
Handlers = Mapping[str, Handler]

_READING = ("GET", "HEAD")
_WITH_BODY = ("POST", "PUT", "PATCH")
_SEARCHED = ("Users", "Groups")
SEARCH = ".search"


class ScimView:
    """An ASGI app for all addresses below the prefix."""

    def __init__(
        self, cycle: RequestCycle, database: Database, options: EndpointOptions, roles: GroupRoles, public_url: str
    ) -> None:
        self._cycle = cycle
        self._options = options
        self._public_url = public_url
        groups = GroupMap(roles)
        users, of_groups = UserEndpoint(database, groups), GroupEndpoint(database, groups)
        self._lists: Mapping[str, Handlers] = {
            "Users": _reading(users.list) | {"POST": users.create},
            "Groups": _reading(of_groups.list) | {"POST": of_groups.create},
            "ServiceProviderConfig": _reading(_config),
            "ResourceTypes": _reading(_resource_types),
            "Schemas": _reading(_schemas),
            SEARCH: {"POST": _unsupported},
            "Bulk": {"POST": _unsupported},
            "Me": dict.fromkeys((*_READING, "POST", "PUT", "PATCH", "DELETE"), _unsupported),
        }
        self._items: Mapping[str, Handlers] = {
            "Users": _of_item(users),
            "Groups": _of_item(of_groups),
            "ResourceTypes": _reading(_resource_type),
            "Schemas": _reading(_schema),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = ScimExchange(HttpRequest(scope, receive), self._public_url)
        await self._cycle.serve(exchange, self._respond, lambda response: response(scope, receive, send))

    async def _respond(self, exchange: ScimExchange, record: Record) -> Response:
        """Admit the request, and have it answered by what its address and method stand for."""
        _, name, *rest = (*exchange.path.split("/"), "")
        id, *more = rest or [""]
        handlers = None if any(more) else self._handlers(name, id)
        if handlers is None:
            raise NotFound(resource="node")
        exchange.demand_method(list(handlers))
        admission = await self._cycle.admit(exchange)
        method = exchange.request.method
        is_search = id == SEARCH
        is_writing = method not in _READING and not is_search
        if is_writing:
            admission = await self._cycle.admission.authenticate(exchange.request, fresh=True)
        actor = admission.identity.actor
        admit_scim(actor)
        body = await received(exchange, self._options) if method in _WITH_BODY else {}
        parameters = searched(body) if is_search else exchange.request.query_params
        request = ScimRequest(exchange, actor, id, body, parameters)
        async with self._cycle.occupied(actor, writes=is_writing):
            with Deadline(self._options.deadline_s):
                response = await handlers[method](request)
        if is_writing:
            await self._cycle.note_write(actor, record)
        return response

    def _handlers(self, name: str, id: str) -> Handlers | None:
        """Return what answers each method at an address, None where nothing is there."""
        if id == SEARCH:
            return {"POST": self._lists[name]["GET"]} if name in _SEARCHED else None
        return (self._items if id else self._lists).get(name)


def _reading(handler: Handler) -> dict[str, Handler]:
    return dict.fromkeys(_READING, handler)


def _of_item(endpoint: UserEndpoint | GroupEndpoint) -> dict[str, Handler]:
    others: dict[str, Handler] = {"PUT": endpoint.replace, "PATCH": endpoint.patch, "DELETE": endpoint.delete}
    return _reading(endpoint.read) | others


async def _unsupported(_request: ScimRequest) -> Response:
    raise Unsupported


async def _config(request: ScimRequest) -> Response:
    return request.exchange.answer(200, discovery.service_provider_config(request.exchange.base_url))


async def _resource_types(request: ScimRequest) -> Response:
    return _whole_list(request, discovery.resource_types(request.exchange.base_url))


async def _schemas(request: ScimRequest) -> Response:
    return _whole_list(request, discovery.schemas(request.exchange.base_url))


async def _resource_type(request: ScimRequest) -> Response:
    return _one(request, discovery.resource_types(request.exchange.base_url))


async def _schema(request: ScimRequest) -> Response:
    return _one(request, discovery.schemas(request.exchange.base_url))


def _whole_list(request: ScimRequest, resources: list[Resource]) -> Response:
    return request.exchange.answer(200, list_response(resources, len(resources), 1))


def _one(request: ScimRequest, resources: list[Resource]) -> Response:
    for resource in resources:
        if resource["id"] == request.id:
            return request.exchange.answer(200, resource)
    raise NotFound(resource="node")
