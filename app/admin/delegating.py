"""Delegations: what a command on one is held against under the account's lock, and what it writes."""

from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.admin.drafts import AdminDraft, AdminEffect
from app.db import tables
from app.db.repository import people
from app.db.repository.delegations import live_delegations
from app.domain.account_log import AdminActionType, Details
from app.domain.admin_command import AdminCommand
from app.domain.delegations import DelegateReviews, Delegation, EndDelegation, demand_delegate, new_delegation
from app.domain.errors import Detail, InvalidInput
from app.domain.facts import Actor


async def demand_delegation_state(
    connection: AsyncConnection, actor: Actor, command: AdminCommand, now: datetime
) -> None:
    """Refuse a delegation that can't be made, or that there is none of. Raises: InvalidInput, InvalidReviewer."""
    match command:
        case DelegateReviews():
            delegation = new_delegation(command, clock.new_id(), actor.user_id, now)
            both = [delegation.delegator_id, delegation.delegate_id]
            live = await live_delegations(connection, actor.account_id, both, now)
            candidates = await people.candidates(connection, actor.account_id, [command.delegate_id])
            demand_delegate(delegation, candidates.get(command.delegate_id), live)
        case EndDelegation():
            if await _own(connection, actor.account_id, command.user_id, now) is None:
                raise InvalidInput("input", "userId", detail=Detail("no_change"))


async def delegate_reviews(draft: AdminDraft) -> Details:
    """Insert the delegation; the row of the log is about the delegate."""
    assert draft.facts.requester is not None
    delegation = new_delegation(draft.command, clock.new_id(), draft.facts.requester.user_id, draft.now)
    values = asdict(delegation) | {"account_id": draft.account_id}
    await draft.connection.execute(insert(tables.review_delegations), values)
    draft.user_id = delegation.delegate_id
    times = {"startsAt": [delegation.starts_at.isoformat()], "endsAt": [delegation.ends_at.isoformat()]}
    return {"delegation": [str(delegation.id)], **times}


async def end_delegation(draft: AdminDraft) -> Details:
    """End the delegation before its time, or before it begins."""
    found = await _own(draft.connection, draft.account_id, draft.command.user_id, draft.now)
    assert found is not None
    table = tables.review_delegations
    await draft.connection.execute(update(table).where(table.c.id == found.id).values(ended_at=draft.now))
    return {"delegation": [str(found.id)]}


async def _own(connection: AsyncConnection, account_id: UUID, user_id: UUID, now: datetime) -> Delegation | None:
    """Return somebody's own delegation that is not over."""
    live = await live_delegations(connection, account_id, [user_id], now)
    return next((delegation for delegation in live if delegation.delegator_id == user_id), None)


DELEGATION_EFFECTS: dict[AdminActionType, AdminEffect] = {
    AdminActionType.DELEGATE_REVIEWS: delegate_reviews,
    AdminActionType.END_DELEGATION: end_delegation,
}
