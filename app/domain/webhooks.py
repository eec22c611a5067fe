"""Webhooks: the states of an endpoint, when a delivery is tried again, and what a document may select.

It knows neither the network nor the database.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

WEBHOOKS_MAX = 20
"""Endpoints of an account."""
DOCUMENT_MAX = 10_000
"""Characters of an endpoint's document."""
GRACE_HOURS = 24
GRACE_HOURS_MAX = 168
PARKED_MAX = 100
"""Cases of an endpoint that wait for another try; with as many, no more rows of the log are taken."""

DEFAULT_DOCUMENT = """subscription {
  actions {
    cursor
    action { id seq type createdAt statusBefore statusAfter resolution user { id } case { id reference } }
  }
}
"""


class SignatureScheme(StrEnum):
    """How deliveries are signed: names of Standard Webhooks."""

    HMAC = "HMAC"
    ED25519 = "ED25519"


class WebhookState(StrEnum):
    """Where an endpoint stands."""

    UNVERIFIED = "UNVERIFIED"
    ACTIVE = "ACTIVE"
    FAILING = "FAILING"
    PAUSED = "PAUSED"
    DISABLED = "DISABLED"


class NoticeKind(StrEnum):
    """What is the matter with an endpoint, for its account's admins."""

    WEBHOOK_DISABLED = "WEBHOOK_DISABLED"
    WEBHOOK_FAILING = "WEBHOOK_FAILING"
    WEBHOOK_BLOCKED = "WEBHOOK_BLOCKED"


DELIVERING = frozenset({WebhookState.UNVERIFIED, WebhookState.ACTIVE, WebhookState.FAILING})
"""The states in which something is sent."""


@dataclass(frozen=True, slots=True)
class WebhookFacts:
    """An endpoint, as a decision must know of it; `values` are its columns that admins change."""

    state: WebhookState
    position: int
    position_id: UUID
    values: Mapping[str, str | bool | None]

    @property
    def url(self) -> str | bool | None:
        return self.values["url"]


class DeliveryFailure(StrEnum):
    """Why a delivery was not taken."""

    STATUS = "STATUS"
    REFUSED = "REFUSED"
    RESOLUTION = "RESOLUTION"
    CONNECTION = "CONNECTION"
    TLS = "TLS"
    TIMEOUT = "TIMEOUT"
    PROTOCOL = "PROTOCOL"
    TOO_LARGE = "TOO_LARGE"
    FORBIDDEN = "FORBIDDEN"
    RENDERING = "RENDERING"


BLOCKING = frozenset({DeliveryFailure.FORBIDDEN, DeliveryFailure.RENDERING})
"""Failures by which nothing is sent at all, and for which the endpoint can do nothing."""

TRY_OFFSETS = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""When a delivery is tried, since its first try."""


def notice_of(
    state: WebhookState,
    failure: DeliveryFailure | None,
    failed_at: datetime | None,
    succeeded_at: datetime | None,
) -> NoticeKind | None:
    """Return what is the matter with an endpoint, None where all is well or an admin has paused it."""
    if failure is None or failed_at is None or state is WebhookState.PAUSED:
        return None
    if state is WebhookState.DISABLED:
        return NoticeKind.WEBHOOK_DISABLED
    is_last = succeeded_at is None or failed_at > succeeded_at
    if failure in BLOCKING and is_last:
        return NoticeKind.WEBHOOK_BLOCKED
    is_failing = state is WebhookState.FAILING or (state is WebhookState.UNVERIFIED and is_last)
    return NoticeKind.WEBHOOK_FAILING if is_failing else None


JITTER = 0.1
RETRY_AFTER_MAX = timedelta(hours=24)


def next_try(
    first: datetime, failed: int, now: datetime, jitter: float, retry_after: timedelta | None = None
) -> datetime | None:
    """Return when to try again after *failed* tries, None where that was the last one.

    *jitter*, from 0 to 1, spreads the tries of many over a part of the time; *retry_after* is what the endpoint asks.
    Where tries are late, as after the gateway was away, at least half of the time between two of them stays, so that
    they are not used up at once.
    """
    if failed >= len(TRY_OFFSETS):
        return None
    offset = TRY_OFFSETS[failed]
    between = offset - TRY_OFFSETS[failed - 1] if failed else offset
    planned = max(first + offset * (1 + JITTER * jitter), now + between / 2)
    if retry_after is None:
        return planned
    return max(planned, now + min(retry_after, RETRY_AFTER_MAX))


@dataclass(frozen=True, slots=True)
class SecretVersions:
    """Which versions of its secret an endpoint's deliveries are signed with.

    `previous` goes on signing until `previous_until`, so that the endpoint can take the new one meanwhile.
    """

    current: int = 1
    previous: int | None = None
    previous_until: datetime | None = None

    def rotated(self, until: datetime) -> "SecretVersions":
        """Return the versions after a rotation; of two within one overlap the older one's secret ends at once."""
        return SecretVersions(self.current + 1, self.current, until)

    def in_use(self, now: datetime) -> tuple[int, ...]:
        """Return the versions that sign *now*, the newest first."""
        if self.previous is None or self.previous_until is None or now >= self.previous_until:
            return (self.current,)
        return (self.current, self.previous)


PERMANENT_FIELDS: Mapping[str, frozenset[str]] = {
    "Subscription": frozenset({"actions"}),
    "LogEvent": frozenset({"cursor", "action"}),
    "CaseAction": frozenset(
        {
            *("id", "case", "seq", "type", "user", "comment", "override", "statusBefore", "statusAfter"),
            *("resolution", "createdAt", "requestId", "hash", "prevHash", "authority", "reason", "held"),
            *("assignment", "dueAt", "evaluation", "reminder", "step", "stepState", "openSteps"),
        }
    ),
    "RecordedAssignment": frozenset({"assignee"}),
    "RecordedEvaluation": frozenset({"statusBefore", "statusAfter", "subjectVersion", "changed", "replacedOverride"}),
    "RecordedReminder": frozenset({"occasion", "at", "override"}),
    "ActionAuthority": frozenset({"tokenId", "tokenSource", "roles", "reviewedVersion", "onBehalfOf"}),
    "Case": frozenset({"id", "reference", "title", "description", "subject", "createdBy", "createdAt"}),
    "Subject": frozenset({"id", "type", "externalRef"}),
    "User": frozenset({"id", "kind"}),
    "Comment": frozenset({"id", "author", "body", "createdAt", "documents"}),
    "Document": frozenset({"id", "filename", "contentType", "sizeBytes", "sha256", "createdAt", "uploader"}),
    "Override": frozenset({"id", "createdBy", "requestedStatus", "subjectStatusAtRequest", "createdAt", "expiresAt"}),
    "Node": frozenset({"id"}),
}
"""The fields that a row of the log fixes for good, unless they are erased: they are the same at each try and replay."""
