"""The signals of cases with their evidence: one statement for each part of it, whatever the number of cases.

All are prepared: to make the text of one takes SQLAlchemy longer than the database needs to answer it.
"""

from collections import namedtuple
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Table, case, func, literal, literal_column, select

from app.db import tables
from app.db.expressions import AnyColumn, AnySelect
from app.db.id_sets import among, of_account
from app.db.prepared import ACCOUNT, IDS, Prepared
from app.db.reader import Reader
from app.db.repository.signal_conditions import (
    Columns,
    came_before,
    is_of_repeated_pair,
    of_another_subject,
    same_bank_account,
    same_file,
    up_to,
    was_quick,
)
from app.db.signal_rows import (
    EarlierOverridesRow,
    QuickDecisionItem,
    QuickDecisionRow,
    RepeatedPairItem,
    RepeatedPairRow,
    SameBankAccountRow,
    SameDocumentRow,
    SignalRow,
)
from app.domain.model import OverrideStatus
from app.domain.signals import CASES_MAX, EVIDENCE_MAX, SignalKind

_Found = Mapping[UUID, SignalRow]
_Ids = Sequence[UUID]
_IsSame = Callable[[Columns, Columns], ColumnElement[bool]]
_NO_ID = UUID(int=0)


async def signals_by_case(
    connection: Reader, account_id: UUID, case_ids: Sequence[UUID], kinds: frozenset[SignalKind]
) -> list[list[SignalRow]]:
    """Return for each case its signals of these kinds, in the order of the enum."""
    found = [await _FINDERS[kind](connection, account_id, case_ids) for kind in SignalKind if kind in kinds]
    return [[rows[case_id] for rows in found if case_id in rows] for case_id in case_ids]


class _Evidence:
    """A statement that has `case_id`, and `rank` by which a case's rows are ordered: the first rows of each case."""

    def __init__(self, ranked: AnySelect) -> None:
        part = ranked.subquery()
        make: Any = namedtuple  # whose names are known here alone
        self._record = make("_record", part.c.keys())
        kept = select(part).where(part.c.rank <= EVIDENCE_MAX).order_by(part.c.case_id, part.c.rank)
        self._statement = Prepared(kept)

    async def of(self, connection: Reader, account_id: UUID, case_ids: _Ids) -> dict[UUID, list[Any]]:
        """Return the records by case; what has none is left out."""
        found: dict[UUID, list[Any]] = {}
        columns = await self._statement.columns(connection, account_id=account_id, ids=list(case_ids))
        for record in map(self._record, *columns):
            found.setdefault(record.case_id, []).append(record)
        return found


def _ranked(case_id: ColumnElement[UUID], *newest: AnyColumn) -> ColumnElement[int]:
    order = [column.desc() for column in newest]
    return func.row_number().over(partition_by=case_id, order_by=order).label("rank")


def _total(case_id: ColumnElement[UUID], of: ColumnElement[bool] | None = None) -> ColumnElement[int]:
    counted = func.count() if of is None else func.sum(case((of, 1), else_=0))
    return counted.over(partition_by=case_id)


def _elsewhere(table: Table, key: str, own_id: str, is_same: _IsSame) -> Any:
    """Return each pair of a row of these cases, by its *own_id*, and a case of another subject that has the same *key*.

    Of one row the newest CASES_MAX others are looked at; `has_more` is 1 where there are more.
    """
    mine, its = table.alias("own"), tables.cases.alias("its")
    columns = [mine.c[name] for name in dict.fromkeys((own_id, "account_id", "case_id", key))]
    own = (
        select(*columns, its.c.subject_id, _after_newest(table, is_same, mine.c, its.c).label("after"))
        .select_from(mine.join(its, its.c.id == mine.c.case_id))
        .where(of_account(mine.c.account_id, ACCOUNT), among(mine.c.case_id, IDS))
        .cte("mine")
        # Else the engines would look for `after` anew for each row that is compared with it.
        .prefix_with("MATERIALIZED")
    )
    other, others = table.alias("other"), tables.cases.alias("others")
    after = func.coalesce(own.c.after, literal(_NO_ID, other.c.case_id.type))
    return (
        select(
            own.c.case_id,
            own.c[own_id].label("own_id"),
            others.c.id.label("other_id"),
            others.c.number,
            case((own.c.after.is_(None), 0), else_=1).label("has_more"),
        )
        .select_from(own.join(other, is_same(own.c, other.c)).join(others, others.c.id == other.c.case_id))
        .where(other.c.case_id > after, of_another_subject(own.c, others.c))
        .subquery()
    )


def _after_newest(table: Table, is_same: _IsSame, mine: Columns, its: Columns) -> ColumnElement[UUID | None]:
    """Return the newest case with the same that is not looked at any more, None where there are no more."""
    newer, theirs = table.alias("newer").c, tables.cases.alias("theirs").c
    return (
        select(newer.case_id)
        .where(is_same(mine, newer), theirs.id == newer.case_id, of_another_subject(its, theirs))
        .group_by(newer.case_id)  # a case with many copies of one file is one case; SQLite's DISTINCT skips too few
        .order_by(newer.case_id.desc())
        .offset(literal_column(str(CASES_MAX)))
        .limit(literal_column("1"))
        .scalar_subquery()
    )


