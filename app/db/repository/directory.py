"""What SCIM reads: people with what the company's directory says of them, and the directory's groups.

A person whom the directory has deleted, and who is not active, is not there for it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Select, false, func, or_, select, union_all

from app.db import tables
from app.db.expressions import AnyColumn
from app.db.id_sets import among
from app.db.reader import Reader
from app.db.row_makers import columns
from app.domain.addresses import parse_address
from app.domain.directory import DirectoryEntry, user_name_key
from app.domain.model import Role, UserKind
from app.domain.search_words import fold

_USER, _ENTRY, _LOG = tables.users.c, tables.directory_entries.c, tables.account_actions.c


@dataclass(frozen=True, slots=True)
class DirectoryUser:
    """A person as the directory sees them. `changed_at`: when the account's log has last said something of them."""

    id: UUID
    email: str
    display_name: str
    active: bool
    created_at: datetime
    changed_at: datetime
    entry: DirectoryEntry
    roles: frozenset[Role] = frozenset()

    @property
    def user_name(self) -> str:
        return self.entry.user_name or self.email


@dataclass(frozen=True, slots=True)
class GroupRow:
    """A group of the directory."""

    id: UUID
    name: str
    external_id: str | None
    created_at: datetime
    updated_at: datetime


class GroupMember(NamedTuple):
    """Somebody who has the role that a group gives."""

    user_id: UUID
    display_name: str


class UserAttribute(StrEnum):
    """What people can be looked for by."""

    ID = "id"
    USER_NAME = "userName"
    EMAIL = "emails.value"
    EXTERNAL_ID = "externalId"
    DISPLAY_NAME = "displayName"
    ACTIVE = "active"


class UserCondition(NamedTuple):
    """That an attribute has a value: text, or a boolean where it is `active`."""

    attribute: UserAttribute
    value: str | bool


_FACTS: list[AnyColumn] = [
    *(_USER[name] for name in ("id", "email", "display_name", "active", "created_at")),
    func.coalesce(
        select(func.max(_LOG.created_at)).where(_LOG.target_user_id == _USER.id).scalar_subquery(), _USER.created_at
    ).label("changed_at"),
]
_ENTRY_COLUMNS = columns(DirectoryEntry, tables.directory_entries)
_SOURCE = tables.users.outerjoin(tables.directory_entries, _ENTRY.user_id == _USER.id)


def _visible(account_id: UUID) -> list[ColumnElement[bool]]:
    is_there = or_(_USER.active, _ENTRY.deleted.is_(None), ~_ENTRY.deleted)
    return [_USER.account_id == account_id, _USER.kind == UserKind.PERSON, is_there]


async def users_found(
    connection: Reader, account_id: UUID, conditions: Sequence[UserCondition], offset: int, limit: int
) -> list[DirectoryUser]:
    """Return a part of the people for whom all *conditions* hold, the oldest first."""
    which = [*_visible(account_id), *_holding(account_id, conditions)]
    page = (
        select(*_FACTS, *_ENTRY_COLUMNS)
        .select_from(_SOURCE)
        .where(*which)
        .order_by(_USER.created_at, _USER.id)
        .offset(offset)
        .limit(limit)
        .subquery()
    )
    return await _with_roles(connection, page)


async def users_number(connection: Reader, account_id: UUID, conditions: Sequence[UserCondition]) -> int:
    """Return for how many people all *conditions* hold."""
    which = [*_visible(account_id), *_holding(account_id, conditions)]
    number: int = await connection.scalar(select(func.count()).select_from(_SOURCE).where(*which))
    return number


async def users_there(
    connection: Reader, account_id: UUID, ids: Sequence[UUID], *, with_deleted: bool = False
) -> dict[UUID, DirectoryUser]:
    """Return those of *ids* who are there; those whom the directory has deleted, if they are asked for."""
    which = [*_visible(account_id)[: 2 if with_deleted else 3], among(_USER.id, ids)]
    page = select(*_FACTS, *_ENTRY_COLUMNS).select_from(_SOURCE).where(*which).subquery()
    return {user.id: user for user in await _with_roles(connection, page)}


async def _with_roles(connection: Reader, page: FromClause) -> list[DirectoryUser]:
    held = tables.user_roles.c
    statement = (
        select(*page.c, held.role)
        .outerjoin(tables.user_roles, held.user_id == page.c.id)
        .order_by(page.c.created_at, page.c.id)
    )
    found: dict[UUID, tuple[Sequence[Any], set[Role]]] = {}
    for *values, role in await connection.execute(statement):
        _, roles = found.setdefault(values[0], (values, set()))
        if role is not None:
            roles.add(role)
    return [_user(values, roles) for values, roles in found.values()]


