"""The signals of cases with their evidence: one statement for each part of it, whatever the number of cases."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, Select, case, func, select

from app.db import tables
from app.db.id_sets import among, of_account
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
from app.domain.model import OverrideStatus
from app.domain.signals import EVIDENCE_MAX, SignalKind


@dataclass(frozen=True, slots=True)
class SameDocumentRow:
    """Documents of the case that are on cases of other subjects too, and these cases, the newest of each first."""

    kind: ClassVar[SignalKind] = SignalKind.SAME_DOCUMENT
    document_ids: tuple[UUID, ...]
    document_count: int
    case_ids: tuple[UUID, ...]
    case_count: int


@dataclass(frozen=True, slots=True)
class SameBankAccountRow:
    """Cases of other subjects that are about the same bank account, the newest first."""

    kind: ClassVar[SignalKind] = SignalKind.SAME_BANK_ACCOUNT
    case_ids: tuple[UUID, ...]
    case_count: int


@dataclass(frozen=True, slots=True)
class EarlierOverridesRow:
    """Finished overrides of the subject that came before, the newest first, and how many ended in which way."""

    kind: ClassVar[SignalKind] = SignalKind.EARLIER_OVERRIDES
    override_ids: tuple[UUID, ...]
    accepted_count: int
    refused_count: int
    cancelled_count: int


@dataclass(frozen=True, slots=True)
class QuickDecisionItem:
    override_id: UUID
    requested_at: datetime
    decided_at: datetime

    @property
    def seconds(self) -> int:
        """Whole seconds from the request to the decision."""
        return int((self.decided_at - self.requested_at).total_seconds())


@dataclass(frozen=True, slots=True)
class QuickDecisionRow:
    """Decisions that came within seconds of the request, the newest first."""

    kind: ClassVar[SignalKind] = SignalKind.QUICK_DECISION
    decisions: tuple[QuickDecisionItem, ...]
    decision_count: int


@dataclass(frozen=True, slots=True)
class RepeatedPairItem:
    """A decision, and how often its two people had met in the days up to it, and its creator had been decided on."""

    override_id: UUID
    creator_id: UUID
    reviewer_id: UUID
    decision_count: int
    accepted_count: int
    creator_decision_count: int


@dataclass(frozen=True, slots=True)
class RepeatedPairRow:
    """Decisions of two people who met again and again, the newest first."""

    kind: ClassVar[SignalKind] = SignalKind.REPEATED_PAIR
    pairs: tuple[RepeatedPairItem, ...]
    pair_count: int


SignalRow = SameDocumentRow | SameBankAccountRow | EarlierOverridesRow | QuickDecisionRow | RepeatedPairRow
_Found = Mapping[UUID, SignalRow]
_Ids = Sequence[UUID]


async def signals_by_case(
    connection: Reader, account_id: UUID, case_ids: Sequence[UUID], kinds: frozenset[SignalKind]
) -> list[list[SignalRow]]:
    """Return for each case its signals of these kinds, in the order of the enum."""
    found = [await _FINDERS[kind](connection, account_id, case_ids) for kind in SignalKind if kind in kinds]
    return [[rows[case_id] for rows in found if case_id in rows] for case_id in case_ids]


async def _grouped(connection: Reader, ranked: Select[Any]) -> dict[UUID, list[Any]]:
    """Return by case the first records of *ranked*, which has `case_id`, and `rank` by which they are ordered."""
    part = ranked.subquery()
    statement = select(part).where(part.c.rank <= EVIDENCE_MAX).order_by(part.c.case_id, part.c.rank)
    found: dict[UUID, list[Any]] = {}
    for record in await connection.execute(statement):
        found.setdefault(record.case_id, []).append(record)
    return found


def _ranked(case_id: ColumnElement[UUID], *newest: ColumnElement[Any]) -> ColumnElement[int]:
    order = [column.desc() for column in newest]
    return func.row_number().over(partition_by=case_id, order_by=order).label("rank")


def _total(case_id: ColumnElement[UUID], of: ColumnElement[bool] | None = None) -> ColumnElement[int]:
    counted = func.count() if of is None else func.sum(case((of, 1), else_=0))
    return counted.over(partition_by=case_id)


def _elsewhere(
    table: FromClause, is_same: Callable[[Columns, Columns], ColumnElement[bool]], account_id: UUID, case_ids: _Ids
) -> tuple[FromClause, FromClause, Select[Any]]:
    """Return a table's rows of these cases, the cases of other subjects with the same, and their join."""
    mine, other = table.alias("mine"), table.alias("other")
    its, others = tables.cases.alias("its"), tables.cases.alias("others")
    found = (
        select()
        .select_from(mine)
        .join(its, its.c.id == mine.c.case_id)
        .join(other, is_same(mine.c, other.c))
        .join(others, others.c.id == other.c.case_id)
        .where(
            of_account(mine.c.account_id, account_id),
            among(mine.c.case_id, case_ids),
            of_another_subject(its.c, others.c),
        )
        .distinct()
    )
    return mine, others, found


