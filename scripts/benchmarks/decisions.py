"""What the hand-written endpoints decide and put together before they write, the same on both engines.

The law is the gateway's own, `app.domain`: a yardstick that refused less or hashed less would measure something else.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app import clock
from app.domain.action_log import CommentContent, Entry, OverrideContent, chain_hash
from app.domain.errors import NotFound, TokenExpired, Unauthenticated
from app.domain.model import (
    ActionType,
    Actor,
    CaseFacts,
    CaseStatus,
    EvaluationStatus,
    Feature,
    OverrideFacts,
    OverrideStatus,
    RequestedStatus,
    Resolution,
    Role,
    Scope,
)
from app.domain.workflow import admit, advance, authorize, guard


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a token."""

    actor: Actor
    name: str


def holder_of(token: tuple[Any, ...] | None) -> Holder:
    """Return who holds the *token*, as its statement found it. Raises: Unauthenticated, TokenExpired."""
    if token is None:
        raise Unauthenticated()
    (token_id, account_id, scopes, expires_at, revoked_at, user_id, name, active, cases, overrides, assigned, roles) = (
        token
    )
    if revoked_at is not None:
        raise Unauthenticated()
    if expires_at is not None and expires_at <= clock.now():
        raise TokenExpired()
    features = [(Feature.CASES, cases), (Feature.OVERRIDES, overrides)]
    actor = Actor(
        account_id=account_id,
        user_id=user_id,
        token_id=token_id,
        active=bool(active),
        roles=frozenset(map(Role, roles)),
        scopes=frozenset(map(Scope, scopes.split())),
        features=frozenset(feature for feature, enabled in features if enabled),
        restrict_to_assigned_reviewers=bool(assigned),
    )
    return Holder(actor, name)


def may_read(holder: Holder) -> UUID:
    """Return the account that the holder reads in. Raises: Unauthenticated."""
    if Scope.CASES_READ not in holder.actor.scopes or Feature.CASES not in holder.actor.features:
        raise Unauthenticated()
    return holder.actor.account_id


@dataclass(frozen=True, slots=True)
class Locked:
    """A case under its lock, as far as it matters, and its subject's status."""

    id: UUID
    status: CaseStatus
    version: int
    action_count: int
    head_hash: str
    updated_at: datetime
    resolution: Resolution | None
    evaluation_status: EvaluationStatus


@dataclass(frozen=True, slots=True)
class Written:
    """An action's row and what the case's row becomes."""

    id: UUID
    case_id: UUID
    seq: int
    type: ActionType
    user_id: UUID
    status_before: CaseStatus
    status_after: CaseStatus
    created_at: datetime
    request_id: str
    prev_hash: str
    hash: str
    version: int


def commented(holder: Holder, case: Locked | None, comment_id: UUID, body: str, request_id: str) -> Written:
    """Return the row of a comment. Raises: Refusal."""
    actor = holder.actor
    admit(ActionType.COMMENT, actor)
    if case is None:
        raise NotFound("input", "caseId", resource="case")
    authorize(ActionType.COMMENT, actor, None)
    status = advance(ActionType.COMMENT, case.status)
    now = max(clock.now(), case.updated_at)
    comment = CommentContent(comment_id, actor.user_id, body, now)
    return _written(holder, case, ActionType.COMMENT, status, now, request_id, comment=comment)


@dataclass(frozen=True, slots=True)
class PendingOverride:
    """An override as a decision must know it."""

    id: UUID
    creator_id: UUID
    subject_id: UUID
    status: OverrideStatus
    requested_status: RequestedStatus
    subject_status_at_request: EvaluationStatus
    reviewer_ids: tuple[UUID, ...]


def accepted(holder: Holder, case: Locked | None, pending: PendingOverride | None, request_id: str) -> Written:
    """Return the row of an acceptance. Raises: Refusal."""
    actor = holder.actor
    admit(ActionType.ACCEPT, actor)
    if case is None:
        raise NotFound("input", "caseId", resource="case")
    if pending is None:
        raise NotFound("input", "overrideId", resource="override")
    facts = OverrideFacts(
        id=pending.id,
        creator_id=pending.creator_id,
        status=pending.status,
        requested_status=pending.requested_status,
        subject_status_at_request=pending.subject_status_at_request,
        reviewer_ids=frozenset(pending.reviewer_ids),
    )
    authorize(ActionType.ACCEPT, actor, facts)
    status = advance(ActionType.ACCEPT, case.status, facts)
    guard(ActionType.ACCEPT, CaseFacts(case.status, case.evaluation_status, facts))
    override = OverrideContent(
        id=pending.id,
        creator_id=pending.creator_id,
        subject_id=pending.subject_id,
        requested_status=pending.requested_status,
        subject_status_at_request=pending.subject_status_at_request,
        reviewer_ids=pending.reviewer_ids,
        status=OverrideStatus.ACCEPTED,
        decided_by=actor.user_id,
    )
    now = max(clock.now(), case.updated_at)
    return _written(holder, case, ActionType.ACCEPT, status, now, request_id, override=override)


def _written(
    holder: Holder,
    case: Locked,
    type: ActionType,
    status: CaseStatus,
    now: datetime,
    request_id: str,
    *,
    comment: CommentContent | None = None,
    override: OverrideContent | None = None,
) -> Written:
    entry = Entry(
        account_id=holder.actor.account_id,
        case_id=case.id,
        seq=case.action_count + 1,
        type=type,
        user_id=holder.actor.user_id,
        status_before=case.status,
        status_after=status,
        created_at=now,
        request_id=request_id,
        prev_hash=case.head_hash,
        opening=None,
        comment=comment,
        override=override,
        resolution=case.resolution,
    )
    return Written(
        id=clock.new_id(),
        case_id=case.id,
        seq=entry.seq,
        type=type,
        user_id=entry.user_id,
        status_before=case.status,
        status_after=status,
        created_at=now,
        request_id=request_id,
        prev_hash=case.head_hash,
        hash=chain_hash(entry),
        version=case.version + 1,
    )
