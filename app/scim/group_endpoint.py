"""`/Groups`: lists groups, and adds, changes and removes them and their members."""

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from app.admin.provisioning import Push
from app.db.engines import Database
from app.db.reader import Reader
from app.db.repository import directory
from app.db.repository.directory import GroupRow
from app.domain.directory import user_name_key
from app.domain.model import Role
from app.domain.validation import parse_id
from app.scim.documents import GROUP_ATTRIBUTES, Document, whole
from app.scim.groups import MEMBERS_MAX, GroupMap, add_group, change_group, delete_group, group_by_id, members_of
from app.scim.patching import Membership, member_ids, operations_of, patched
from app.scim.problems import ScimType, refused
from app.scim.queries import group_conditions, list_query, projection_of
from app.scim.requests import ScimRequest
from app.scim.resources import Groups, Resource, group_resource, list_response


class GroupEndpoint:
    """What is done at the addresses of groups."""

    def __init__(self, database: Database, groups: GroupMap) -> None:
        self._database = database
        self._groups = groups

    async def list(self, request: ScimRequest) -> Response:
        """Return a page of groups; there are no more than roles."""
        query = list_query(request.parameters)
        conditions, account_id = group_conditions(query.comparisons), request.actor.account_id
        async with self._database.read() as connection:
            groups = await self._groups.groups(connection, account_id)
            found = await _meeting(connection, request, groups, conditions)
            page = found[query.start - 1 : query.start - 1 + query.size]
            shown = [
                query.projection.of(await self._resource(request, connection, role, group)) for role, group in page
            ]
        return request.exchange.answer(200, list_response(shown, len(found), query.start))

    async def read(self, request: ScimRequest) -> Response:
        """Return one group."""
        async with self._database.read() as connection:
            groups = await self._groups.groups(connection, request.actor.account_id)
            role, group = group_by_id(groups, request.id)
            resource = await self._resource(request, connection, role, group)
        return request.shown(200, resource)

    async def create(self, request: ScimRequest) -> Response:
        """Add a group."""
        document = whole(request.body, GROUP_ATTRIBUTES)
        wanted = self._groups.wanted(document, _whole_membership(document, cleared=False))

        async def work(pushed: Push) -> Resource:
            groups = await self._groups.groups(pushed.connection, pushed.account_id)
            group = await add_group(pushed, groups, wanted)
            return await self._resource(request, pushed.connection, wanted.role, group)

        return request.shown(201, await request.push(self._database, work), is_new=True)

    async def replace(self, request: ScimRequest) -> Response:
        """Make a group what is sent; without members, they stay."""
        document = whole(request.body, GROUP_ATTRIBUTES)
        wanted = self._groups.wanted(document, _whole_membership(document, cleared="members" in document))

        async def work(pushed: Push, role: Role, group: GroupRow) -> GroupRow:
            return await change_group(pushed, role, group, wanted)

        return await self._change(request, work)

    async def patch(self, request: ScimRequest) -> Response:
        """Change some of a group."""
        operations = list(operations_of(request.body))

        async def work(pushed: Push, role: Role, group: GroupRow) -> GroupRow:
            before: Document = {"displayName": group.name, "externalId": group.external_id, "members": Membership()}
            document = patched(before, iter(operations), GROUP_ATTRIBUTES)
            return await change_group(pushed, role, group, self._groups.wanted(document, document["members"]))

        return await self._change(request, work)

    async def delete(self, request: ScimRequest) -> Response:
        """Remove a group."""

        async def work(pushed: Push) -> None:
            role, group = await self._current(request, pushed)
            await delete_group(pushed, role, group)

        await request.push(self._database, work)
        return request.exchange.answer(204, None)

    async def _change(
        self, request: ScimRequest, change: Callable[[Push, Role, GroupRow], Awaitable[GroupRow]]
    ) -> Response:
        async def work(pushed: Push) -> Resource:
            role, group = await self._current(request, pushed)
            changed = await change(pushed, role, group)
            return await self._resource(request, pushed.connection, role, changed)

        return request.shown(200, await request.push(self._database, work))

    async def _current(self, request: ScimRequest, pushed: Push) -> tuple[Role, GroupRow]:
        """Return the group as it is, of the version that the client may have named, and its role."""
        groups = await self._groups.groups(pushed.connection, pushed.account_id)
        role, group = group_by_id(groups, request.id)
        if "if-match" in request.exchange.request.headers:
            members = await members_of(pushed.connection, pushed.account_id, role)
            request.demand_version(group_resource(group, members, request.exchange.base_url))
        return role, group

    async def _resource(self, request: ScimRequest, connection: Reader, role: Role, group: GroupRow) -> Resource:
        """Return a group with its members, if any of them is asked for.

        What has changed a group of too many members is answered without them: RFC 7644, section 3.9.

        Raises: ScimRefused, where there are too many to read.
        """
        shows_members = projection_of(request.parameters).shows("members")
        members = await members_of(connection, request.actor.account_id, role) if shows_members else None
        if shows_members and members is None and request.exchange.request.method in ("GET", "HEAD"):
            raise refused(ScimType.TOO_MANY, "scim_many_members", "members", maximum=MEMBERS_MAX)
        return group_resource(group, members, request.exchange.base_url)


def _whole_membership(document: Document, *, cleared: bool) -> Membership:
    return Membership(cleared, dict.fromkeys(member_ids(document.get("members", [])), True))


async def _meeting(
    connection: Reader, request: ScimRequest, groups: Groups, conditions: list[tuple[str, str]]
) -> list[tuple[Role, GroupRow]]:
    """Return those of *groups* that meet all *conditions*."""
    ids = [parse_id(value) for name, value in conditions if name == "members.value"]
    known = [id for id in ids if id is not None]
    people = await directory.users_there(connection, request.actor.account_id, known) if known else {}
    roles = [people[id].roles if id in people else frozenset[Role]() for id in ids]
    return [
        (role, group)
        for role, group in groups.items()
        if all(role in held for held in roles) and all(_meets(group, name, value) for name, value in conditions)
    ]


def _meets(group: GroupRow, name: str, value: str) -> bool:
    match name:
        case "id":
            return str(group.id) == value.lower()
        case "displayName":
            return user_name_key(group.name) == user_name_key(value)
        case "externalId":
            return group.external_id == value
    return True
