"""Delegations: a reviewer who is away names another, who decides in their place for a time.

A delegation is in force while its time lasts and nobody has ended it, and as long as both are the active reviewers
that they were when it was made: who is deactivated or loses the role, and gets it back, names somebody anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.domain.account_log import AdminActionType
from app.domain.action_log import Entry
from app.domain.admin_command import AdminCommand
from app.domain.admin_commands import UserCommand
from app.domain.errors import Detail, InvalidInput, InvalidReviewer
from app.domain.facts import Candidate

ON_BEHALF_OF = "on_behalf_of"
"""What the authority of a decision calls the reviewer in whose place it was taken."""

DAYS_MAX = 366
"""How long a delegation can last."""

LATE = timedelta(minutes=5)
"""How long ago a delegation may be said to begin, by a client's own clock: it is in force from now on then."""

DELEGATORS_MAX = 10
"""For how many people one can stand in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DelegateReviews(AdminCommand):
    """Let somebody decide in one's own place; `starts_at` None: from now on."""

    type = AdminActionType.DELEGATE_REVIEWS
    delegate_id: UUID
    ends_at: datetime
    starts_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndDelegation(UserCommand):
    """End the delegation of `user_id`, whose place another one takes."""

    type = AdminActionType.END_DELEGATION


@dataclass(frozen=True, slots=True)
class Delegation:
    """Who decides in whose place, and when: from `starts_at` on, up to `ends_at` without it."""

    id: UUID
    delegator_id: UUID
    delegate_id: UUID
    starts_at: datetime
    ends_at: datetime
    created_at: datetime
    ended_at: datetime | None = None


def new_delegation(command: DelegateReviews, id: UUID, delegator_id: UUID, now: datetime) -> Delegation:
    """Return the delegation that is asked for. Raises: InvalidInput, where its time is none that can be."""
    starts_at = now if command.starts_at is None else command.starts_at
    if now - starts_at > LATE:
        raise InvalidInput("input", "startsAt", detail=Detail("past"))
    starts_at = max(starts_at, now)
    if command.ends_at <= starts_at:
        raise InvalidInput("input", "endsAt", detail=Detail("delegation_period"))
    if command.ends_at - starts_at > timedelta(days=DAYS_MAX):
        raise InvalidInput("input", "endsAt", detail=Detail("delegation_days", {"maximum": DAYS_MAX}))
    return Delegation(id, delegator_id, command.delegate_id, starts_at, command.ends_at, now)


def demand_delegate(delegation: Delegation, candidate: Candidate | None, live: Sequence[Delegation]) -> None:
    """Refuse who can't stand in. *live* are the delegations of both that are not over yet.

    Nobody who has named somebody stands in for others, so that there is neither a chain nor a circle.

    Raises: InvalidInput, InvalidReviewer.
    """
    path = ("input", "delegateId")
    delegator_id, delegate_id = delegation.delegator_id, delegation.delegate_id
    if delegate_id == delegator_id:
        raise InvalidInput(*path, detail=Detail("delegation_self"))
    if candidate is None or not candidate.is_able:
        raise InvalidReviewer(*path, id=delegate_id)
    if any(other.delegator_id == delegator_id for other in live):
        raise InvalidInput("input", detail=Detail("delegation_exists"))
    if any(other.delegate_id == delegator_id for other in live):
        raise InvalidInput("input", detail=Detail("delegation_own_chain"))
    if any(other.delegator_id == delegate_id for other in live):
        raise InvalidInput(*path, detail=Detail("delegation_chain"))
    if sum(other.delegate_id == delegate_id for other in live) >= DELEGATORS_MAX:
        raise InvalidInput(*path, detail=Detail("delegators_max", {"maximum": DELEGATORS_MAX}))


def representation_fault(entry: Entry) -> str | None:
    """Return what is wrong with a row of a case's log that says in whose place it was done; None where it does not."""
    named = None if entry.seal is None else entry.seal.authority.get(ON_BEHALF_OF)
    if named is None:
        return None
    override = entry.override
    reviewer_ids = [] if override is None else [str(id) for id in override.reviewer_ids]
    if named not in reviewer_ids:
        return "it was done in the place of somebody who was not asked"
    if str(entry.user_id) in reviewer_ids:
        return "who did it was asked to decide, and stood in for nobody"
    return None


def represented(
    actor_id: UUID, reviewer_ids: Sequence[UUID], delegators: Mapping[UUID, datetime], requested_at: datetime
) -> UUID | None:
    """Return in whose place somebody would decide on an override that was requested then, None for nobody's.

    That is the first of its reviewers who has named them, and could decide on it, if they are not asked themselves.
    *delegators*: who has named them, and since when each is a reviewer.
    """
    if actor_id in reviewer_ids:
        return None
    return next((id for id in reviewer_ids if id in delegators and delegators[id] <= requested_at), None)
