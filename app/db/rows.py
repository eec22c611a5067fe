"""Light rows: what the database layer hands out, slotted and frozen, in the words of DOMAIN.md.

They carry ids of other things, never the things themselves; those are loaded by the batch.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.domain.addresses import in_ascii
from app.domain.facts import Candidate, OverrideFacts
from app.domain.model import (
    ActionType,
    CaseStatus,
    DocumentWarning,
    EvaluationStatus,
    IdentityOrigin,
    Language,
    OverrideStatus,
    RequestedStatus,
    Resolution,
    Role,
    SubjectType,
    TokenSource,
    UserKind,
)


class Row(Protocol):
    @property
    def id(self) -> UUID: ...


@dataclass(frozen=True, slots=True)
class AccountRow:
    id: UUID
    name: str
    default_language: Language
    cases_enabled: bool
    overrides_enabled: bool
    restrict_to_assigned_reviewers: bool
    created_at: datetime
    require_reviewed_version: bool = True
    retention_days: int | None = None
    override_expiry_hours: int | None = None
    due_hours: str | None = None
    reminder_hours: int | None = None
    escalation_hours: int | None = None
    checklist: str | None = None


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token without its secret, of which there is only the SHA-256."""

    id: UUID
    account_id: UUID
    user_id: UUID
    name: str
    scopes: str
    prefix: str
    secret_hash: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    @property
    def token_id(self) -> UUID:
        return self.id


@dataclass(frozen=True, slots=True)
class UserRow:
    id: UUID
    email: str
    display_name: str
    active: bool
    language: Language | None
    created_at: datetime
    kind: UserKind = UserKind.PERSON
    reviewer_since: datetime | None = None
    roles: tuple[Role, ...] = ()

    @property
    def email_ascii(self) -> str:
        return in_ascii(self.email)

    @property
    def candidate(self) -> Candidate:
        """What must be known of whom is named as a reviewer or an owner."""
        return Candidate(self.id, self.active, frozenset(self.roles), self.reviewer_since, self.kind)


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """A subject of an identity provider, and the person that it stands for, or stood for until `unlinked_at`."""

    account_id: UUID
    issuer: str
    subject: str
    user_id: UUID
    token_id: UUID
    origin: IdentityOrigin
    email: str | None
    created_at: datetime
    unlinked_at: datetime | None


@dataclass(frozen=True, slots=True)
class SubjectRow:
    id: UUID
    type: SubjectType
    external_ref: str
    label: str
    country_code: str | None
    evaluation_status: EvaluationStatus
    version: int
    override_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class CaseRow:
    id: UUID
    number: int
    subject_id: UUID
    subject_status_at_opening: EvaluationStatus
    title: str | None
    description: str | None
    status: CaseStatus
    resolution: Resolution | None
    created_by_id: UUID
    created_at: datetime
    updated_at: datetime
    closed_by_id: UUID | None
    closed_at: datetime | None
    version: int
    action_count: int
    head_hash: str
    title_salt: str | None = None
    description_salt: str | None = None
    erased_by_id: UUID | None = None
    held_by_id: UUID | None = None
    owner_id: UUID | None = None
    due_at: datetime | None = None

    @property
    def reference(self) -> str:
        return self.reference_of(self.number)

    @staticmethod
    def reference_of(number: int) -> str:
        return f"CASE-{number:06}"


@dataclass(frozen=True, slots=True)
class ActionRow:
    id: UUID
    case_id: UUID
    seq: int
    type: ActionType
    user_id: UUID
    comment_id: UUID | None
    override_id: UUID | None
    status_before: CaseStatus | None
    status_after: CaseStatus
    resolution: Resolution | None
    created_at: datetime
    request_id: str
    prev_hash: str
    hash: str
    format: int
    authority: str | None
    commitments: str | None
    details: str | None


@dataclass(frozen=True, slots=True)
class TokenNameRow:
    """A token as rows of the log name it."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class AuthorityRow:
    """By what right a row of the log was written, as it was frozen there."""

    token_id: UUID | None
    token_source: TokenSource
    roles: tuple[Role, ...]
    reviewed_version: int | None
    on_behalf_of_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class CommentRow:
    id: UUID
    case_id: UUID
    author_id: UUID
    body: str | None
    created_at: datetime
    salt: str | None = None
    erased_by_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document; its comment, case and position are None until it is attached. Its bytes are in the store."""

    id: UUID
    uploader_id: UUID
    filename: str | None
    content_type: str
    size_bytes: int
    sha256: str | None
    created_at: datetime
    comment_id: UUID | None = None
    case_id: UUID | None = None
    position: int | None = None
    warnings: tuple[DocumentWarning, ...] = (DocumentWarning.NOT_EXAMINED,)
    filename_salt: str | None = None
    content_salt: str | None = None
    erased_by_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class OverrideRow:
    id: UUID
    case_id: UUID
    subject_id: UUID
    created_by_id: UUID
    requested_status: RequestedStatus
    status: OverrideStatus
    subject_status_at_request: EvaluationStatus
    decided_by_id: UUID | None
    decided_at: datetime | None
    version: int
    created_at: datetime
    expires_at: datetime | None = None

    @property
    def reviewers_version(self) -> int:
        """The version in which those who are asked were named: none but a naming changes a pending override."""
        return self.version if self.status is OverrideStatus.PENDING else self.version - 1

    def facts(
        self,
        reviewer_ids: frozenset[UUID],
        *,
        has_able_reviewer: bool = True,
        now: datetime | None = None,
        represented_id: UUID | None = None,
    ) -> OverrideFacts:
        """Return what a decision must know of this override; without *now*, all but whether its time is over."""
        return OverrideFacts(
            id=self.id,
            creator_id=self.created_by_id,
            status=self.status,
            requested_status=self.requested_status,
            subject_status_at_request=self.subject_status_at_request,
            reviewer_ids=reviewer_ids,
            created_at=self.created_at,
            has_able_reviewer=has_able_reviewer,
            is_expired=now is not None and self.expires_at is not None and self.expires_at <= now,
            represented_id=represented_id,
        )
