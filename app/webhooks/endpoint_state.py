"""An endpoint as it is delivered to: its place, what waits for another try, and what is to be written of that."""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy.exc import SQLAlchemyError

from app.db.engines import Database
from app.db.repository.log import LogKey, LogPlace
from app.db.webhook_rows import RetryRow, WebhookRow
from app.domain.webhooks import PARKED_MAX, DeliveryFailure, WebhookState, next_try
from app.observability import metrics
from app.webhooks.progress import Unrecorded, record
from app.webhooks.sending import SendResult
from app.webhooks.timing import Timing

RECORD_AFTER = timedelta(seconds=1)
RECORDED_MAX = 200
"""Deliveries after which is written how far it came, if not by then."""


log = structlog.get_logger()


class Blocked(Exception):
    """Nothing can be sent for now, and not for the endpoint's sake; `failure` is what its admins are to see."""

    def __init__(self, failure: DeliveryFailure | None = None) -> None:
        super().__init__(failure)
        self.failure = failure


class Disabled(Exception):
    """The endpoint wants nothing more, or has taken nothing for too long."""


class EndpointState:
    """What is known of an endpoint, a bit ahead of what is written; *holder* has its lease."""

    def __init__(self, webhook: WebhookRow, database: Database, holder: str, timing: Timing) -> None:
        self.webhook = webhook
        self.retries: dict[UUID, RetryRow] = {}
        self._database = database
        self._holder = holder
        self._timing = timing
        self._unrecorded = Unrecorded()

    @property
    def has_room(self) -> bool:
        """Whether more cases can wait for another try."""
        return len(self.retries) < PARKED_MAX

    def next_moment(self) -> datetime | None:
        """Return when there is something to try again, or to be written."""
        moments = [row.next_at for row in self.retries.values()]
        if self._unrecorded.since is not None:
            moments.append(self._unrecorded.since + RECORD_AFTER)
        return min(moments, default=None)

    # --- What became of it -------------------------------------------------------------------------------------------

    def note(self, result: SendResult) -> None:
        """Note a request."""
        delivery = result.delivery
        self._unrecorded.deliveries.append(delivery)
        if delivery.failure is None:
            self._change(last_success_at=delivery.created_at)
        else:
            self.note_failure(delivery.failure, delivery.status)

    def note_failure(self, failure: DeliveryFailure, status: int | None = None) -> None:
        """Note why something was not taken, or not sent."""
        self._change(last_failure=failure, last_failure_status=status, last_failure_at=self._timing.now())

    def move(self, key: LogKey) -> None:
        """Note that all rows up to this one were sent, are tried again, or passed over."""
        self._change(position=key[0], position_id=key[1])

    def park(self, place: LogPlace, failures: int, first_at: datetime, result: SendResult) -> None:
        """Have a row tried again, and its case wait for it. Raises: Disabled, where it was the last try."""
        now, row = self._timing.now(), place.action
        next_at = next_try(first_at, failures, now, self._timing.jitter(), result.retry_after)
        self.retries[row.case_id] = self._unrecorded.retries[row.case_id] = RetryRow(
            webhook_id=self.webhook.id,
            case_id=row.case_id,
            account_id=self.webhook.account_id,
            action_id=row.id,
            position=place.key[0],
            failures=failures,
            first_at=first_at,
            next_at=next_at or now,
        )
        self._unrecorded.settled.discard(row.case_id)
        if self.webhook.state is not WebhookState.FAILING:
            log.warning("webhook_failing", **self._facts())
        self._change(state=WebhookState.FAILING)
        if next_at is None or result.is_gone:
            raise Disabled

    def settle(self, case_id: UUID) -> None:
        """Have a case wait no more."""
        del self.retries[case_id]
        if not self.retries and self.webhook.state is WebhookState.FAILING:
            log.info("webhook_recovered", webhook=str(self.webhook.id))
        self._unrecorded.retries.pop(case_id, None)
        self._unrecorded.settled.add(case_id)
        self._change(state=WebhookState.FAILING if self.retries else WebhookState.ACTIVE)

    def note_ping(self, result: SendResult) -> None:
        """Note what became of a ping. Raises: Disabled, where it was the last one."""
        self.note(result)
        webhook, failures = self.webhook, self.webhook.ping_failures + 1
        if result.is_gone:
            raise Disabled
        if result.is_taken or webhook.state is not WebhookState.UNVERIFIED:
            self._change(ping_at=None, ping_failures=0)
            if webhook.state is WebhookState.UNVERIFIED:
                self._change(state=WebhookState.FAILING if self.retries else WebhookState.ACTIVE)
            return
        now = self._timing.now()
        next_at = next_try(webhook.ping_since or now, failures, now, self._timing.jitter(), result.retry_after)
        if next_at is None:
            raise Disabled
        self._change(ping_at=next_at, ping_failures=failures)

    def disable(self) -> None:
        """Have nothing more sent; its place stays, and what was not taken."""
        failure = self.webhook.last_failure
        log.warning("webhook_disabled", **self._facts())
        metrics.child(metrics.webhooks_disabled, "-" if failure is None else failure.value).inc()
        self._change(state=WebhookState.DISABLED, ping_at=None)

    def _facts(self) -> dict[str, object]:
        """Return what the gateway's log says of an endpoint that does not take what it is sent."""
        webhook = self.webhook
        facts = {"webhook": str(webhook.id), "account": str(webhook.account_id), "failure": webhook.last_failure}
        return facts | {"status": webhook.last_failure_status}

    def _change(self, **values: Any) -> None:
        self.webhook = replace(self.webhook, **values)
        self._unrecorded.since = self._unrecorded.since or self._timing.now()

    # --- Writing -----------------------------------------------------------------------------------------------------

    async def record_if_due(self) -> None:
        """Write what is noted, if that is due, or something was not taken. Raises: as `record`."""
        found = self._unrecorded
        is_old = found.since is not None and self._timing.now() >= found.since + RECORD_AFTER
        if is_old or found.retries or len(found.deliveries) >= RECORDED_MAX:
            await self.record()

    async def record(self) -> None:
        """Write what is noted. Raises: LeaseLost, Blocked."""
        found, self._unrecorded = self._unrecorded, Unrecorded()
        if found.since is None:
            return
        now = self._timing.now()
        writing = asyncio.ensure_future(record(self._database, self._holder, self.webhook, found, now))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:  # it is ended meanwhile: what is under way is written first
            await asyncio.gather(writing, return_exceptions=True)
            raise
        except (SQLAlchemyError, OSError) as error:
            self._unrecorded = found
            raise Blocked from error
