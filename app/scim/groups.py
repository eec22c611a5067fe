"""Groups by SCIM: each gives the role that a setting names for it, and its members are the people who have that role.

A member of whom the role waits for an admin is none yet. No group gives ADMIN.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

from app import clock
from app.admin.provisioning import Push
from app.db.reader import Reader
from app.db.repository import directory
from app.db.repository.directory import DirectoryUser, GroupMember, GroupRow
from app.domain.admin_commands import CancelChange, ChangeRoles
from app.domain.directory import user_name_key
from app.domain.errors import NotFound
from app.domain.model import Role
from app.domain.text import Kind
from app.domain.validation import parse_id, read_text
from app.scim.documents import Document
from app.scim.patching import Membership
from app.scim.problems import ScimType, refused
from app.scim.resources import Groups
from app.scim.users import EXTERNAL_ID_MAX, waiting_commands

MEMBERS_MAX = 5_000
"""Members of a group that are shown."""
CHANGES_MAX = 500
"""People whose roles one request can change: each is a row of the account's log."""

GroupRoles = Mapping[str, Role]
"""The roles by the names of the groups that give them."""


class WantedGroup(NamedTuple):
    """What a request wants of a group."""

    name: str
    role: Role
    external_id: str | None
    membership: Membership


class GroupMap:
    """Which group gives which role, as the operator has set it."""

    def __init__(self, roles: GroupRoles) -> None:
        self._names = tuple(roles)
        self._roles = {user_name_key(name): role for name, role in roles.items()}

    def role_of(self, name: str) -> Role | None:
        return self._roles.get(user_name_key(name))

    async def groups(self, connection: Reader, account_id: UUID) -> Groups:
        """Return the account's groups by their roles; one whose name stands for none any more is not there."""
        if not self._roles:
            return {}
        found = await directory.groups_of(connection, account_id)
        return {role: group for group in found if (role := self.role_of(group.name)) is not None}

    def wanted(self, document: Document, membership: Membership) -> WantedGroup:
        """Return what a request wants. Raises: ScimRefused, Refusal."""
        name = read_text(document.get("displayName") or "", Kind.LINE, "displayName", maximum=200)
        role = self.role_of(name)
        if role is None:
            accepted = ", ".join(self._names) or "–"
            raise refused(ScimType.INVALID_VALUE, "scim_group_name", "displayName", found=name, accepted=accepted)
        external_id = document.get("externalId") or None
        if external_id is not None:
            external_id = read_text(external_id, Kind.IDENTIFIER, "externalId", maximum=EXTERNAL_ID_MAX)
        return WantedGroup(name, role, external_id, membership)


def group_by_id(groups: Groups, group_id: str) -> tuple[Role, GroupRow]:
    """Return the group with this id, and its role. Raises: NotFound."""
    for role, group in groups.items():
        if str(group.id) == group_id.lower():
            return role, group
    raise NotFound(resource="group")


async def members_of(connection: Reader, account_id: UUID, role: Role) -> list[GroupMember] | None:
    """Return all members, None where there are too many to show."""
    members = await directory.holders_of_role(connection, account_id, role, MEMBERS_MAX + 1)
    return members if len(members) <= MEMBERS_MAX else None


async def add_group(push: Push, groups: Groups, wanted: WantedGroup) -> GroupRow:
    """Add a group with its members. Raises: ScimRefused, Refusal."""
    if wanted.role in groups:
        raise refused(ScimType.UNIQUENESS, "scim_group_taken", "displayName", found=groups[wanted.role].name)
    group = GroupRow(clock.new_id(), wanted.name, wanted.external_id, push.now, push.now)
    await push.save_group(group, {"added": [group.name], "role": [wanted.role]})
    await _change_members(push, wanted.role, wanted.membership)
    return group


