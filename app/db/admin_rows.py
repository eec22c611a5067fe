"""Light rows of administration: the account's own log, and changes that need a second admin."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.account_log import AdminActionType, Approval, ChangeStatus, Source


@dataclass(frozen=True, slots=True)
class AccountActionRow:
    """A row of the account's own log; `roles` are words with blanks between, `details` canonical JSON."""

    id: UUID
    seq: int
    type: AdminActionType
    source: Source
    user_id: UUID | None
    token_id: UUID | None
    roles: str
    approval: Approval
    target_user_id: UUID | None
    target_token_id: UUID | None
    change_id: UUID | None
    details: str
    created_at: datetime
    request_id: str
    prev_hash: str
    hash: str
    subject_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A change that needs a second admin; `payload` is what it asks for, None once that is decided."""

    id: UUID
    type: AdminActionType
    status: ChangeStatus
    requested_by_id: UUID
    target_user_id: UUID | None
    payload: str | None
    created_at: datetime
    decided_by_id: UUID | None
    decided_at: datetime | None
