"""Replaying policies: what decisions that were taken would have been refused, had the account had other policies.

It asks the same rule that decides on actions, with what the log's rows say of each decision.
"""

from dataclasses import dataclass, replace
from uuid import UUID

from app.domain.errors import Refusal, Required
from app.domain.model import ActionType, Actor, OverrideFacts, Role
from app.domain.workflow import authorize


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """The policies of an account that decide on who may decide, and on what they have read."""

    restrict_to_assigned_reviewers: bool
    require_reviewed_version: bool


@dataclass(frozen=True, slots=True)
class PastDecision:
    """An acceptance or a refusal, as the log tells it.

    `roles` are those that the person acted by; None in rows of format 1, which tell neither these nor the version that
    was read. `override` has the reviewers who were asked at that moment.
    """

    action: ActionType
    account_id: UUID
    user_id: UUID
    roles: frozenset[Role] | None
    reviewed_version: int | None
    override: OverrideFacts

    def is_determined_by(self, policy: ReviewPolicy) -> bool:
        """Tell whether the row tells all that *policy* looks at."""
        return self.roles is not None or not policy.require_reviewed_version


def refusal_under(policy: ReviewPolicy, decision: PastDecision) -> Refusal | None:
    """Return what *policy* would have answered, None where it would have allowed the decision."""
    if policy.require_reviewed_version and decision.roles is not None and decision.reviewed_version is None:
        return Required("input", "expectedVersion")
    try:
        authorize(decision.action, _actor(policy, decision), decision.override)
    except Refusal as refusal:
        return refusal
    return None


def _actor(policy: ReviewPolicy, decision: PastDecision) -> Actor:
    """Return who decided, as they were then: what no policy changes was allowed, as the row itself shows."""
    known = Actor(
        account_id=decision.account_id,
        user_id=decision.user_id,
        token_id=decision.user_id,
        active=True,
        roles=frozenset({Role.REVIEWER}) if decision.roles is None else decision.roles,
        scopes=frozenset(),
        features=frozenset(),
        reviewer_since=decision.override.created_at,
    )
    return replace(known, restrict_to_assigned_reviewers=policy.restrict_to_assigned_reviewers)
