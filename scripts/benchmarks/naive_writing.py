"""The second yardstick's writes: entities are locked, changed and added, and the session writes what changed.

The law and the chain of hashes are the gateway's own, so that the log that it writes verifies.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app import clock
from app.domain.action_log import CommentContent, Entry, OverrideContent, chain_hash
from app.domain.model import ActionType, CaseStatus, EvaluationStatus, OverrideStatus
from app.domain.workflow import advance
from scripts.benchmarks import naive_models as entities


@dataclass(frozen=True, slots=True)
class Made:
    """What an action left."""

    case: entities.Case
    action: entities.CaseAction
    override: Any = None


async def add_comment(
    session: AsyncSession, token: entities.ApiToken, case_id: UUID, body: str, request_id: str
) -> Made:
    """Write a comment's rows."""
    case: Any = await _locked(session, token, case_id)
    status = advance(ActionType.COMMENT, case.status)
    now = max(clock.now(), case.updated_at)
    user: Any = token.user
    comment = entities.Comment(
        id=clock.new_id(), account_id=case.account_id, case_id=case.id, author_id=user.id, body=body, created_at=now
    )
    content = CommentContent(comment.id, user.id, body, now)
    action = _log(token, case, ActionType.COMMENT, status, now, request_id, comment=content)
    session.add(action)
    await session.flush()  # the database takes no comment that the log does not have
    session.add(comment)
    return Made(case, action)


async def accept_override(
    session: AsyncSession, token: entities.ApiToken, case_id: UUID, override_id: UUID, version: int, request_id: str
) -> Made:
    """Write an acceptance's rows."""
    case: Any = await _locked(session, token, case_id)
    assert case.version == version, "conflict"
    override: Any = await session.get(entities.Override, override_id)
    subject: Any = await session.get(entities.Subject, case.subject_id, with_for_update=True)
    link: Any = entities.OverrideReviewer
    reviewers = await session.scalars(
        select(link.reviewer_id).where(link.override_id == override_id).order_by(link.position)
    )
    user: Any = token.user
    assert override.case_id == case.id and override.created_by_id != user.id, "four eyes"
    assert override.status is OverrideStatus.PENDING, "pending"
    assert subject.evaluation_status is override.subject_status_at_request, "changed"
    status = advance(ActionType.ACCEPT, case.status)
    now = max(clock.now(), case.updated_at)
    content = OverrideContent(
        id=override.id,
        creator_id=override.created_by_id,
        subject_id=subject.id,
        requested_status=override.requested_status,
        subject_status_at_request=override.subject_status_at_request,
        reviewer_ids=tuple(reviewers),
        status=OverrideStatus.ACCEPTED,
        decided_by=user.id,
    )
    action = _log(token, case, ActionType.ACCEPT, status, now, request_id, override=content)
    session.add(action)
    await session.flush()
    override.status, override.version = OverrideStatus.ACCEPTED, override.version + 1
    override.decided_by_id, override.decided_at = user.id, now
    subject.evaluation_status = EvaluationStatus(override.requested_status.value)
    subject.version += 1
    subject.override_id = override.id
    return Made(case, action, override)


async def _locked(session: AsyncSession, token: entities.ApiToken, case_id: UUID) -> entities.Case:
    table: Any = entities.Case
    statement = select(table).where(table.id == case_id, table.account_id == token.account_id).with_for_update()
    case = await session.scalar(statement)
    assert case is not None, "no such case"
    return case


def _log(
    token: entities.ApiToken,
    case: Any,
    type: ActionType,
    status: CaseStatus,
    now: Any,
    request_id: str,
    *,
    comment: CommentContent | None = None,
    override: OverrideContent | None = None,
) -> entities.CaseAction:
    user: Any = token.user
    entry = Entry(
        account_id=case.account_id,
        case_id=case.id,
        seq=case.action_count + 1,
        type=type,
        user_id=user.id,
        status_before=case.status,
        status_after=status,
        created_at=now,
        request_id=request_id,
        prev_hash=case.head_hash,
        comment=comment,
        override=override,
        resolution=case.resolution,
    )
    action = entities.CaseAction(
        id=clock.new_id(),
        account_id=entry.account_id,
        case_id=entry.case_id,
        seq=entry.seq,
        type=type,
        user_id=entry.user_id,
        comment_id=comment.id if comment else None,
        override_id=override.id if override else None,
        status_before=entry.status_before,
        status_after=entry.status_after,
        created_at=now,
        request_id=request_id,
        prev_hash=entry.prev_hash,
        hash=chain_hash(entry),
    )
    case.status, case.updated_at = status, now
    case.version, case.action_count, case.head_hash = case.version + 1, action.seq, action.hash
    return action
