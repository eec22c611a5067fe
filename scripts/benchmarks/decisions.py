"""What the hand-written endpoints decide and put together before they write, the same on both engines.

The rules are the gateway's own, `app.domain`: a yardstick that refused less would measure something else. The hash
chain is that of the lean schema: a row's hash covers what the row says and the hash of the row before.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from app import clock
from app.domain.errors import NotFound, TokenExpired, Unauthenticated, VersionConflict
from app.domain.facts import Actor, CaseFacts, OverrideFacts
from app.domain.model import (
    ActionType,
    CaseStatus,
    EvaluationStatus,
    Feature,
    OverrideStatus,
    RequestedStatus,
    Role,
    Scope,
)
from app.domain.workflow import admit, advance, authorize, guard

ALWAYS = datetime(2026, 1, 1, tzinfo=UTC)
"""When people became reviewers and overrides were requested, which the lean schema does not keep."""


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
        roles=frozenset(map(Role, roles.split())),
        scopes=frozenset(map(Scope, scopes.split())),
        features=frozenset(feature for feature, enabled in features if enabled),
        restrict_to_assigned_reviewers=bool(assigned),
        reviewer_since=ALWAYS,
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
    return _written(holder, case, ActionType.COMMENT, status, now, request_id, (comment_id, body))


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


def accepted(
    holder: Holder, case: Locked | None, pending: PendingOverride | None, version: int, request_id: str
) -> Written:
    """Return the row of an acceptance of the case's *version*. Raises: Refusal."""
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
        created_at=ALWAYS,
    )
    authorize(ActionType.ACCEPT, actor, facts)
    status = advance(ActionType.ACCEPT, case.status, facts)
    if case.version != version:
        raise VersionConflict("input", "expectedVersion", expected=version, actual=case.version)
    guard(ActionType.ACCEPT, CaseFacts(case.status, case.evaluation_status, facts))
    now = max(clock.now(), case.updated_at)
    return _written(holder, case, ActionType.ACCEPT, status, now, request_id, (pending.id, OverrideStatus.ACCEPTED))


def _written(
    holder: Holder,
    case: Locked,
    type: ActionType,
    status: CaseStatus,
    now: datetime,
    request_id: str,
    content: Sequence[Any],
) -> Written:
    seq, user_id = case.action_count + 1, holder.actor.user_id
    row = (case.id, seq, type, user_id, case.status, status, milliseconds(now), request_id, case.head_hash, *content)
    return Written(
        id=clock.new_id(),
        case_id=case.id,
        seq=seq,
        type=type,
        user_id=user_id,
        status_before=case.status,
        status_after=status,
        created_at=now,
        request_id=request_id,
        prev_hash=case.head_hash,
        hash=row_hash(row),
        version=case.version + 1,
    )


def row_hash(row: Sequence[Any]) -> str:
    """Return the SHA-256 of the lean log's *row*, as a JSON array: 64 hexadecimal digits.

    Its items: case, seq, type, user, status before, status after, time in milliseconds since 1970, request, hash of the
    row before; then the comment's id and body, or the override's id and status.
    """
    return hashlib.sha256(orjson.dumps(row, default=str)).hexdigest()


def milliseconds(moment: datetime) -> int:
    """Return *moment* as whole milliseconds since 1970."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
