"""Notices: what an account's admins have to look at, and why, in the reader's language."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import strawberry

from app.api.context import Context, Info
from app.api.fields import computed, object_type
from app.api.pagination import CursorKind, Page, PageArguments, of_types
from app.api.types.webhooks import Webhook
from app.api.webhook_enums import DeliveryFailure, NoticeKind
from app.db.repository import webhooks as reading
from app.db.webhook_rows import WebhookRow
from app.domain.webhooks import WEBHOOKS_MAX
from app.i18n.notices import notice_text


def _kind(parent: strawberry.Parent[WebhookRow]) -> NoticeKind:
    kind = parent.notice
    assert kind is not None
    return kind


def _message(parent: strawberry.Parent[WebhookRow], info: Info) -> str:
    row: Any = parent
    return notice_text(_kind(row), info.context.request.language, row.name, row.last_failure, row.last_failure_status)


def _at(parent: strawberry.Parent[WebhookRow]) -> datetime:
    moment = parent.last_failure_at
    assert moment is not None
    return moment


def _failure(parent: strawberry.Parent[WebhookRow]) -> DeliveryFailure:
    failure = parent.last_failure
    assert failure is not None
    return failure


def _status(parent: strawberry.Parent[WebhookRow]) -> int | None:
    return parent.last_failure_status


def _webhook(parent: strawberry.Parent[WebhookRow]) -> Webhook:
    return cast(Webhook, parent)


def _webhooks(parents: Sequence[WebhookRow], _info: Info) -> list[WebhookRow]:
    return list(parents)


_KIND = ("state", "last_failure", "last_failure_at", "last_success_at")


@object_type(WebhookRow, "What admins have to look at. It goes when it is so no more.")
class Notice:
    kind: NoticeKind = computed(_kind, "What is the matter.", _KIND, loads=())
    at: datetime = computed(_at, "When that was seen last.", ("last_failure_at",), loads=())
    message: str = computed(
        _message, "What is the matter, and why, in a sentence.", ("name", *_KIND, "last_failure_status"), loads=()
    )
    failure: DeliveryFailure = computed(
        _failure, "Why something was not taken, or not sent.", ("last_failure",), loads=()
    )
    status: int | None = computed(
        _status, "The status of the answer; null where there was none.", ("last_failure_status",), loads=()
    )
    webhook: Webhook = computed(_webhook, "The webhook that it is about.", ("id",), _webhooks, loads=())


async def notices(context: Context, arguments: PageArguments) -> Page[WebhookRow]:
    """Return a page of the account's notices; there are no more than it may have webhooks."""
    account_id = context.actor.account_id
    kind = CursorKind(f"notices of {account_id}")
    window = arguments.window(kind, of_types([datetime, UUID]))
    async with context.database.read() as connection:
        rows = await reading.troubled_webhooks_page(connection, account_id, window)

    async def count() -> int:
        async with context.database.read() as connection:
            return await reading.troubled_webhook_count(connection, account_id)

    return Page(rows, arguments, kind, lambda row: (row.last_failure_at, row.id), count)


DESCRIPTION = (
    f"What admins have to look at, the newest first, {WEBHOOKS_MAX} at most: webhooks that are disabled, that fail, and"
    " those that may not be sent anything. For admins."
)
