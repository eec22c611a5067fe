"""The facts that a decision is made on: who acts, the case and its override, who was named, and the open steps.

They decide nothing; `workflow` does.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.domain.model import (
    PARTICIPANTS,
    ActionType,
    CaseStatus,
    EvaluationStatus,
    Feature,
    Language,
    OverrideStatus,
    RequestedStatus,
    Role,
    Scope,
    TokenSource,
    UserKind,
)


@dataclass(frozen=True, slots=True)
class ChecklistStep:
    """A step of an account's checklist. `required_for`: the actions that are refused while it is open."""

    key: str
    label_en: str
    label_fr: str
    required_for: frozenset[ActionType] = frozenset()

    def label(self, language: Language) -> str:
        """Return what to call it."""
        return self.label_fr if language is Language.FR else self.label_en


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: one person, through one token, in one account.

    `authority`: the count of changes of what the person may do that all this was looked up with. `role_limit`: the only
    roles that the token gives them; None where it has no say. `token_source`: who made the token. `reviewer_since`:
    when they became a reviewer; None where they are none, or nobody knows. `override_expiry_hours`, `due_hours` and
    `checklist`: the account's policies.
    """

    account_id: UUID
    user_id: UUID
    token_id: UUID
    active: bool
    roles: frozenset[Role]
    scopes: frozenset[Scope]
    features: frozenset[Feature]
    restrict_to_assigned_reviewers: bool = False
    authority: int = 0
    expires_at: datetime | None = None
    role_limit: frozenset[Role] | None = None
    token_source: TokenSource = TokenSource.API_TOKEN
    kind: UserKind = UserKind.PERSON
    reviewer_since: datetime | None = None
    override_expiry_hours: int | None = None
    due_hours: str | None = None
    checklist: str | None = None


@dataclass(frozen=True, slots=True)
class SystemActor:
    """What acts by an account's own rules: its system identity, which has no token, no role, and can get none."""

    account_id: UUID
    user_id: UUID


@dataclass(frozen=True, slots=True)
class OverrideFacts:
    """What a decision must know of one override.

    `has_able_reviewer`: whether any of those who are asked is active and still a reviewer; of no meaning where who asks
    may not name others in their place. `is_expired`: the time is over in which it can be decided. `represented_id`: the
    reviewer in whose place the actor decides, if any; looked for where the account leaves decisions to those who are
    asked, or a decision is to be logged.
    """

    id: UUID
    creator_id: UUID
    status: OverrideStatus
    requested_status: RequestedStatus
    subject_status_at_request: EvaluationStatus
    reviewer_ids: frozenset[UUID]
    created_at: datetime
    has_able_reviewer: bool = True
    is_expired: bool = False
    represented_id: UUID | None = None

    def asks(self, user_id: UUID) -> bool:
        """Tell whether the actor, who is *user_id*, was asked to decide, or stands in for somebody who was."""
        return user_id in self.reviewer_ids or self.represented_id is not None


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """What a decision must know of one case.

    `override` is the one that the actor named, else the pending one; None where there is neither. `finished` is the one
    that was finished last, where none is pending: who must name one, and sees the case, can name no other. `is_held`: a
    legal hold keeps its texts. `has_checklist`: the account has one. `open_steps`: its steps that are open on the case;
    looked for where any is required for an action, or an action is to be logged.
    """

    status: CaseStatus
    subject_status: EvaluationStatus
    override: OverrideFacts | None = None
    finished: OverrideFacts | None = None
    is_held: bool = False
    has_checklist: bool = False
    open_steps: tuple[ChecklistStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who was named as a reviewer, or as who is to work on a case."""

    user_id: UUID
    active: bool
    roles: frozenset[Role]
    reviewer_since: datetime | None = None
    kind: UserKind = UserKind.PERSON

    @property
    def is_able(self) -> bool:
        """Whether they can decide on anything."""
        return self.active and Role.REVIEWER in self.roles

    @property
    def can_own(self) -> bool:
        """Whether they can work on cases, as who owns one does."""
        return self.active and self.kind is UserKind.PERSON and bool(PARTICIPANTS & self.roles)

    def can_decide(self, created_at: datetime) -> bool:
        """Tell whether they can decide on an override that was requested then."""
        return self.is_able and self.is_early_enough(created_at)

    def is_early_enough(self, created_at: datetime) -> bool:
        """Tell whether they were a reviewer already when an override was requested."""
        return self.reviewer_since is not None and self.reviewer_since <= created_at
