"""One request on its way to what answers it, and the version of a resource that it may name."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from starlette.responses import Response

from app.admin.provisioning import Push, push
from app.api.http.decoding import decoded, read_body
from app.api.operation_runner import EndpointOptions
from app.db.engines import Database
from app.domain.errors import VersionConflict
from app.domain.facts import Actor
from app.scim.documents import Document, read_object
from app.scim.exchange import ScimExchange, tags
from app.scim.queries import Parameters, projection_of
from app.scim.resources import Resource

T = TypeVar("T")


async def received(exchange: ScimExchange, options: EndpointOptions) -> Document:
    """Return the object that is sent. Raises: BadRequest, ScimRefused."""
    exchange.demand_content_type()
    raw = await read_body(exchange.request, options.max_body_bytes, options.receive_s)
    return read_object(decoded(raw, "body"))


class ScimRequest(NamedTuple):
    """A request that is admitted: who sends it, the id in its address, empty where there is none, and what it says."""

    exchange: ScimExchange
    actor: Actor
    id: str
    body: Document
    parameters: Parameters

    def demand_version(self, resource: Resource) -> None:
        """Refuse where the client has seen another version of the resource. Raises: VersionConflict."""
        wanted = self.exchange.request.headers.get("if-match")
        actual = resource["meta"].get("version", "-")
        if wanted is not None and not tags(wanted) & {"*", actual.removeprefix("W/")}:
            raise VersionConflict(expected=wanted[:100], actual=actual)

    async def push(self, database: Database, work: Callable[[Push], Awaitable[T]]) -> T:
        """Do *work* as one transaction. Raises: as `provisioning.push`."""
        return await push(database, self.actor, work, request_id=self.exchange.request_id)

    def shown(self, status: int, resource: Resource, *, is_new: bool = False) -> Response:
        """Return what the client wants to see of a resource as the answer."""
        projection = projection_of(self.parameters)
        return self.exchange.shown(status, resource, projection.of(resource), is_new=is_new)
