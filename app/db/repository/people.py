"""Users with their roles: by id, by the page, and as the reviewers of overrides."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Table, exists, false, select

from app.db import tables
from app.db.expressions import AnyColumn, AnySelect
from app.db.id_sets import also_among, among, of_account
from app.db.prepared import ACCOUNT, IDS, Prepared
from app.db.reader import Reader
from app.db.repository.placed import REQUESTED, many_each, one_each, rows_by_id
from app.db.repository.window import OrderKey, Window, count, in_order, windowed
from app.db.row_makers import columns, every, partial
from app.db.rows import AccountRow, UserRow
from app.domain.facts import Candidate
from app.domain.model import Role, UserKind
from app.domain.search_words import Term

EVERY_USER_COLUMN = every(UserRow)

_USER = columns(UserRow, tables.users)


def _with_roles(records: Iterable[Any]) -> list[UserRow]:
    """Fold the lines of a join with roles, one for each role, into users; the order of first sight stays."""
    people: dict[UUID, tuple[Sequence[Any], set[Role]]] = {}
    for *values, role in records:
        _, roles = people.setdefault(values[0], (values, set()))
        if role is not None:
            roles.add(role)
    return [UserRow(*(*values, tuple(sorted(roles)))) for values, roles in people.values()]


_BY_ID = Prepared(
    select(*_USER, tables.user_roles.c.role)
    .outerjoin(tables.user_roles, tables.user_roles.c.user_id == tables.users.c.id)
    .where(of_account(tables.users.c.account_id, ACCOUNT), among(tables.users.c.id, IDS))
)


async def users_by_id(
    connection: Reader, account_id: UUID, ids: Sequence[UUID], names: frozenset[str] = EVERY_USER_COLUMN
) -> list[UserRow | None]:
    """Return for each id its person, with *names* alone: a person with roles is a line for each of them."""
    if "roles" in names:
        records = await _BY_ID.records(connection, account_id=account_id, ids=ids)
        return in_order(ids, _with_roles(records))
    places, *found = await rows_by_id(tables.users, names).columns(connection, account_id=account_id, ids=ids)
    return one_each(ids, places, map(partial(UserRow, names), *found))


async def candidates(connection: Reader, account_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Candidate]:
    """Return those of *ids* who are in the account, as what may be asked of them depends on."""
    found = await users_by_id(connection, account_id, ids)
    return {user.id: user.candidate for user in found if user is not None}


class PeopleOrder(StrEnum):
    """What people can be sorted by."""

    CREATED_AT = "created_at"
    NAME = "name_key"


class People(NamedTuple):
    """Which people of an account, in which order: by default all, the newest first.

    `terms` are words that are all in a person's name or address; None: no search.
    """

    role: Role | None = None
    active: bool | None = None
    without: UUID | None = None
    terms: tuple[Term, ...] | None = None
    order: PeopleOrder = PeopleOrder.CREATED_AT
    descending: bool = True
    kind: UserKind = UserKind.PERSON

    @property
    def keys(self) -> tuple[OrderKey, OrderKey]:
        column = tables.users.c
        return OrderKey(column[self.order], self.descending), OrderKey(column.id, self.descending)


class PersonPlace(NamedTuple):
    """A person and the key of their place in a list."""

    user: UserRow
    key: tuple[Any, ...]


def _conditions(account_id: UUID, people: People) -> Iterator[ColumnElement[bool]]:
    column = tables.users.c
    yield column.account_id == account_id
    yield column.kind == people.kind
    if people.role is not None:
        held = tables.user_roles.c
        yield select(held.role).where(held.user_id == column.id, held.role == people.role).exists()
    if people.active is not None:
        yield column.active == people.active
    if people.without is not None:
        yield column.id != people.without
    if people.terms is not None and not people.terms:
        yield false()  # a search for nothing but punctuation
    for term in people.terms or ():
        yield column.name_key.contains(term.text, autoescape=True) | column.email_key.contains(
            term.text, autoescape=True
        )


async def users_page(connection: Reader, account_id: UUID, window: Window, people: People) -> list[PersonPlace]:
    """Return a part of the list of these people; the key is what it is sorted by, and the id."""
    first, second = people.keys
    listed = select(*_USER, first.column.label("place")).where(*_conditions(account_id, people))
    page = windowed(listed, (first, second), window).subquery()
    by = [page.c.place, page.c.id]
    statement = (
        select(*columns(UserRow, page), tables.user_roles.c.role, page.c.place)
        .outerjoin(tables.user_roles, tables.user_roles.c.user_id == page.c.id)
        .order_by(*(column.desc() if people.descending else column.asc() for column in by))
    )
    records = (await connection.execute(statement)).all()
    places = {record[0]: record[-1] for record in records}
    users = _with_roles(record[:-1] for record in records)
    return [PersonPlace(user, (places[user.id], user.id)) for user in users]


async def people_by_case(
    connection: Reader, account_id: UUID, case_ids: Sequence[UUID], window: Window, people: People
) -> list[list[PersonPlace]]:
    """Return for each case the same page of people."""
    found = await users_page(connection, account_id, window, people)
    return [found] * len(case_ids)


async def users_count(connection: Reader, account_id: UUID, people: People) -> int:
    return await count(connection, tables.users, list(_conditions(account_id, people)))


_FIRST, _LATER = tables.override_reviewers, tables.reassigned_reviewers


@lru_cache(maxsize=100)
def _reviewers(names: frozenset[str]) -> Prepared:
    """Return the statement for those who were asked first, in their order: a person is a line for each role.

    Each line begins with the override's place, and ends with whether others are asked by now.
    """
    are_others = exists().where(_LATER.c.override_id == REQUESTED.c.id)
    return Prepared(_named(_FIRST, are_others, names).order_by(REQUESTED.c.place, _FIRST.c.position))


@lru_cache(maxsize=100)
def _later_reviewers(names: frozenset[str]) -> Prepared:
    """Return the statement for those who were asked later, the last naming first; its version is in each line."""
    lines = _named(_LATER, _LATER.c.version, names)
    return Prepared(lines.order_by(REQUESTED.c.place, _LATER.c.version.desc(), _LATER.c.position))


def _named(link: Table, more: AnyColumn, names: frozenset[str]) -> AnySelect:
    of_user, source = tables.users.c, REQUESTED.join(link, link.c.override_id == REQUESTED.c.id)
    source = source.join(tables.users, of_user.id == link.c.reviewer_id)
    wanted: list[AnyColumn] = [of_user[name] for name in sorted(names - {"roles"})]
    if "roles" in names:
        source = source.outerjoin(tables.user_roles, tables.user_roles.c.user_id == of_user.id)
        wanted = [*_USER, tables.user_roles.c.role]
    are_theirs = of_account(of_user.account_id, ACCOUNT), also_among(link.c.override_id, IDS)
    return select(REQUESTED.c.place, *wanted, more).select_from(source).where(*are_theirs)


async def reviewers_by_override(
    connection: Reader,
    account_id: UUID,
    override_ids: Sequence[UUID],
    names: frozenset[str] = EVERY_USER_COLUMN,
) -> list[list[UserRow]]:
    """Return for each override the people who are asked to decide, in the order in which they were named."""
    places, *found, are_others = await _reviewers(names).columns(connection, account_id=account_id, ids=override_ids)
    places = list(places)
    rows = _people_each(override_ids, places, found, names)
    reassigned = sorted({place for place, are_reassigned in zip(places, are_others, strict=True) if are_reassigned})
    if reassigned:
        ids = [override_ids[place] for place in reassigned]
        others = await _last_reviewers(connection, account_id, ids, names)
        for place, people in zip(reassigned, others, strict=True):
            rows[place] = people
    return rows


async def _last_reviewers(
    connection: Reader, account_id: UUID, override_ids: Sequence[UUID], names: frozenset[str]
) -> list[list[UserRow]]:
    """Return for each override those who were asked last, of those who were not asked first."""
    latest: dict[int, int] = {}
    records = await _later_reviewers(names).records(connection, account_id=account_id, ids=override_ids)
    lines = [line for line in records if latest.setdefault(line[0], line[-1]) == line[-1]]
    if not lines:
        return [[] for _ in override_ids]
    places, *found, _ = zip(*lines, strict=True)
    return _people_each(override_ids, places, found, names)


def _people_each(
    override_ids: Sequence[UUID], places: Sequence[int], found: Sequence[Iterable[object]], names: frozenset[str]
) -> list[list[UserRow]]:
    """Return for each override the people in the lines at its place."""
    if "roles" not in names:
        return many_each(override_ids, places, map(partial(UserRow, names), *found))
    lines: list[list[object]] = [[] for _ in override_ids]
    for place, *values in zip(places, *found, strict=True):
        lines[place].append(values)
    return [_with_roles(of_one) for of_one in lines]


async def account_of(connection: Reader, user_id: UUID) -> UUID | None:
    """Return the account that a person or service account is in, None where there is no such one."""
    user = tables.users.c
    statement = select(user.account_id).where(user.id == user_id, user.kind != UserKind.SYSTEM)
    found: UUID | None = await connection.scalar(statement)
    return found


async def kind_of(connection: Reader, user_id: UUID) -> UserKind | None:
    """Return whether it is a person or a service account, None where there is neither."""
    found: UserKind | None = await connection.scalar(select(tables.users.c.kind).where(tables.users.c.id == user_id))
    return found


async def lock_people(connection: Reader, account_id: UUID) -> None:
    """Lock all people of the account, in the order in which others lock people too."""
    user = tables.users.c
    statement = select(user.id).where(user.account_id == account_id).order_by(user.id)
    await connection.execute(statement.with_for_update(key_share=True))


async def accounts(connection: Reader) -> list[AccountRow]:
    """Return all accounts, the oldest first: for the command line, which stands above them."""
    statement = select(*columns(AccountRow, tables.accounts)).order_by(
        tables.accounts.c.created_at, tables.accounts.c.id
    )
    return [AccountRow(*record) for record in await connection.execute(statement)]


async def users(connection: Reader, account_id: UUID) -> list[UserRow]:
    """Return all people and service accounts of an account, the oldest first: for the command line."""
    statement = (
        select(*_USER, tables.user_roles.c.role)
        .outerjoin(tables.user_roles, tables.user_roles.c.user_id == tables.users.c.id)
        .where(tables.users.c.account_id == account_id, tables.users.c.kind != UserKind.SYSTEM)
        .order_by(tables.users.c.created_at, tables.users.c.id)
    )
    return _with_roles(await connection.execute(statement))


async def user(connection: Reader, user_id: UUID) -> UserRow | None:
    """Return one person, whatever their account: for the command line."""
    statement = (
        select(*_USER, tables.user_roles.c.role)
        .outerjoin(tables.user_roles, tables.user_roles.c.user_id == tables.users.c.id)
        .where(tables.users.c.id == user_id)
    )
    return next(iter(_with_roles(await connection.execute(statement))), None)
