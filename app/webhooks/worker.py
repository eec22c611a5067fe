"""Delivers to all endpoints that no other process delivers to, as long as it runs.

An endpoint is one process's at a time, by a lease that others take when it is not prolonged.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.db import background
from app.db.database_clock import shared_time
from app.db.repository.webhooks import deliverable
from app.db.webhook_rows import WebhookRow
from app.domain.webhooks import WebhookState
from app.observability import metrics
from app.webhooks.delivery import DeliveryTools, EndpointDelivery
from app.webhooks.progress import LEASE, forget_old_deliveries, release_leases, take_leases

LOOK = timedelta(seconds=2)
"""How often it looks for endpoints, and for what admins have changed of them."""
PROLONG = LEASE / 4
AGAIN = timedelta(seconds=30)
SWEEP = timedelta(hours=1)
"""How often what was sent long ago is deleted."""
ENDPOINTS_MAX = 1_000
"""Endpoints that one process delivers to; those beyond wait for another process."""
END_S = 5

log = structlog.get_logger()


class WebhookWorker:
    """Keeps a delivery running for each endpoint of this process."""

    def __init__(self, tools: DeliveryTools, look: timedelta = LOOK) -> None:
        self._tools = tools
        self._pause = look
        self._running: dict[UUID, tuple[int, asyncio.Task[None]]] = {}
        self._prolonged: datetime | None = None
        self._swept: datetime | None = None

    async def run(self) -> None:
        """Deliver until cancelled; then other processes go on at once."""
        try:
            while True:
                with background.LoggedFailures("webhooks_not_read"):
                    await self._look()
                await self._tools.timing.until(self._tools.timing.now() + self._pause)
        finally:
            await asyncio.shield(self._end())

    async def _look(self) -> None:
        """Begin with what is new or changed, and end what is gone, paused, or another process's."""
        tools, now = self._tools, self._tools.timing.now()
        async with tools.database.read() as connection:
            time = shared_time(tools.database, now)
            rows = await deliverable(connection, tools.holder, time, ENDPOINTS_MAX)
        held = await self._held(rows, now)
        failing = [row.id for row in rows if row.id in held and row.state is WebhookState.FAILING]
        metrics.webhooks_failing.set(len(failing))
        for row in rows:
            version, task = self._running.get(row.id, (0, None))
            if row.id in held and (task is None or task.done() or version != row.version):
                await self._stop(row.id)
                self._running[row.id] = row.version, asyncio.create_task(self._deliver(row))
        for id in self._running.keys() - held:
            await self._stop(id)
        if held and (self._swept is None or now >= self._swept + SWEEP):
            is_all = await forget_old_deliveries(tools.database, held, now)
            self._swept = now if is_all else None

    async def _held(self, rows: Sequence[WebhookRow], now: datetime) -> set[UUID]:
        """Return the endpoints that are this process's, prolonging their leases where that is due."""
        ids = {row.id for row in rows}
        is_due = self._prolonged is None or not self._prolonged <= now < self._prolonged + PROLONG
        if ids and (is_due or not ids <= self._running.keys()):
            self._prolonged = now
            return await take_leases(self._tools.database, self._tools.holder, ids, now)
        return ids

    async def _deliver(self, row: WebhookRow) -> None:
        with background.LoggedFailures("webhook_delivery_failed", webhook=str(row.id)):
            await EndpointDelivery(row, self._tools).run()
            return
        # The others go on, and after a while a look begins anew with it.
        await self._tools.timing.until(self._tools.timing.now() + AGAIN)

    async def _stop(self, id: UUID) -> None:
        """End the delivery to an endpoint, which writes down how far it came."""
        _, task = self._running.pop(id, (0, None))
        if task is not None:
            task.cancel()
            await asyncio.wait([task], timeout=END_S)

    async def _end(self) -> None:
        """End all deliveries, and give their leases back."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=END_S)
            try:
                await release_leases(self._tools.database, self._tools.holder)
            except (SQLAlchemyError, OSError) as error:
                log.warning("webhook_leases_not_released", reason=type(error).__name__)
