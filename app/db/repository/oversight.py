"""Oversight: who decided on whose overrides, and the decisions that were taken, as the log tells them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Subquery, and_, case, func, select

from app.db import tables
from app.db.expressions import AnySelect
from app.db.log_position import SafePosition
from app.db.moments import elapsed
from app.db.reader import Reader
from app.db.repository.checklists import taken_steps_before
from app.db.repository.overrides import reviewer_ids_by_version
from app.db.repository.window import OrderKey, Window, in_list_order, windowed
from app.db.row_makers import columns
from app.db.rows import ActionRow, OverrideRow
from app.domain.delegations import ON_BEHALF_OF
from app.domain.model import ActionType, OverrideStatus, Role
from app.domain.policy_replay import PastDecision

_OVERRIDE, _ROW = tables.overrides.c, tables.case_actions.c


class Period(NamedTuple):
    """From a time on, up to another one without it; None where there is no bound."""

    since: datetime | None
    until: datetime | None


class ReviewStatisticRow(NamedTuple):
    """How one reviewer decided on one creator's overrides."""

    creator_id: UUID
    reviewer_id: UUID
    decision_count: int
    accepted_count: int
    median_microseconds: int

    @property
    def refused_count(self) -> int:
        return self.decision_count - self.accepted_count

    @property
    def accepted_percent(self) -> int:
        """Of a hundred decisions, how many were acceptances; half a one and more counts as one."""
        return (200 * self.accepted_count + self.decision_count) // (2 * self.decision_count)

    @property
    def median_seconds(self) -> int:
        """Whole seconds."""
        return self.median_microseconds // 1_000_000

    @property
    def key(self) -> tuple[int, UUID, UUID]:
        return self.decision_count, self.creator_id, self.reviewer_id


def _decided_in(account_id: UUID, period: Period) -> list[ColumnElement[bool]]:
    conditions = [_OVERRIDE.account_id == account_id, _OVERRIDE.decided_by_id.is_not(None)]
    if period.since is not None:
        conditions.append(_OVERRIDE.decided_at >= period.since)
    if period.until is not None:
        conditions.append(_OVERRIDE.decided_at < period.until)
    return conditions


def _by_pair(account_id: UUID, period: Period) -> Subquery:
    """Return a row for each creator and reviewer; the median of an even number is the mean of the two in the middle."""
    pair = (_OVERRIDE.created_by_id, _OVERRIDE.decided_by_id)
    took = elapsed(_OVERRIDE.created_at, _OVERRIDE.decided_at)
    decided = (
        select(
            *pair,
            case((_OVERRIDE.status == OverrideStatus.ACCEPTED, 1), else_=0).label("is_accepted"),
            took.label("took"),
            func.row_number().over(partition_by=pair, order_by=took).label("place"),
            func.count().over(partition_by=pair).label("total"),
        )
        .where(*_decided_in(account_id, period))
        .subquery()
    )
    column = decided.c
    doubled = 2 * column.place
    in_the_middle = and_(doubled >= column.total, doubled <= column.total + 2)
    return (
        select(
            column.created_by_id,
            column.decided_by_id,
            func.count().label("decision_count"),
            func.sum(column.is_accepted).label("accepted_count"),
            func.avg(case((in_the_middle, column.took))).label("median"),
        )
        .group_by(column.created_by_id, column.decided_by_id)
        .subquery()
    )


async def review_statistics_page(
    connection: Reader, account_id: UUID, period: Period, window: Window
) -> list[ReviewStatisticRow]:
    """Return a page of the pairs who met in the period, those who met most often first."""
    pair = _by_pair(account_id, period)
    keys = [OrderKey(pair.c[name]) for name in ("decision_count", "created_by_id", "decided_by_id")]
    statement: AnySelect = select(
        pair.c.created_by_id, pair.c.decided_by_id, pair.c.decision_count, pair.c.accepted_count, pair.c.median
    )
    found = await connection.execute(windowed(statement, keys, window))
    rows = [ReviewStatisticRow(r[0], r[1], r[2], int(r[3]), int(r[4])) for r in found]
    return in_list_order(rows, window)


async def review_statistics_count(connection: Reader, account_id: UUID, period: Period) -> int:
    """Return how many pairs met in the period."""
    pairs = select(_OVERRIDE.created_by_id, _OVERRIDE.decided_by_id).where(*_decided_in(account_id, period)).distinct()
    return await connection.scalar(select(func.count()).select_from(pairs.subquery())) or 0


class DecisionPlace(NamedTuple):
    """A decision, its row, and the row's place in the account's log."""

    action: ActionRow
    decision: PastDecision
    key: tuple[int, UUID]


async def decisions(
    connection: Reader, account_id: UUID, since: datetime, window: Window, *, with_steps: bool = False
) -> list[DecisionPlace]:
    """Return those of the account's decisions since a time that *window* has, the oldest first; backward, the last.

    They are those between which nothing can come any more. *with_steps*: with the steps that were taken by then.
    """
    row, override = columns(ActionRow, tables.case_actions), columns(OverrideRow, tables.overrides)
    keys = [OrderKey(_ROW.position, descending=False), OrderKey(_ROW.id, descending=False)]
    statement: AnySelect = (
        select(_ROW.position, *row, *override)
        .join(tables.overrides, and_(_OVERRIDE.id == _ROW.override_id, _OVERRIDE.account_id == _ROW.account_id))
        .where(
            _ROW.account_id == account_id,
            _ROW.type.in_((ActionType.ACCEPT, ActionType.REFUSE)),
            _ROW.created_at >= since,
            _ROW.position < SafePosition(),
        )
    )
    statement = windowed(statement, keys, window)
    records = [tuple(record) for record in await connection.execute(statement)]
    found = [(r[0], ActionRow(*r[1 : len(row) + 1]), OverrideRow(*r[len(row) + 1 :])) for r in records]
    reviewers = await reviewer_ids_by_version(connection, account_id, [override.id for _, _, override in found])
    stepped = [action for _, action, _ in found] if with_steps else []
    taken = await taken_steps_before(connection, account_id, stepped)
    return [
        DecisionPlace(
            action,
            replace(
                _decision(account_id, action, override, ids),
                taken_steps=taken.get(action.id, frozenset()),
            ),
            (place, action.id),
        )
        for (place, action, override), ids in zip(found, reviewers, strict=True)
    ]


def _decision(
    account_id: UUID, action: ActionRow, override: OverrideRow, reviewer_ids: Mapping[int, Sequence[UUID]]
) -> PastDecision:
    """Return the decision; the reviewers are those of the override's version that it was taken on."""
    authority = None if action.authority is None else json.loads(action.authority)
    return PastDecision(
        action=action.type,
        account_id=account_id,
        user_id=action.user_id,
        roles=None if authority is None else frozenset(map(Role, authority["roles"])),
        reviewed_version=None if authority is None else authority["reviewed_version"],
        override=override.facts(
            frozenset(reviewer_ids[override.reviewers_version]),
            represented_id=None if authority is None else authority.get(ON_BEHALF_OF),
        ),
    )