async def change_group(push: Push, role: Role, group: GroupRow, wanted: WantedGroup) -> GroupRow:
    """Change a group and its members; its role stays. Raises: ScimRefused, Refusal."""
    if wanted.role is not role:
        raise refused(ScimType.MUTABILITY, "scim_group_role", "displayName", found=wanted.name)
    if (wanted.name, wanted.external_id) != (group.name, group.external_id):
        names = {"name": [group.name, wanted.name]} if wanted.name != group.name else {}
        group = replace(group, name=wanted.name, external_id=wanted.external_id, updated_at=push.now)
        await push.save_group(group, names | {"fields": ["displayName" if names else "externalId"]})
    await _change_members(push, role, wanted.membership)
    return group


async def delete_group(push: Push, role: Role, group: GroupRow) -> None:
    """Remove a group: its members lose the role. Raises: ScimRefused, Refusal."""
    await _change_members(push, role, Membership(cleared=True))
    await push.remove_group(group)


async def _change_members(push: Push, role: Role, membership: Membership) -> None:
    """Give the role, and take it, where that is not so already. Raises: ScimRefused, Refusal."""
    wanted = _wanted_ids(membership)
    waiting = await _waiting_roles(push, None if membership.cleared else list(wanted))
    if membership.cleared:
        # Of more than these, more would lose the role than may.
        most = len(wanted) + CHANGES_MAX + 1
        holders = await directory.holders_of_role(push.connection, push.account_id, role, most)
        awaited = [id for id, (_, roles) in waiting.items() if role in roles]
        wanted = dict.fromkeys([*awaited, *(member.user_id for member in holders)], False) | wanted
    people = await directory.users_there(push.connection, push.account_id, list(wanted))
    missing = [id for id, is_member in wanted.items() if is_member and id not in people]
    if missing:
        raise refused(ScimType.INVALID_VALUE, "scim_member", "members", found=str(missing[0]))
    changes = [
        user for user in people.values() if (role in waiting.get(user.id, (None, user.roles))[1]) is not wanted[user.id]
    ]
    if len(changes) > CHANGES_MAX:
        raise refused(ScimType.TOO_MANY, "length", "members", actual=len(changes), maximum=CHANGES_MAX)
    pending = {waiting[user.id][0]: user.id for user in changes if user.id in waiting}
    of_others = await push.changes_of_others(pending)
    for user in changes:
        change_id, roles = waiting.get(user.id, (None, user.roles))
        # What another's token asked for is not asked for again by this one: its maker could approve it then.
        before = user.roles if change_id in of_others else roles
        await _change_roles(push, user, before | {role} if wanted[user.id] else before - {role}, change_id)


def _wanted_ids(membership: Membership) -> dict[UUID, bool]:
    """Return who is to be a member and who not. Raises: ScimRefused, for a new member of an id that nobody has."""
    wanted = {}
    for text, is_member in membership.members.items():
        id = parse_id(text)
        if id is not None:
            wanted[id] = is_member
        elif is_member:
            raise refused(ScimType.INVALID_VALUE, "scim_member", "members", found=text)
    return wanted


async def _waiting_roles(push: Push, user_ids: Sequence[UUID] | None) -> dict[UUID, tuple[UUID, frozenset[Role]]]:
    """Return of each person for whom roles wait that this provider has asked for, the change's id and the roles.

    None stands for everybody.
    """
    return {
        command.user_id: (change_id, frozenset(command.roles))
        for change_id, command in await waiting_commands(push, user_ids)
        if isinstance(command, ChangeRoles)
    }


async def _change_roles(push: Push, user: DirectoryUser, wanted: frozenset[Role], waiting: UUID | None) -> None:
    """Give and take roles: at once what needs no admin, and the rest as a change that waits.

    What is done at once puts what waits out of date, so that it is asked for again.
    """
    at_once = (user.roles & wanted) | ((wanted - user.roles) - await push.guarded_roles())
    if at_once != user.roles:
        await push.do(ChangeRoles(user_id=user.id, roles=tuple(sorted(at_once))))
    elif waiting is not None:
        await push.do(CancelChange(change_id=waiting))
    if wanted != at_once:
        await push.do(ChangeRoles(user_id=user.id, roles=tuple(sorted(wanted))))
