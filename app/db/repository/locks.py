"""What an action locks before it decides: a case with its subject, and the override that it is about."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, literal_column, or_, select

from app.db import tables
from app.db.columns import UtcDateTime
from app.db.id_sets import among
from app.db.prepared import ACCOUNT, Prepared
from app.db.reader import Reader
from app.db.repository.overrides import FIRST_VERSION, reviewer_ids
from app.db.repository.placed import REQUESTED, one_each, placed
from app.db.row_makers import changed, columns, maker
from app.db.rows import CaseRow, OverrideRow, SubjectRow
from app.domain.model import OverrideStatus
from app.domain.text import identity

_CASE = columns(CaseRow, tables.cases)
_SUBJECT = columns(SubjectRow, tables.subjects)
_OVERRIDE = columns(OverrideRow, tables.overrides)
_LINK = tables.override_reviewers.c
_case, _subject, _override = maker(CaseRow), maker(SubjectRow), maker(OverrideRow)
_SUBJECT_AT, _OVERRIDE_AT = len(_CASE), len(_CASE) + len(_SUBJECT)
_REVIEWER_AT = _OVERRIDE_AT + len(_OVERRIDE)


@dataclass(frozen=True, slots=True)
class Locked:
    """A case and its subject, and the override that an action is about, if any, with who is asked to decide on it.

    They are locked until the transaction ends, if they were not left open. `may_stand_in`: somebody may have named the
    actor, who was not asked, to decide in their place.
    """

    case: CaseRow
    subject: SubjectRow
    override: OverrideRow | None = None
    reviewer_ids: tuple[UUID, ...] = ()
    may_stand_in: bool = True


def _of_case(*more: ColumnElement[object]) -> Select[tuple[object, ...]]:
    return (
        select(*_CASE, *_SUBJECT, *more)
        .join(tables.subjects, tables.subjects.c.id == tables.cases.c.subject_id)
        .where(tables.cases.c.account_id == ACCOUNT, tables.cases.c.id == bindparam("case_id"))
    )


_SEEN = Prepared(_of_case())
_LOCKED = Prepared(_of_case().with_for_update(of=[tables.cases, tables.subjects]))
_SEEN_TOGETHER = Prepared(
    placed(tables.cases.c.id, tables.cases, [*_CASE, *_SUBJECT]).join(
        tables.subjects, tables.subjects.c.id == tables.cases.c.subject_id
    )
)


async def lock_case(connection: Reader, account_id: UUID, case_id: UUID, *, leave_open: bool = False) -> Locked | None:
    """Lock the case with its subject, or *leave* both *open*, for who asks for the case's version as it writes."""
    statement = _SEEN if leave_open else _LOCKED
    record = await statement.first(connection, account_id=account_id, case_id=case_id)
    return None if record is None else Locked(_case(*record[:_SUBJECT_AT]), _subject(*record[_SUBJECT_AT:]))


async def see_cases(connection: Reader, account_id: UUID, ids: Sequence[UUID]) -> list[Locked | None]:
    """Return for each id the case with its subject, and leave them open."""
    places, *found = await _SEEN_TOGETHER.columns(connection, account_id=account_id, ids=ids)
    records = zip(*found, strict=True)
    return one_each(ids, places, (Locked(_case(*row[:_SUBJECT_AT]), _subject(*row[_SUBJECT_AT:])) for row in records))


_DELEGATION = tables.review_delegations.c
_IS_NAMED = (
    select(literal_column("1"))
    .where(
        _DELEGATION.delegate_id == bindparam("actor_id", type_=_DELEGATION.delegate_id.type),
        _DELEGATION.ended_at.is_(None),
        _DELEGATION.ends_at > bindparam("now", type_=UtcDateTime()),
    )
    .exists()
)
"""That somebody has named the actor, whether or not that is in force: hardly anybody is, which saves a statement."""


def _for_decision(which: ColumnElement[bool]) -> tuple[Prepared, Prepared]:
    """Return what reads the state that a decision is about, with `_IS_NAMED`, and what locks it."""
    # The override is locked too, after its case. Who had to wait for the case gets what is locked as it is by then, and
    # what is not as it was before (PostgreSQL's manual, section 13.2.1), as those who were asked first, who stay that.
    seen = (
        _of_case(*_OVERRIDE, _LINK.reviewer_id)
        .join(tables.overrides, tables.overrides.c.case_id == tables.cases.c.id)
        .join(tables.override_reviewers, _LINK.override_id == tables.overrides.c.id)
        .where(tables.overrides.c.account_id == ACCOUNT, which)
        .order_by(_LINK.position)
    )
    locked = seen.with_for_update(of=[tables.cases, tables.subjects, tables.overrides])
    return Prepared(seen.add_columns(_IS_NAMED)), Prepared(locked)


_PENDING = _for_decision(tables.overrides.c.status == OverrideStatus.PENDING)
_NAMED = _for_decision(tables.overrides.c.id == bindparam("override_id"))