def _other_cases(pair: Any) -> AnySelect:
    each = (
        select(pair.c.case_id, pair.c.other_id, pair.c.number, func.max(pair.c.has_more).label("has_more"))
        .group_by(pair.c.case_id, pair.c.other_id, pair.c.number)
        .subquery()
    )
    return select(
        each.c.case_id,
        each.c.other_id,
        _total(each.c.case_id).label("total"),
        func.max(each.c.has_more, type_=Integer()).over(partition_by=each.c.case_id).label("has_more"),
        _ranked(each.c.case_id, each.c.number),
    )


def _own_documents(pair: Any) -> AnySelect:
    each = select(pair.c.case_id, pair.c.own_id).distinct().subquery()
    total = _total(each.c.case_id).label("total")
    return select(each.c.case_id, each.c.own_id, total, _ranked(each.c.case_id, each.c.own_id))


_FILES = _elsewhere(tables.documents, "sha256", "id", same_file)
_FILES_ELSEWHERE, _FILES_HERE = _Evidence(_other_cases(_FILES)), _Evidence(_own_documents(_FILES))


async def _same_documents(connection: Reader, account_id: UUID, case_ids: _Ids) -> _Found:
    elsewhere = await _FILES_ELSEWHERE.of(connection, account_id, case_ids)
    documents = await _FILES_HERE.of(connection, account_id, case_ids)
    return {
        id: SameDocumentRow(
            tuple(record.own_id for record in documents[id]),
            documents[id][0].total,
            tuple(record.other_id for record in records),
            records[0].total,
            bool(records[0].has_more),
        )
        for id, records in elsewhere.items()
        if id in documents
    }


_KEYS = _elsewhere(tables.case_bank_accounts, "account_key", "case_id", same_bank_account)
_KEYS_ELSEWHERE = _Evidence(_other_cases(_KEYS))


async def _same_bank_accounts(connection: Reader, account_id: UUID, case_ids: _Ids) -> _Found:
    found = await _KEYS_ELSEWHERE.of(connection, account_id, case_ids)
    return {
        id: SameBankAccountRow(
            tuple(record.other_id for record in records), records[0].total, bool(records[0].has_more)
        )
        for id, records in found.items()
    }


def _earlier() -> AnySelect:
    its, override, its_case = tables.cases.alias("its").c, tables.overrides.alias("earlier").c, tables.cases.c
    totals = (
        _total(its.id, override.status == status).label(status.value.lower())
        for status in OverrideStatus
        if status is not OverrideStatus.PENDING
    )
    rank = _ranked(its.id, override.created_at, override.id)
    return select(its.id.label("case_id"), override.id, *totals, rank).where(
        of_account(its.account_id, ACCOUNT), among(its.id, IDS), came_before(its, override, its_case)
    )


_EARLIER = _Evidence(_earlier())


async def _earlier_overrides(connection: Reader, account_id: UUID, case_ids: _Ids) -> _Found:
    found = await _EARLIER.of(connection, account_id, case_ids)
    return {
        id: EarlierOverridesRow(
            tuple(record.id for record in records),
            records[0].accepted,
            records[0].refused,
            records[0].cancelled,
            records[0].expired,
        )
        for id, records in found.items()
    }


def _decided(holds: ColumnElement[bool], *more: AnyColumn) -> _Evidence:
    override = tables.overrides.c
    ranked = select(
        override.case_id,
        override.id,
        override.created_at,
        override.decided_at,
        override.created_by_id,
        override.decided_by_id,
        *more,
        _total(override.case_id).label("total"),
        _ranked(override.case_id, override.created_at, override.id),
    ).where(of_account(override.account_id, ACCOUNT), among(override.case_id, IDS), holds)
    return _Evidence(ranked)


_QUICK = _decided(was_quick(tables.overrides.c))


async def _quick_decisions(connection: Reader, account_id: UUID, case_ids: _Ids) -> _Found:
    found = await _QUICK.of(connection, account_id, case_ids)
    return {
        id: QuickDecisionRow(
            tuple(QuickDecisionItem(record.id, record.created_at, record.decided_at) for record in records),
            records[0].total,
        )
        for id, records in found.items()
    }


def _counts() -> Iterator[AnyColumn]:
    """Yield how many decisions of a creator's overrides there were up to one, and of the pair, and acceptances."""
    override, before = tables.overrides.c, tables.overrides.alias("before").c
    same = before.decided_by_id == override.decided_by_id
    accepted = before.status == OverrideStatus.ACCEPTED
    for name, which in {"creator": (), "pair": (same,), "accepted": (same, accepted)}.items():
        counted = select(func.count()).where(up_to(before, override), *which)
        yield counted.correlate(tables.overrides).scalar_subquery().label(name)


_PAIRS = _decided(is_of_repeated_pair(tables.overrides.c), *_counts())


async def _repeated_pairs(connection: Reader, account_id: UUID, case_ids: _Ids) -> _Found:
    found = await _PAIRS.of(connection, account_id, case_ids)
    return {
        id: RepeatedPairRow(
            tuple(
                RepeatedPairItem(
                    record.id, record.created_by_id, record.decided_by_id, record.pair, record.accepted, record.creator
                )
                for record in records
            ),
            records[0].total,
        )
        for id, records in found.items()
    }


_FINDERS: Mapping[SignalKind, Callable[[Reader, UUID, _Ids], Awaitable[_Found]]] = {
    SignalKind.SAME_DOCUMENT: _same_documents,
    SignalKind.EARLIER_OVERRIDES: _earlier_overrides,
    SignalKind.SAME_BANK_ACCOUNT: _same_bank_accounts,
    SignalKind.QUICK_DECISION: _quick_decisions,
    SignalKind.REPEATED_PAIR: _repeated_pairs,
}