def _other_cases(mine: FromClause, others: FromClause, found: Select[Any]) -> Select[Any]:
    pair = found.add_columns(mine.c.case_id, others.c.id.label("other_id"), others.c.number).subquery()
    return select(
        pair.c.case_id,
        pair.c.other_id,
        _total(pair.c.case_id).label("total"),
        _ranked(pair.c.case_id, pair.c.number),
    )


async def _same_documents(connection: Reader, account_id: UUID, case_ids: _Ids) -> _Found:
    mine, others, found = _elsewhere(tables.documents, same_file, account_id, case_ids)
    elsewhere = await _grouped(connection, _other_cases(mine, others, found))
    pair = found.add_columns(mine.c.case_id, mine.c.id).subquery()
    ranked = select(
        pair.c.case_id, pair.c.id, _total(pair.c.case_id).label("total"), _ranked(pair.c.case_id, pair.c.id)
    )
    documents = await _grouped(connection, ranked)
    return {
        id: SameDocumentRow(
            tuple(record.id for record in documents[id]),
            documents[id][0].total,
            tuple(record.other_id for record in records),
            records[0].total,
        )
        for id, records in elsewhere.items()
        if id in documents
    }


async def _same_bank_accounts(connection: Reader, account_id: UUID, case_ids: _Ids) -> _Found:
    elsewhere = _elsewhere(tables.case_bank_accounts, same_bank_account, account_id, case_ids)
    found = await _grouped(connection, _other_cases(*elsewhere))
    return {
        id: SameBankAccountRow(tuple(record.other_id for record in records), records[0].total)
        for id, records in found.items()
    }


async def _earlier_overrides(connection: Reader, account_id: UUID, case_ids: _Ids) -> _Found:
    its, override, its_case = tables.cases.alias("its").c, tables.overrides.alias("earlier").c, tables.cases.c
    totals = (
        _total(its.id, override.status == status).label(status.value.lower())
        for status in (OverrideStatus.ACCEPTED, OverrideStatus.REFUSED, OverrideStatus.CANCELLED)
    )
    ranked = select(
        its.id.label("case_id"), override.id, *totals, _ranked(its.id, override.created_at, override.id)
    ).where(of_account(its.account_id, account_id), among(its.id, case_ids), came_before(its, override, its_case))
    found = await _grouped(connection, ranked)
    return {
        id: EarlierOverridesRow(
            tuple(record.id for record in records), records[0].accepted, records[0].refused, records[0].cancelled
        )
        for id, records in found.items()
    }


def _decided(account_id: UUID, case_ids: _Ids, holds: ColumnElement[bool], more: Iterable[Any] = ()) -> Select[Any]:
    override = tables.overrides.c
    return select(
        override.case_id,
        override.id,
        override.created_at,
        override.decided_at,
        override.created_by_id,
        override.decided_by_id,
        *more,
        _total(override.case_id).label("total"),
        _ranked(override.case_id, override.created_at, override.id),
    ).where(of_account(override.account_id, account_id), among(override.case_id, case_ids), holds)


async def _quick_decisions(connection: Reader, account_id: UUID, case_ids: _Ids) -> _Found:
    found = await _grouped(connection, _decided(account_id, case_ids, was_quick(tables.overrides.c)))
    return {
        id: QuickDecisionRow(
            tuple(QuickDecisionItem(record.id, record.created_at, record.decided_at) for record in records),
            records[0].total,
        )
        for id, records in found.items()
    }


async def _repeated_pairs(connection: Reader, account_id: UUID, case_ids: _Ids) -> _Found:
    override, before = tables.overrides.c, tables.overrides.alias("before").c
    same = before.decided_by_id == override.decided_by_id
    accepted = before.status == OverrideStatus.ACCEPTED
    counts = {"creator": (), "pair": (same,), "accepted": (same, accepted)}
    more = (
        select(func.count())
        .where(up_to(before, override), *which)
        .correlate(tables.overrides)
        .scalar_subquery()
        .label(n)
        for n, which in counts.items()
    )
    found = await _grouped(connection, _decided(account_id, case_ids, is_of_repeated_pair(override), more))
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
