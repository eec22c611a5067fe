"""What the worker writes: leases of endpoints, and how far each was delivered to.

Whoever writes progress has the endpoint's lease, and the endpoint as it is: else nothing is written.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Update, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.account_log import NewAccountAction, append, lock_account
from app.db.database_clock import shared_time
from app.db.engines import Database
from app.db.webhook_rows import DeliveryRow, RetryRow, WebhookRow
from app.domain.account_log import AdminActionType, Source
from app.domain.webhooks import WebhookState

LEASE = timedelta(seconds=20)
"""After it others take an endpoint whose holder has died."""
KEPT = timedelta(days=7)
"""How long what was sent is kept."""
FORGOTTEN_MAX = 5_000
"""Rows that are deleted by one transaction, so that none is long."""


class LeaseLost(Exception):
    """Another process delivers to the endpoint now, or an admin has changed it."""


@dataclass(slots=True)
class Unrecorded:
    """What became of deliveries, and is not yet written: `retries` to keep, by their cases; `settled` cases have none.

    `since` is when the first of it was.
    """

    deliveries: list[DeliveryRow] = field(default_factory=list)
    retries: dict[UUID, RetryRow] = field(default_factory=dict)
    settled: set[UUID] = field(default_factory=set)
    since: datetime | None = None


async def take_leases(database: Database, holder: str, ids: Collection[UUID], now: datetime) -> set[UUID]:
    """Take the leases of these endpoints, or prolong them; return those that nobody else has."""
    table = tables.webhooks
    is_over = table.c.lease_until < shared_time(database, now)
    is_free = or_(table.c.lease_until.is_(None), is_over, table.c.lease_holder == holder)
    statement = (
        update(table)
        .where(table.c.id.in_(ids), is_free)
        .values(lease_holder=holder, lease_until=shared_time(database, now, LEASE))
        .returning(table.c.id)
    )
    async with database.write() as connection:
        return set((await connection.execute(statement)).scalars())


async def begin_delivery(database: Database, holder: str, webhook: WebhookRow) -> None:
    """Note by which version of an endpoint its holder delivers from now on. Raises: LeaseLost."""
    table = tables.webhooks
    held = (table.c.id == webhook.id, table.c.lease_holder == holder, table.c.version == webhook.version)
    async with database.write() as connection:
        await _demand_changed(connection, update(table).where(*held).values(delivered_version=webhook.version))


async def release_leases(database: Database, holder: str) -> None:
    """Give back all leases, so that another process goes on at once."""
    table = tables.webhooks
    statement = update(table).where(table.c.lease_holder == holder).values(lease_holder=None, lease_until=None)
    async with database.write() as connection:
        await connection.execute(statement)


async def record(database: Database, holder: str, webhook: WebhookRow, unrecorded: Unrecorded, now: datetime) -> None:
    """Write how far an endpoint was delivered to, and its state. Raises: LeaseLost, and then nothing was written."""
    async with database.write() as connection:
        if webhook.state is WebhookState.DISABLED:
            await lock_account(connection, webhook.account_id)
        await _move(connection, holder, webhook)
        await _write_retries(connection, webhook, unrecorded)
        if unrecorded.deliveries:
            await connection.execute(insert(tables.webhook_deliveries), [asdict(row) for row in unrecorded.deliveries])
        if webhook.state is WebhookState.DISABLED:
            await _log_disabled(connection, webhook, now)


async def _move(connection: AsyncConnection, holder: str, webhook: WebhookRow) -> None:
    """Write the endpoint as it is now, if it is still this holder's and no admin has changed it."""
    table = tables.webhooks
    names = ("position", "position_id", "state", "ping_at", "ping_failures")
    latest = ("last_success_at", "last_failure_at", "last_failure", "last_failure_status")
    values: dict[str, Any] = {name: getattr(webhook, name) for name in (*names, *latest)}
    held = (table.c.id == webhook.id, table.c.lease_holder == holder, table.c.version == webhook.version)
    await _demand_changed(connection, update(table).where(*held).values(values))


async def _demand_changed(connection: AsyncConnection, statement: Update) -> None:
    """Execute what changes an endpoint that is held. Raises: LeaseLost."""
    if (await connection.execute(statement)).rowcount != 1:
        raise LeaseLost


async def _write_retries(connection: AsyncConnection, webhook: WebhookRow, unrecorded: Unrecorded) -> None:
    table, changed = tables.webhook_retries, unrecorded.settled | unrecorded.retries.keys()
    if changed:
        await connection.execute(
            delete(table).where(table.c.webhook_id == webhook.id, table.c.case_id.in_(sorted(changed)))
        )
    if unrecorded.retries:
        await connection.execute(insert(table), [asdict(row) for row in unrecorded.retries.values()])


async def _log_disabled(connection: AsyncConnection, webhook: WebhookRow, now: datetime) -> None:
    """Have it in the account's log that an endpoint was disabled, and why."""
    failure = [] if webhook.last_failure is None else [webhook.last_failure.value]
    details: dict[str, Sequence[str]] = {"webhook": [str(webhook.id)], "failure": failure}
    if webhook.last_failure_status is not None:
        details["status"] = [str(webhook.last_failure_status)]
    new = NewAccountAction(AdminActionType.DISABLE_WEBHOOK, Source.SYSTEM, details, target_user_id=webhook.user_id)
    await append(connection, webhook.account_id, new, now)


async def forget_old_deliveries(
    database: Database, ids: Collection[UUID], now: datetime, limit: int = FORGOTTEN_MAX
) -> bool:
    """Delete what was sent to these endpoints long ago, *limit* rows at most; tell whether that was all."""
    column = tables.webhook_deliveries.c
    old = select(column.id).where(column.webhook_id.in_(ids), column.created_at < now - KEPT).limit(limit)
    async with database.write() as connection:
        deleted = await connection.execute(delete(tables.webhook_deliveries).where(column.id.in_(old)))
    return deleted.rowcount < limit
