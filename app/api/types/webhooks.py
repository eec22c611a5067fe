"""Webhooks, as admins see them."""

from collections.abc import Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

import strawberry
from strawberry import ID

from app import clock
from app.api.context import Context, Info
from app.api.fields import computed, described, object_type, related
from app.api.pagination import After, Before, Connection, CursorKind, First, Last, Page, PageArguments, of_types
from app.api.types.people import User
from app.api.webhook_enums import DeliveryFailure, SignatureScheme, WebhookState
from app.db.repository import webhooks as reading
from app.db.repository.webhooks import LAG_ROWS_MAX, WebhookLagRow
from app.db.repository.window import Window
from app.db.webhook_rows import DeliveryRow, WebhookRow
from app.live.cursors import log_cursors


@object_type(DeliveryRow, "One request to a webhook, and what became of it.")
class WebhookDelivery:
    action_id: ID | None = described("The row of the log that was sent, its `webhook-id`; null for a ping.")
    attempt: int = described("Which try it was, from 1.")
    created_at: datetime = described("When it was sent.")
    milliseconds: int = described("How long the answer took.")
    status: int | None = described("The status of the answer; null where there was none.")
    failure: DeliveryFailure | None = described("Why it was not taken; null where it was.")
    answer_digest: str | None = described(
        "SHA-256 of the first 1024 bytes of the answer's body, 64 hexadecimal digits. Nothing more is kept of it."
    )


@strawberry.type(description="Why a webhook did not take something.")
class WebhookProblem:
    at: datetime = described("When.")
    failure: DeliveryFailure = described("What was wrong.")
    status: int | None = described("The status of the answer; null where there was none.")


@strawberry.type(description="How far a webhook is behind.")
class WebhookLag:
    rows: int = described(
        f"Rows of the log that were not sent or passed over yet, {LAG_ROWS_MAX} at most; what is tried again is not"
        " among them."
    )
    seconds: float = described("For how long the first of them waits; 0 without any.")


async def _lag(parent: strawberry.Parent[WebhookRow], info: Info) -> WebhookLag:
    (found,) = await _lags([parent], info)
    return found


async def _lags(parents: Sequence[WebhookRow], info: Info) -> list[WebhookLag]:
    found = await info.context.loaders.webhook_lags.collect([row.id for row in parents])
    return [_shown_lag(found[row.id]) for row in parents]


def _shown_lag(lag: WebhookLagRow | None) -> WebhookLag:
    if lag is None or lag.since is None:
        return WebhookLag(rows=0, seconds=0)
    return WebhookLag(rows=lag.rows, seconds=max(0.0, (clock.now() - lag.since).total_seconds()))


def _last_failure(parent: strawberry.Parent[WebhookRow]) -> WebhookProblem | None:
    row = parent
    if row.last_failure is None or row.last_failure_at is None:
        return None
    return WebhookProblem(at=row.last_failure_at, failure=row.last_failure, status=row.last_failure_status)


def _cursor(parent: strawberry.Parent[WebhookRow]) -> str:
    return log_cursors(parent.account_id).encode(parent.key)


async def _deliveries(
    parent: strawberry.Parent[WebhookRow],
    info: Info,
    first: First = None,
    last: Last = None,
    after: After = None,
    before: Before = None,
) -> Connection[WebhookDelivery]:
    (page,) = await _deliveries_of([parent], info, first, last, after, before)
    return cast(Connection[WebhookDelivery], page)


async def _deliveries_of(
    parents: Sequence[WebhookRow],
    info: Info,
    first: int | None = None,
    last: int | None = None,
    after: str | None = None,
    before: str | None = None,
) -> list[Page[DeliveryRow]]:
    """Return a page of what was sent lately to each."""
    loaders = info.context.loaders
    arguments = PageArguments(first, after, last, before)
    kinds = [CursorKind("deliveries of {}", (parent.id,)) for parent in parents]
    windows = arguments.windows(kinds, of_types([datetime, UUID]))
    groups: dict[Window, list[UUID]] = {}
    for parent, window in zip(parents, windows, strict=True):
        groups.setdefault(window, []).append(parent.id)
    found = {window: await loaders.deliveries_by_webhook.of(window).collect(ids) for window, ids in groups.items()}

    def page(parent: WebhookRow, kind: CursorKind, window: Window) -> Page[DeliveryRow]:
        async def count() -> int:
            counted: int = await loaders.delivery_counts.load(parent.id)
            return counted

        return Page(found[window][parent.id], arguments, kind, lambda row: (row.created_at, row.id), count)

    return [page(*item) for item in zip(parents, kinds, windows, strict=True)]


@object_type(WebhookRow, "Where what happens is sent to, signed, as it happens.")
class Webhook:
    endpoint_id: ID = described("Its UUID.", ("id",))
    name: str = described("What it is called.")
    description: str | None = described("What it is for.")
    url: str = described("Where deliveries are sent.")
    document: str = described("What is sent: a subscription of `actions`.")
    scheme: SignatureScheme = described("How deliveries are signed.")
    cloud_events: bool = described("Whether deliveries have the headers of CloudEvents, too.")
    state: WebhookState = described("Where it stands.")
    acts_as: User | None = related("users", "user_id", "The service account that it reads as, of its own.")
    cursor: str = computed(
        _cursor,
        "The last row of the log that was sent or passed over, as `Query.actions` has its cursor.",
        ("account_id", "position", "position_id"),
        loads=(),
    )
    lag: WebhookLag = computed(_lag, "How far it is behind.", ("id",), _lags, loads=("webhook_lags",))
    last_success_at: datetime | None = described("When something was taken last.")
    last_failure: WebhookProblem | None = computed(
        _last_failure,
        "Why something was not taken last; null where everything was.",
        ("last_failure", "last_failure_at", "last_failure_status"),
        loads=(),
    )
    deliveries: Connection[WebhookDelivery] = computed(
        _deliveries,
        "What was sent in the last week, the newest first.",
        ("id",),
        _deliveries_of,
        loads=("deliveries_by_webhook", "delivery_counts"),
    )
    created_at: datetime = described("When it was made.")


async def webhooks(context: Context, arguments: PageArguments) -> Page[WebhookRow]:
    """Return a page of the account's webhooks."""
    account_id = context.actor.account_id
    kind = CursorKind(f"webhooks of {account_id}")
    window = arguments.window(kind, of_types([datetime, UUID]))
    async with context.database.read() as connection:
        rows = await reading.webhooks_page(connection, account_id, window)

    async def count() -> int:
        async with context.database.read() as connection:
            return await reading.webhook_count(connection, account_id)

    return Page(rows, arguments, kind, lambda row: (row.created_at, row.id), count)
