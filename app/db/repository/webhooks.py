"""Webhooks: endpoints as admins see them and as the worker delivers to them, their retries and deliveries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_

from app.db import tables
from app.db.expressions import AnyColumn
from app.db.id_sets import among
from app.db.prepared import ACCOUNT, IDS, LIMIT, Prepared
from app.db.reader import Reader
from app.db.repository.log import LogKey, LogPlace
from app.db.repository.window import (
    OrderKey,
    Window,
    WindowShape,
    between,
    count,
    grouped,
    in_list_order,
    windowed,
)
from app.db.row_makers import columns, maker
from app.db.rows import ActionRow
from app.db.webhook_rows import DeliveryRow, RetryRow, WebhookRow
from app.domain.webhooks import BLOCKING, DELIVERING, WebhookState

LAG_ROWS_MAX = 1_000
"""Rows that are counted of what an endpoint has not been sent; of more it is said that there are so many."""

_WEBHOOK = columns(WebhookRow, tables.webhooks)
_RETRY = columns(RetryRow, tables.webhook_retries)
_DELIVERY = columns(DeliveryRow, tables.webhook_deliveries)
_ACTION = columns(ActionRow, tables.case_actions)


@dataclass(frozen=True, slots=True)
class WebhookLagRow:
    """How many rows of the log an endpoint has not been sent yet, and when the first of them was written."""

    id: UUID
    rows: int
    since: datetime | None


async def webhook_row(connection: Reader, account_id: UUID, id: UUID) -> WebhookRow | None:
    """Return an endpoint of the account."""
    column = tables.webhooks.c
    record = (
        await connection.execute(select(*_WEBHOOK).where(column.account_id == account_id, column.id == id))
    ).first()
    return None if record is None else WebhookRow(*record)


async def webhook_count(connection: Reader, account_id: UUID) -> int:
    """Return how many endpoints the account has."""
    return await count(connection, tables.webhooks, [tables.webhooks.c.account_id == account_id])


async def webhooks_page(connection: Reader, account_id: UUID, window: Window) -> list[WebhookRow]:
    """Return a part of the account's endpoints, the newest first."""
    column = tables.webhooks.c
    keys = (OrderKey(column.created_at, descending=True), OrderKey(column.id, descending=True))
    statement = windowed(select(*_WEBHOOK).where(column.account_id == account_id), keys, window)
    return in_list_order([WebhookRow(*record) for record in await connection.execute(statement)], window)


def _in_trouble(account_id: UUID) -> list[ColumnElement[bool]]:
    """Return what is so for the endpoints that `notice_of` has something to say of."""
    column = tables.webhooks.c
    is_last = or_(column.last_success_at.is_(None), column.last_failure_at > column.last_success_at)
    is_in_trouble = or_(
        column.state.in_((WebhookState.DISABLED, WebhookState.FAILING)),
        and_(column.state == WebhookState.UNVERIFIED, is_last),
        and_(column.state == WebhookState.ACTIVE, column.last_failure.in_(BLOCKING), is_last),
    )
    has_failed = and_(column.last_failure.is_not(None), column.last_failure_at.is_not(None))
    return [column.account_id == account_id, has_failed, is_in_trouble]


async def troubled_webhook_count(connection: Reader, account_id: UUID) -> int:
    """Return how many endpoints of the account there is something to say of."""
    return await count(connection, tables.webhooks, _in_trouble(account_id))


async def troubled_webhooks_page(connection: Reader, account_id: UUID, window: Window) -> list[WebhookRow]:
    """Return a part of them, that which has failed last first."""
    column = tables.webhooks.c
    keys = (OrderKey(column.last_failure_at, descending=True), OrderKey(column.id, descending=True))
    statement = windowed(select(*_WEBHOOK).where(*_in_trouble(account_id)), keys, window)
    return in_list_order([WebhookRow(*record) for record in await connection.execute(statement)], window)


