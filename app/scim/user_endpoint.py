"""`/Users`: lists people, and adds, changes and deactivates them."""

from collections.abc import Callable

from starlette.responses import Response

from app.admin.provisioning import Push
from app.db.engines import Database
from app.db.reader import Reader
from app.db.repository import directory
from app.db.repository.directory import DirectoryUser
from app.domain.errors import NotFound
from app.domain.model import Resource as Kind
from app.domain.validation import parse_id
from app.scim.documents import USER_ATTRIBUTES, Document, whole
from app.scim.groups import GroupMap
from app.scim.patching import attributes_of, operations_of, patched
from app.scim.queries import list_query, user_conditions
from app.scim.requests import ScimRequest
from app.scim.resources import Resource, list_response, user_resource
from app.scim.users import (
    WantedUser,
    add_user,
    change_user,
    delete_user,
    document_of,
    find_user,
    wanted_new,
    wanted_of,
)


class UserEndpoint:
    """What is done at the addresses of people."""

    def __init__(self, database: Database, groups: GroupMap) -> None:
        self._database = database
        self._groups = groups

    async def list(self, request: ScimRequest) -> Response:
        """Return a page of people."""
        query = list_query(request.parameters)
        conditions, account_id = user_conditions(query.comparisons), request.actor.account_id
        async with self._database.read() as connection:
            total = await directory.users_number(connection, account_id, conditions)
            found = await directory.users_found(connection, account_id, conditions, query.start - 1, query.size)
            groups = await self._groups.groups(connection, account_id)
        base_url = request.exchange.base_url
        resources = [query.projection.of(user_resource(user, groups, base_url)) for user in found]
        return request.exchange.answer(200, list_response(resources, total, query.start))

    async def read(self, request: ScimRequest) -> Response:
        """Return one person."""
        id = parse_id(request.id)
        async with self._database.read() as connection:
            found = await directory.users_there(connection, request.actor.account_id, [] if id is None else [id])
            if id is None or id not in found:
                raise NotFound(resource=Kind.USER)
            resource = await self._resource(request, connection, found[id])
        return request.shown(200, resource)

    async def create(self, request: ScimRequest) -> Response:
        """Add a person."""
        wanted = wanted_new(whole(request.body, USER_ATTRIBUTES))

        async def work(pushed: Push) -> Resource:
            user = await find_user(pushed, await add_user(pushed, wanted))
            return await self._resource(request, pushed.connection, user)

        resource = await request.push(self._database, work)
        return request.shown(201, resource, is_new=True)

    async def replace(self, request: ScimRequest) -> Response:
        """Make a person what is sent."""
        document = whole(request.body, USER_ATTRIBUTES)
        return await self._change(request, lambda user: wanted_of(user, document, document, is_patch=False))

    async def patch(self, request: ScimRequest) -> Response:
        """Change some of a person."""
        operations = list(operations_of(request.body))
        said = attributes_of(operations, USER_ATTRIBUTES)

        def wanted(user: DirectoryUser) -> WantedUser:
            document: Document = patched(document_of(user), iter(operations), USER_ATTRIBUTES)
            return wanted_of(user, document, said, is_patch=True)

        return await self._change(request, wanted)

    async def delete(self, request: ScimRequest) -> Response:
        """Deactivate a person, who is not there for the directory any more once that is done."""

        async def work(pushed: Push) -> Resource | None:
            user = await self._current(request, pushed)
            await delete_user(pushed, user)
            left = await directory.users_there(pushed.connection, pushed.account_id, [user.id])
            return await self._resource(request, pushed.connection, left[user.id]) if left else None

        resource = await request.push(self._database, work)
        # An admin's end waits for another admin: they are there until then (RFC 9110, section 15.3.3).
        return request.exchange.answer(204, None) if resource is None else request.shown(202, resource)

    # --- In the transaction ------------------------------------------------------------------------------------------

    async def _change(self, request: ScimRequest, wanted: Callable[[DirectoryUser], WantedUser]) -> Response:
        async def work(pushed: Push) -> Resource:
            user = await self._current(request, pushed)
            await change_user(pushed, user, wanted(user))
            return await self._resource(request, pushed.connection, await find_user(pushed, user.id))

        return request.shown(200, await request.push(self._database, work))

    async def _current(self, request: ScimRequest, pushed: Push) -> DirectoryUser:
        """Return the person as they are, of the version that the client may have named."""
        user = await find_user(pushed, parse_id(request.id))
        request.demand_version(await self._resource(request, pushed.connection, user))
        return user

    async def _resource(self, request: ScimRequest, connection: Reader, user: DirectoryUser) -> Resource:
        groups = await self._groups.groups(connection, request.actor.account_id)
        return user_resource(user, groups, request.exchange.base_url)
