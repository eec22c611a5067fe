"""The account's cases as a worklist: filtered, searched, in any order, by the page, counted by status."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from types import UnionType
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import BindParameter, Column, ColumnElement, FromClause, Subquery, false, func, select

from app.db import tables
from app.db.columns import EnumString, UtcDateTime
from app.db.expressions import AnySelect
from app.db.prepared import ACCOUNT, Prepared
from app.db.reader import Reader
from app.db.repository.conditions import Condition, where
from app.db.repository.search import found
from app.db.repository.window import OrderKey, Window, WindowShape, in_list_order, windowed
from app.db.row_makers import partial
from app.db.rows import CaseRow
from app.domain.model import CaseStatus, EvaluationStatus
from app.domain.search_words import Term

_CASE = tables.cases.c


class OrderField(StrEnum):
    """What cases can be sorted by."""

    REFERENCE = "number"
    CREATED_AT = "created_at"
    UPDATED_AT = "updated_at"
    DUE_AT = "due_at"
    CLOSED_AT = "closed_at"
    STATUS = "status"
    RESOLUTION = "resolution"
    ACTION_COUNT = "action_count"


@dataclass(frozen=True, slots=True)
class Order:
    """One key of an order; `nulls_last` None: null is the least."""

    field: OrderField
    descending: bool
    nulls_last: bool | None = None


@dataclass(frozen=True, slots=True)
class Worklist:
    """Which cases of one account, in which order: by default the newest first, a search's the best first.

    `terms` None: no search.
    """

    account_id: UUID | BindParameter[UUID]
    condition: Condition | None = None
    order: tuple[Order, ...] = ()
    terms: tuple[Term, ...] | None = None

    @property
    def is_long(self) -> bool:
        """Whether a page of it may take the database long: it is no part of an index."""
        return self.terms is not None or self.condition is not None or len(self.order) > 1

    @property
    def ranked(self) -> bool:
        return bool(self.terms) and not self.order


class WorklistPosition(NamedTuple):
    """A case and the key of its place in the list."""

    case: CaseRow
    key: tuple[Any, ...]


def _source(worklist: Worklist) -> tuple[FromClause, Subquery | None]:
    if not worklist.terms:
        return tables.cases, None
    hits = found(worklist.account_id, worklist.terms)
    return tables.cases.join(hits, hits.c.case_id == _CASE.id), hits


def _conditions(worklist: Worklist) -> Iterable[ColumnElement[bool]]:
    yield _CASE.account_id == worklist.account_id
    if worklist.terms is not None and not worklist.terms:
        yield false()  # a search for nothing but punctuation
    if worklist.condition is not None:
        yield where(worklist.condition)


def _keys(worklist: Worklist, hits: Subquery | None) -> list[OrderKey]:
    if worklist.ranked and hits is not None:
        return [OrderKey(hits.c.score), OrderKey(_CASE.number)]
    keys = [
        OrderKey(_CASE[order.field], order.descending, bool(_CASE[order.field].nullable), order.nulls_last)
        for order in _order(worklist)
    ]
    if not _is_total(worklist):
        keys.append(OrderKey(_CASE[_last_key(worklist)], keys[-1].descending))
    if _goes_by_statuses(worklist):
        keys[0] = replace(keys[0], values=sorted(CaseStatus))
    return keys


def _order(worklist: Worklist) -> tuple[Order, ...]:
    return worklist.order or (Order(OrderField.REFERENCE, descending=True),)


def _is_total(worklist: Worklist) -> bool:
    """Tell whether no two cases have the same place: otherwise `_last_key`, at the end, parts them."""
    return any(order.field is OrderField.REFERENCE for order in _order(worklist))


def _last_key(worklist: Worklist) -> str:
    """Return what parts cases with the same place: the last column of the index that has the order."""
    return "number" if _fields(worklist) == [OrderField.STATUS] else "id"


def _fields(worklist: Worklist) -> list[OrderField]:
    return [order.field for order in _order(worklist)]


def _goes_by_statuses(worklist: Worklist) -> bool:
    """Tell whether the cases of each status are looked for by themselves.

    Within one status the other keys may have an index. What is searched or filtered is sorted instead: it would be
    looked for once for each status.
    """
    is_whole = worklist.terms is None and worklist.condition is None
    return is_whole and len(worklist.order) > 1 and worklist.order[0].field is OrderField.STATUS


def key_types(worklist: Worklist) -> list[type[object] | UnionType]:
    """Return of each part of a place's key the type that it must have again when it comes back in a cursor."""
    if worklist.ranked:
        return [int, int]
    types = [_type(_CASE[order.field]) for order in _order(worklist)]
    return types if _is_total(worklist) else [*types, _type(_CASE[_last_key(worklist)])]


def _type(column: Column[Any]) -> type[Any] | UnionType:
    type_: Any = column.type.python_type
    if isinstance(column.type, EnumString):
        type_ = column.type.enum
    elif isinstance(column.type, UtcDateTime):
        type_ = datetime
    nullable: UnionType = type_ | None
    return nullable if column.nullable else cast(type[Any], type_)


async def worklist_page(
    connection: Reader, worklist: Worklist, window: Window, names: frozenset[str]
) -> list[WorklistPosition]:
    """Return a page of the list, its rows with the columns of *names* alone."""
    if worklist.terms is None and worklist.condition is None:
        statement, values = _whole_list(worklist.order, names, window.shape), window.values
        records = await statement.records(connection, account_id=worklist.account_id, **values)
    else:
        records = [tuple(record) for record in await connection.execute(_page(worklist, window, names))]
    make, width = partial(CaseRow, names), len(names)
    return in_list_order([WorklistPosition(make(*record[:width]), record[width:]) for record in records], window)


def _page(worklist: Worklist, window: Window, names: frozenset[str]) -> AnySelect:
    source, hits = _source(worklist)
    keys = _keys(worklist, hits)
    statement = select(*(_CASE[name] for name in sorted(names)), *(key.column for key in keys))
    return windowed(statement.select_from(source).where(*_conditions(worklist)), keys, window)


@lru_cache(maxsize=500)
def _whole_list(order: tuple[Order, ...], names: frozenset[str], shape: WindowShape) -> Prepared:
    """Return the statement for pages of the account's whole list."""
    return Prepared(_page(Worklist(ACCOUNT, order=order), shape.window, names))


async def worklist_count(connection: Reader, worklist: Worklist) -> int:
    source, _ = _source(worklist)
    statement = select(func.count()).select_from(source).where(*_conditions(worklist))
    return await connection.scalar(statement) or 0


class Facets(NamedTuple):
    """How many cases of the list there are, by status and by their subject's status."""

    statuses: Mapping[CaseStatus, int]
    subject_statuses: Mapping[EvaluationStatus, int]
    total: int


async def worklist_facets(connection: Reader, worklist: Worklist) -> Facets:
    source, _ = _source(worklist)
    status, subject_status = _CASE.status, tables.subjects.c.evaluation_status
    statement = (
        select(status, subject_status, func.count())
        .select_from(source.join(tables.subjects, tables.subjects.c.id == _CASE.subject_id))
        .where(*_conditions(worklist))
        .group_by(status, subject_status)
    )
    statuses, subject_statuses = dict.fromkeys(CaseStatus, 0), dict.fromkeys(EvaluationStatus, 0)
    for case_status, evaluation_status, number in await connection.execute(statement):
        statuses[case_status] += number
        subject_statuses[evaluation_status] += number
    return Facets(statuses, subject_statuses, sum(statuses.values()))