def _user(values: Sequence[Any], roles: set[Role]) -> DirectoryUser:
    id, email, display_name, active, created_at, changed_at, *said = values
    return DirectoryUser(
        id, email, display_name, active, created_at, changed_at, entry=_entry(said), roles=frozenset(roles)
    )


def _entry(values: Sequence[Any]) -> DirectoryEntry:
    said = dict(zip((field.name for field in fields(DirectoryEntry)), values, strict=True))
    return DirectoryEntry(**said | {"deleted": bool(said["deleted"])})


async def entry_of(connection: Reader, user_id: UUID) -> DirectoryEntry:
    """Return what the directory says of a person; an empty entry where it says nothing."""
    found = (await connection.execute(select(*_ENTRY_COLUMNS).where(_ENTRY.user_id == user_id))).first()
    return DirectoryEntry() if found is None else _entry(found)


async def holders_of(connection: Reader, account_id: UUID, user_name: str) -> list[UUID]:
    """Return who has this user name, also those whom the directory has deleted."""
    which = [_USER.account_id == account_id, _having(account_id, UserAttribute.USER_NAME, user_name)]
    statement = select(_USER.id).select_from(_SOURCE).where(*which)
    return list((await connection.execute(statement)).scalars())


# --- What people are looked for by -----------------------------------------------------------------------------------


def _holding(account_id: UUID, conditions: Sequence[UserCondition]) -> Iterator[ColumnElement[bool]]:
    for attribute, value in conditions:
        match attribute, value:
            case UserAttribute.ACTIVE, bool():
                yield _USER.active == value
            case _, str():
                yield _having(account_id, attribute, value)


def _having(account_id: UUID, attribute: UserAttribute, value: str) -> ColumnElement[bool]:
    match attribute:
        case UserAttribute.ID:
            return _USER.id == UUID(value) if _is_id(value) else false()
        case UserAttribute.EXTERNAL_ID:
            return _ENTRY.external_id == value
        case UserAttribute.DISPLAY_NAME:
            return _USER.name_key == fold(value)
        case UserAttribute.EMAIL:
            addressed = _ids_addressed(account_id, value)
            return _USER.id.in_(_united(addressed)) if addressed else false()
    which = or_(_ENTRY.user_name_key == user_name_key(value), _ENTRY.user_name_key.is_(None))
    return _USER.id.in_(_ids_named(account_id, value)) & which


def _ids_named(account_id: UUID, user_name: str) -> Select[tuple[UUID]]:
    """Return the ids of those whose address or other user name it is: each is found by its own index."""
    other = select(_ENTRY.user_id.label("id")).where(
        _ENTRY.account_id == account_id, _ENTRY.user_name_key == user_name_key(user_name)
    )
    return _united([other, *_ids_addressed(account_id, user_name)])


def _ids_addressed(account_id: UUID, text: str) -> list[Select[tuple[UUID]]]:
    address = parse_address(text)
    if address is None:
        return []
    of_account = select(_USER.id).where(_USER.account_id == account_id)
    # People of before there were keys may share one, and then have one of their own.
    return [of_account.where(_USER.email_key == address.key), of_account.where(_USER.email == address.written)]


def _united(selects: Sequence[Select[tuple[UUID]]]) -> Select[tuple[UUID]]:
    return select(union_all(*selects).subquery().c.id)


def _is_id(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


# --- Groups ----------------------------------------------------------------------------------------------------------


async def groups_of(connection: Reader, account_id: UUID) -> list[GroupRow]:
    """Return the directory's groups, the oldest first; there are no more than roles."""
    column = tables.directory_groups.c
    statement = select(*columns(GroupRow, tables.directory_groups)).where(column.account_id == account_id)
    found = await connection.execute(statement.order_by(column.created_at, column.id))
    return [GroupRow(*record) for record in found]


async def holders_of_role(connection: Reader, account_id: UUID, role: Role, limit: int) -> list[GroupMember]:
    """Return the people who have a role, the oldest first, and no more than *limit*."""
    held = tables.user_roles.c
    statement = (
        select(_USER.id, _USER.display_name)
        .select_from(_SOURCE.join(tables.user_roles, held.user_id == _USER.id))
        .where(*_visible(account_id), held.role == role)
        .order_by(_USER.created_at, _USER.id)
        .limit(limit)
    )
    return [GroupMember(*record) for record in await connection.execute(statement)]
