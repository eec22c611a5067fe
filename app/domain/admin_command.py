"""What all commands of administration share."""

from dataclasses import dataclass
from typing import ClassVar

from app.domain.account_log import AdminActionType


@dataclass(frozen=True, slots=True, kw_only=True)
class AdminCommand:
    """What all commands of administration share."""

    type: ClassVar[AdminActionType]
    idempotency_key: str | None = None
