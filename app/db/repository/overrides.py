"""Overrides: by id, by case, and the pending one."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, func, literal_column, select

from app.db import tables
from app.db.id_sets import among, of_account
from app.db.prepared import ACCOUNT, IDS, LIMIT, Prepared
from app.db.reader import Reader
from app.db.repository.placed import one_each, rows_by_id
from app.db.repository.window import Window, WindowShape, between, grouped
from app.db.row_makers import columns, every, maker, partial
from app.db.rows import OverrideRow
from app.domain.model import OverrideStatus

EVERY_OVERRIDE_COLUMN = every(OverrideRow)

FIRST_VERSION = 1
"""The version of an override in which those were named who were asked first."""

_OVERRIDE = columns(OverrideRow, tables.overrides)


_COLUMN = tables.overrides.c
_KEY = (_COLUMN.created_at, _COLUMN.id)
_BY_CASE = Prepared(
    select(*_OVERRIDE)
    .where(of_account(_COLUMN.account_id, ACCOUNT), among(_COLUMN.case_id, IDS))
    .order_by(*(column.desc() for column in _KEY))
)
_COUNTS = Prepared(
    select(_COLUMN.case_id, func.count())
    .where(of_account(_COLUMN.account_id, ACCOUNT), among(_COLUMN.case_id, IDS))
    .group_by(_COLUMN.case_id)
)
_PENDING = Prepared(
    select(*_OVERRIDE).where(
        of_account(_COLUMN.account_id, ACCOUNT),
        among(_COLUMN.case_id, IDS),
        _COLUMN.status == OverrideStatus.PENDING,
    )
)


async def overrides_by_id(
    connection: Reader, account_id: UUID, ids: Sequence[UUID], names: frozenset[str] = EVERY_OVERRIDE_COLUMN
) -> list[OverrideRow | None]:
    places, *found = await rows_by_id(tables.overrides, names).columns(connection, account_id=account_id, ids=ids)
    return one_each(ids, places, map(partial(OverrideRow, names), *found))


async def overrides_of_case(connection: Reader, account_id: UUID, case_id: UUID) -> list[OverrideRow]:
    """Return all overrides of a case, newest first."""
    found = await _BY_CASE.columns(connection, account_id=account_id, ids=[case_id])
    return list(map(maker(OverrideRow), *found))


async def overrides_by_case(
    connection: Reader, account_id: UUID, case_ids: Sequence[UUID], window: Window
) -> list[list[OverrideRow]]:
    """Return for each case the same *window* of its overrides, newest first; the key is their time and id."""
    statement = _part_by_case(window.shape)
    found = await statement.columns(connection, account_id=account_id, ids=case_ids, **window.values)
    return grouped(case_ids, map(maker(OverrideRow), *found), "case_id")


@lru_cache(maxsize=100)
def _part_by_case(shape: WindowShape) -> Prepared:
    order = [column.asc() if shape.backward else column.desc() for column in _KEY]
    rank = func.row_number().over(partition_by=_COLUMN.case_id, order_by=order)
    part = (
        select(*_OVERRIDE, rank.label("rank"))
        .where(of_account(_COLUMN.account_id, ACCOUNT), among(_COLUMN.case_id, IDS))
        .where(*between(_KEY, shape.window))
        .subquery()
    )
    statement = select(*columns(OverrideRow, part)).where(part.c.rank <= LIMIT)
    return Prepared(statement.order_by(part.c.case_id, part.c.created_at.desc(), part.c.id.desc()))


async def override_counts(connection: Reader, account_id: UUID, case_ids: Sequence[UUID]) -> list[int]:
    """Return for each case how many overrides it has."""
    counts = dict(await _COUNTS.records(connection, account_id=account_id, ids=case_ids))
    return [counts.get(case_id, 0) for case_id in case_ids]


async def override_statuses_by_case(
    connection: Reader, account_id: UUID, case_ids: Sequence[UUID]
) -> list[dict[UUID, OverrideStatus]]:
    """Return for each case how its overrides stand, by their ids."""
    column = tables.overrides.c
    statement = select(column.case_id, column.id, column.status).where(
        column.account_id == account_id, among(column.case_id, case_ids)
    )
    found: dict[UUID, dict[UUID, OverrideStatus]] = {id: {} for id in case_ids}
    for case_id, id, status in await connection.execute(statement):
        found[case_id][id] = status
    return [found[id] for id in case_ids]


async def pending_overrides_by_case(
    connection: Reader, account_id: UUID, case_ids: Sequence[UUID]
) -> list[OverrideRow | None]:
    columns = await _PENDING.columns(connection, account_id=account_id, ids=case_ids)
    found = {row.case_id: row for row in map(maker(OverrideRow), *columns)}
    return [found.get(case_id) for case_id in case_ids]


_FIRST, _LATER = tables.override_reviewers.c, tables.reassigned_reviewers.c
_FIRST_REVIEWERS = Prepared(
    select(_FIRST.reviewer_id).where(_FIRST.override_id == bindparam("override_id")).order_by(_FIRST.position)
)
_LATER_REVIEWERS = Prepared(
    select(_LATER.reviewer_id)
    .where(_LATER.override_id == bindparam("override_id"), _LATER.version == bindparam("version"))
    .order_by(_LATER.position)
)


async def reviewer_ids(connection: Reader, override: OverrideRow) -> tuple[UUID, ...]:
    """Return who is asked to decide on the override, in the order in which they were named."""
    if override.reviewers_version <= FIRST_VERSION:
        (ids,) = await _FIRST_REVIEWERS.columns(connection, override_id=override.id)
    else:
        version = override.reviewers_version
        (ids,) = await _LATER_REVIEWERS.columns(connection, override_id=override.id, version=version)
    return tuple(ids)


_EACH_FIRST = Prepared(
    select(_FIRST.override_id, _FIRST.reviewer_id)
    .where(among(_FIRST.override_id, IDS))
    .order_by(_FIRST.override_id, _FIRST.position)
)
_EACH_LATER = Prepared(
    select(_LATER.override_id, _LATER.reviewer_id, _LATER.version)
    .where(among(_LATER.override_id, IDS))
    .order_by(_LATER.override_id, _LATER.version, _LATER.position)
)


async def reviewer_ids_by_version(
    connection: Reader, _account_id: UUID, override_ids: Sequence[UUID]
) -> list[Mapping[int, Sequence[UUID]]]:
    """Return for each override all who were ever asked to decide, by its version in which they were named."""
    found: dict[UUID, dict[int, list[UUID]]] = {id: {} for id in override_ids}
    for override_id, reviewer_id in await _EACH_FIRST.records(connection, ids=override_ids):
        found[override_id].setdefault(FIRST_VERSION, []).append(reviewer_id)
    for override_id, reviewer_id, version in await _EACH_LATER.records(connection, ids=override_ids):
        found[override_id].setdefault(version, []).append(reviewer_id)
    return [found[override_id] for override_id in override_ids]


def _of_case(which: ColumnElement[bool]) -> Prepared:
    return Prepared(
        select(*_OVERRIDE).where(_COLUMN.account_id == ACCOUNT, _COLUMN.case_id == bindparam("case_id"), which)
    )


_PENDING_OF_CASE = _of_case(_COLUMN.status == OverrideStatus.PENDING)
_OF_CASE = _of_case(_COLUMN.id == bindparam("override_id"))


async def override_of_case(
    connection: Reader, account_id: UUID, case_id: UUID, override_id: UUID | None
) -> OverrideRow | None:
    """Return the named override of the case, or its pending one where none is named."""
    if override_id is None:
        record = await _PENDING_OF_CASE.first(connection, account_id=account_id, case_id=case_id)
    else:
        record = await _OF_CASE.first(connection, account_id=account_id, case_id=case_id, override_id=override_id)
    return None if record is None else OverrideRow(*record)


_LATEST = Prepared(
    select(*_OVERRIDE)
    .where(_COLUMN.account_id == ACCOUNT, _COLUMN.case_id == bindparam("case_id"))
    .order_by(*(column.desc() for column in _KEY))
    .limit(1)
)


async def latest_of_case(connection: Reader, account_id: UUID, case_id: UUID) -> OverrideRow | None:
    """Return the case's pending override, else the one that was finished last: none is made while one is pending."""
    record = await _LATEST.first(connection, account_id=account_id, case_id=case_id)
    return None if record is None else OverrideRow(*record)


_ACCEPTED = Prepared(
    select(_COLUMN.id)
    .where(_COLUMN.case_id == bindparam("case_id"), _COLUMN.status == OverrideStatus.ACCEPTED)
    .limit(literal_column("1"))
)


async def has_accepted_override(connection: Reader, case_id: UUID) -> bool:
    """Tell whether an override of the case was ever accepted."""
    return await _ACCEPTED.first(connection, case_id=case_id) is not None
