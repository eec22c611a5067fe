"""Sends one signed request to an endpoint, and says what became of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from uuid import UUID

import orjson

from app import clock
from app.db.rows import ActionRow
from app.db.webhook_rows import DeliveryRow, WebhookRow
from app.domain.webhooks import RETRY_AFTER_MAX, DeliveryFailure
from app.observability import metrics
from app.webhooks.client import WebhookAnswer, WebhookClient
from app.webhooks.failures import SendFailed
from app.webhooks.keys import SigningKeys
from app.webhooks.messages import Message
from app.webhooks.signing import signed_headers

GONE = 410
AT_ONCE = 256
"""Requests that are under way at once in a process."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """What became of one request; `retry_after` is what the endpoint asked for."""

    delivery: DeliveryRow
    retry_after: timedelta | None = None

    @property
    def is_taken(self) -> bool:
        return self.delivery.failure is None

    @property
    def is_gone(self) -> bool:
        """Whether the endpoint wants no more."""
        return self.delivery.status == GONE


class Sender:
    """Signs and sends."""

    def __init__(self, client: WebhookClient, keys: SigningKeys, now: clock.Clock = clock.now) -> None:
        self._client = client
        self._keys = keys
        self._now = now
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def send(
        self, webhook: WebhookRow, row: ActionRow, attempt: int, render: Callable[[], Awaitable[bytes]]
    ) -> SendResult:
        """Send what *render* gives for a row of the log; the action's id is the message's at each try."""
        return await self._send(webhook, Message.of(row), attempt, await render())

    async def ping(self, webhook: WebhookRow) -> SendResult:
        """Send a ping, which says nothing but the endpoint's id."""
        message = Message.ping(self._now())
        data = {"endpointId": str(webhook.id)}
        body = orjson.dumps({"type": message.type, "timestamp": message.time, "data": data})
        return await self._send(webhook, message, webhook.ping_failures + 1, body)

    async def _send(self, webhook: WebhookRow, message: Message, attempt: int, body: bytes) -> SendResult:
        async with self._turns:
            now, begun = self._now(), time.monotonic()
            keys = await self._keys.in_use(webhook.scheme, webhook.id, webhook.secrets, now)
            answer: WebhookAnswer | None = None
            failure: DeliveryFailure | None = None
            try:
                headers = signed_headers(keys, message.id, now, body)
                if webhook.cloud_events:
                    headers |= message.cloud_event(webhook.account_id)
                answer = await self._client.post(webhook.url, headers, body)
                failure = None if answer.is_success else DeliveryFailure.STATUS
            except SendFailed as failed:
                failure = failed.kind
        metrics.child(metrics.webhook_deliveries, "TAKEN" if failure is None else failure.value).inc()
        delivery = DeliveryRow(
            id=clock.new_id(),
            account_id=webhook.account_id,
            webhook_id=webhook.id,
            action_id=message.action_id,
            attempt=attempt,
            created_at=now,
            milliseconds=int((time.monotonic() - begun) * 1000),
            status=None if answer is None else answer.status,
            failure=failure,
            answer_digest=None if answer is None else answer.body_digest,
        )
        return SendResult(delivery, None if answer is None else retry_after(answer.retry_after, now))


def not_rendered(webhook: WebhookRow, action_id: UUID, attempt: int, now: datetime) -> SendResult:
    """Return what became of a delivery whose document could not be executed: nothing was sent."""
    failure = DeliveryFailure.RENDERING
    delivery = DeliveryRow(
        clock.new_id(), webhook.account_id, webhook.id, action_id, attempt, now, 0, None, failure, None
    )
    return SendResult(delivery)


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Return how long an answer asks to be left alone (RFC 9110, section 10.2.3), a day at most."""
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        return min(timedelta(seconds=min(int(value), 10**6)), RETRY_AFTER_MAX)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # the second one for a zone with too many digits
        return None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return min(max(moment - now, timedelta(0)), RETRY_AFTER_MAX)
