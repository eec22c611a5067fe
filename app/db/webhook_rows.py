"""Light rows of webhooks: endpoints, cases of which a delivery is tried again, and what was sent."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.db.repository.log import LogKey
from app.domain.webhooks import DeliveryFailure, NoticeKind, SecretVersions, SignatureScheme, WebhookState, notice_of


@dataclass(frozen=True, slots=True)
class WebhookRow:
    """An endpoint."""

    id: UUID
    account_id: UUID
    user_id: UUID
    token_id: UUID
    name: str
    description: str | None
    url: str
    document: str
    scheme: SignatureScheme
    cloud_events: bool
    state: WebhookState
    secret_version: int
    previous_secret_version: int | None
    previous_secret_until: datetime | None
    position: int
    position_id: UUID
    ping_at: datetime | None
    ping_since: datetime | None
    ping_failures: int
    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_failure: DeliveryFailure | None
    last_failure_status: int | None
    version: int
    created_at: datetime

    @property
    def endpoint_id(self) -> UUID:
        return self.id

    @property
    def key(self) -> LogKey:
        """The key of the last row of the log that was sent or passed over."""
        return self.position, self.position_id

    @property
    def notice(self) -> NoticeKind | None:
        """What is the matter with it."""
        return notice_of(self.state, self.last_failure, self.last_failure_at, self.last_success_at)

    @property
    def secrets(self) -> SecretVersions:
        """The versions of its secret."""
        return SecretVersions(self.secret_version, self.previous_secret_version, self.previous_secret_until)


@dataclass(frozen=True, slots=True)
class RetryRow:
    """A case of which a delivery was not taken: of the action with this id, at this place in the log."""

    webhook_id: UUID
    case_id: UUID
    account_id: UUID
    action_id: UUID
    position: int
    failures: int
    first_at: datetime
    next_at: datetime

    @property
    def key(self) -> LogKey:
        return self.position, self.action_id


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One request to an endpoint and what became of it; `action_id` is None for a ping."""

    id: UUID
    account_id: UUID
    webhook_id: UUID
    action_id: UUID | None
    attempt: int
    created_at: datetime
    milliseconds: int
    status: int | None
    failure: DeliveryFailure | None
    answer_digest: str | None