async def webhook_lags(connection: Reader, account_id: UUID, ids: Sequence[UUID]) -> list[WebhookLagRow | None]:
    """Return how far each of these endpoints of the account is behind, by one statement."""
    hook, row = tables.webhooks.c, tables.case_actions.c
    later = (
        select(row.created_at)
        .where(row.account_id == hook.account_id)
        .where(tuple_(row.position, row.id) > tuple_(hook.position, hook.position_id))
        .order_by(row.position, row.id)
        .correlate(tables.webhooks)
    )
    counted = later.limit(LAG_ROWS_MAX).subquery()
    number = select(func.count()).select_from(counted).scalar_subquery()
    first = later.limit(1).scalar_subquery()
    statement = select(hook.id, number, first).where(hook.account_id == account_id, hook.id.in_(ids))
    found = {id: WebhookLagRow(id, rows, since) for id, rows, since in await connection.execute(statement)}
    return [found.get(id) for id in ids]


async def deliveries_by_webhook(
    connection: Reader, account_id: UUID, webhook_ids: Sequence[UUID], window: Window
) -> list[list[DeliveryRow]]:
    """Return for each endpoint the same *window* of what was sent to it, newest first; the key is time and id."""
    statement = _part_by_webhook(window.shape)
    found = await statement.columns(connection, account_id=account_id, ids=webhook_ids, **window.values)
    return grouped(webhook_ids, map(maker(DeliveryRow), *found), "webhook_id")


@lru_cache(maxsize=100)
def _part_by_webhook(shape: WindowShape) -> Prepared:
    column = tables.webhook_deliveries.c
    key = (column.created_at, column.id)
    order = [part.asc() if shape.backward else part.desc() for part in key]
    rank = func.row_number().over(partition_by=column.webhook_id, order_by=order)
    part = (
        select(*_DELIVERY, rank.label("rank"))
        .where(column.account_id == ACCOUNT, among(column.webhook_id, IDS))
        .where(*between(key, shape.window))
        .subquery()
    )
    statement = select(*columns(DeliveryRow, part)).where(part.c.rank <= LIMIT)
    return Prepared(statement.order_by(part.c.webhook_id, part.c.created_at.desc(), part.c.id.desc()))


async def delivery_counts(connection: Reader, account_id: UUID, webhook_ids: Sequence[UUID]) -> list[int]:
    """Return for each endpoint how many requests to it are kept."""
    column = tables.webhook_deliveries.c
    statement = (
        select(column.webhook_id, func.count())
        .where(column.account_id == account_id, column.webhook_id.in_(webhook_ids))
        .group_by(column.webhook_id)
    )
    found = {record[0]: record[1] for record in await connection.execute(statement)}
    return [found.get(id, 0) for id in webhook_ids]


# --- The worker ------------------------------------------------------------------------------------------------------


async def deliverable(connection: Reader, holder: str, now: AnyColumn, limit: int) -> Sequence[WebhookRow]:
    """Return endpoints, of all accounts, that this holder delivers to, or may: nobody else has them."""
    column = tables.webhooks.c
    is_free = or_(column.lease_until.is_(None), column.lease_until < now, column.lease_holder == holder)
    statement = select(*_WEBHOOK).where(column.state.in_(DELIVERING), is_free).order_by(column.id).limit(limit)
    return [WebhookRow(*record) for record in await connection.execute(statement)]


async def all_documents(connection: Reader) -> Sequence[tuple[UUID, UUID, str, str]]:
    """Return account, id, name and document of every endpoint: for the command line."""
    column = tables.webhooks.c
    statement = select(column.account_id, column.id, column.name, column.document).order_by(column.id)
    return [tuple(record) for record in await connection.execute(statement)]


async def retries_of(connection: Reader, webhook_id: UUID) -> Sequence[RetryRow]:
    """Return all cases of which a delivery to this endpoint is tried again, the next one first."""
    column = tables.webhook_retries.c
    statement = (
        select(*_RETRY).where(column.webhook_id == webhook_id).order_by(column.next_at, column.position, column.case_id)
    )
    return [RetryRow(*record) for record in await connection.execute(statement)]


async def case_places(
    connection: Reader, account_id: UUID, case_id: UUID, first: LogKey, last: LogKey, limit: int
) -> Sequence[LogPlace]:
    """Return the rows of one case from the key *first* to the key *last*, in the order of the log."""
    column = tables.case_actions.c
    place = tuple_(column.position, column.id)
    statement = (
        select(*_ACTION, column.position)
        .where(column.account_id == account_id, column.case_id == case_id)
        .where(place >= tuple_(*first), place <= tuple_(*last))
        .order_by(column.position, column.id)
        .limit(limit)
    )
    return [
        LogPlace(ActionRow(*record), (position, record[0])) for *record, position in await connection.execute(statement)
    ]