async def lock_for_decision(
    connection: Reader, account_id: UUID, case_id: UUID, override_id: UUID | None
) -> Locked | None:
    """Lock the case with its named override, or with its pending one where none is named.

    None says little: there may be a case without such an override, or an override that came while the lock was waited
    for.
    """
    _, statement = _PENDING if override_id is None else _NAMED
    found = await statement.columns(connection, **_keys(account_id, case_id, override_id))
    return await _whole(connection, found)


async def see_for_decision(
    connection: Reader, account_id: UUID, case_id: UUID, override_id: UUID | None, actor_id: UUID, now: datetime
) -> Locked | None:
    """Do as `lock_for_decision`, and leave all of it open, for who asks for the case's version as they write."""
    statement, _ = _PENDING if override_id is None else _NAMED
    keys = _keys(account_id, case_id, override_id)
    *found, named = await statement.columns(connection, **keys, actor_id=actor_id, now=now)
    whole = await _whole(connection, found)
    return None if whole is None else changed(whole, may_stand_in=any(named))


def _keys(account_id: UUID, case_id: UUID, override_id: UUID | None) -> dict[str, UUID]:
    keys = {"account_id": account_id, "case_id": case_id}
    return keys if override_id is None else keys | {"override_id": override_id}


async def _whole(connection: Reader, found: Iterable[Iterable[Any]]) -> Locked | None:
    """Return what was found by columns, the reviewers last; None where that is nothing."""
    *state, reviewers = found
    record = next(zip(*state, strict=True), None)
    if record is None:
        return None
    case, subject = _case(*record[:_SUBJECT_AT]), _subject(*record[_SUBJECT_AT:_OVERRIDE_AT])
    override = _override(*record[_OVERRIDE_AT:])
    if override.reviewers_version > FIRST_VERSION:
        reviewers = await reviewer_ids(connection, override)
    return Locked(case, subject, override, tuple(reviewers))


_DELEGATES = (
    select(literal_column("1"))
    .where(_DELEGATION.delegator_id == _LINK.reviewer_id, _DELEGATION.ended_at.is_(None))
    .correlate(tables.override_reviewers)
    .exists()
)
"""That a reviewer has named somebody, at whatever time: those who share the statement may differ about the time."""

_SEEN_OVERRIDES = Prepared(
    placed(tables.overrides.c.id, tables.overrides, [*_CASE, *_SUBJECT, *_OVERRIDE, _LINK.reviewer_id])
    .join(tables.cases, tables.cases.c.id == tables.overrides.c.case_id)
    .join(tables.subjects, tables.subjects.c.id == tables.cases.c.subject_id)
    .join(tables.override_reviewers, _LINK.override_id == tables.overrides.c.id)
    .order_by(REQUESTED.c.place, _LINK.position)
    .add_columns(_DELEGATES)
)


async def see_overrides(connection: Reader, account_id: UUID, ids: Sequence[UUID]) -> list[Locked | None]:
    """Return for each id the override with its case, and leave all of it open; None where others are asked by now."""
    places, *found = await _SEEN_OVERRIDES.columns(connection, account_id=account_id, ids=ids)
    each: list[Locked | None] = [None] * len(ids)
    for place, rows in groupby(zip(places, zip(*found, strict=True), strict=True), itemgetter(0)):
        each[place] = _as_first_named([record for _, record in rows])
    return each


def _as_first_named(records: Sequence[Sequence[Any]]) -> Locked | None:
    record = records[0]
    override = _override(*record[_OVERRIDE_AT:_REVIEWER_AT])
    if override.reviewers_version > FIRST_VERSION:
        return None
    case, subject = _case(*record[:_SUBJECT_AT]), _subject(*record[_SUBJECT_AT:_OVERRIDE_AT])
    *_, reviewers, delegates = zip(*records, strict=True)
    return Locked(case, subject, override, reviewers, may_stand_in=any(delegates))


async def lock_people(connection: Reader, account_id: UUID, ids: Collection[UUID]) -> None:
    """Keep away whatever changes what these people may do, until the transaction ends; in the order that all keep."""
    if connection.dialect.name == "sqlite":
        return  # it has one writer
    user = tables.users.c
    statement = select(user.id).where(user.account_id == account_id, among(user.id, ids)).order_by(user.id)
    await connection.execute(statement.with_for_update(read=True))


async def lock_subjects(connection: Reader, account_id: UUID, type: str, external_ref: str) -> list[SubjectRow]:
    """Lock the subject that *external_ref* names, and those from before there were keys that it names too."""
    subject = tables.subjects.c
    # A row whose reference was changed by hand has another's key.
    named = or_(subject.external_key == identity(external_ref), subject.external_ref == external_ref)
    statement = (
        select(*_SUBJECT)
        .where(subject.account_id == account_id, subject.type == type, named)
        .order_by(subject.twin)
        .with_for_update()
    )
    return [_subject(*record) for record in await connection.execute(statement)]
