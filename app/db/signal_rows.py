"""The signals of a case with their evidence, as they are read."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar
from uuid import UUID

from app.domain.signals import SignalKind


@dataclass(frozen=True, slots=True)
class SameDocumentRow:
    """Documents of the case that are on cases of other subjects too, and these cases, the newest of each first.

    `has_more_cases`: only the newest of them were looked at, and counted.
    """

    kind: ClassVar[SignalKind] = SignalKind.SAME_DOCUMENT
    document_ids: tuple[UUID, ...]
    document_count: int
    case_ids: tuple[UUID, ...]
    case_count: int
    has_more_cases: bool


@dataclass(frozen=True, slots=True)
class SameBankAccountRow:
    """Cases of other subjects that are about the same bank account, the newest first; `has_more_cases` as above."""

    kind: ClassVar[SignalKind] = SignalKind.SAME_BANK_ACCOUNT
    case_ids: tuple[UUID, ...]
    case_count: int
    has_more_cases: bool


@dataclass(frozen=True, slots=True)
class EarlierOverridesRow:
    """Finished overrides of the subject that came before, the newest first, and how many ended in which way."""

    kind: ClassVar[SignalKind] = SignalKind.EARLIER_OVERRIDES
    override_ids: tuple[UUID, ...]
    accepted_count: int
    refused_count: int
    cancelled_count: int
    expired_count: int


@dataclass(frozen=True, slots=True)
class QuickDecisionItem:
    override_id: UUID
    requested_at: datetime
    decided_at: datetime

    @property
    def seconds(self) -> int:
        """Whole seconds from the request to the decision."""
        return int((self.decided_at - self.requested_at).total_seconds())


@dataclass(frozen=True, slots=True)
class QuickDecisionRow:
    """Decisions that came within seconds of the request, the newest first."""

    kind: ClassVar[SignalKind] = SignalKind.QUICK_DECISION
    decisions: tuple[QuickDecisionItem, ...]
    decision_count: int


@dataclass(frozen=True, slots=True)
class RepeatedPairItem:
    """A decision, and how often its two people had met in the days up to it, and its creator had been decided on."""

    override_id: UUID
    creator_id: UUID
    reviewer_id: UUID
    decision_count: int
    accepted_count: int
    creator_decision_count: int


@dataclass(frozen=True, slots=True)
class RepeatedPairRow:
    """Decisions of two people who met again and again, the newest first."""

    kind: ClassVar[SignalKind] = SignalKind.REPEATED_PAIR
    pairs: tuple[RepeatedPairItem, ...]
    pair_count: int


SignalRow = SameDocumentRow | SameBankAccountRow | EarlierOverridesRow | QuickDecisionRow | RepeatedPairRow
