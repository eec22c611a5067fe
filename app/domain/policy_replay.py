"""Replaying policies: what decisions that were taken would have been refused, had the account had other policies.

It asks the same rule that decides on actions, with what the log's rows say of each decision.
"""

from dataclasses import dataclass, replace
from uuid import UUID

from app.domain.checklist import open_among
from app.domain.errors import Refusal, Required
from app.domain.facts import Actor, CaseFacts, ChecklistStep, OverrideFacts
from app.domain.model import ActionType, CaseStatus, Role
from app.domain.workflow import authorize, guard


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """The policies of an account that decide on who may decide, on what they have read, and after which steps."""

    restrict_to_assigned_reviewers: bool
    require_reviewed_version: bool
    checklist: tuple[ChecklistStep, ...] = ()


@dataclass(frozen=True, slots=True)
class PastDecision:
    """An acceptance or a refusal, as the log tells it.

    `roles` are those that the person acted by; None in rows of format 1, which tell neither these nor the version that
    was read. `override` has the reviewers who were asked at that moment. `taken_steps`: the keys of the steps of the
    checklist that were done or not needed by then, where the policy looks at them.
    """

    action: ActionType
    account_id: UUID
    user_id: UUID
    roles: frozenset[Role] | None
    reviewed_version: int | None
    override: OverrideFacts
    taken_steps: frozenset[str] = frozenset()

    def is_determined_by(self, policy: ReviewPolicy) -> bool:
        """Tell whether the row tells all that *policy* looks at."""
        return self.roles is not None or not policy.require_reviewed_version


def refusal_under(policy: ReviewPolicy, decision: PastDecision) -> Refusal | None:
    """Return what *policy* would have answered, None where it would have allowed the decision."""
    if policy.require_reviewed_version and decision.roles is not None and decision.reviewed_version is None:
        return Required("input", "expectedVersion")
    try:
        authorize(decision.action, _actor(policy, decision), decision.override)
        guard(decision.action, _facts(policy, decision))
    except Refusal as refusal:
        return refusal
    return None


def _facts(policy: ReviewPolicy, decision: PastDecision) -> CaseFacts:
    """Return the case as it was then: the subject was the one of the request, as the row itself shows."""
    return CaseFacts(
        CaseStatus.PENDING_REVIEW,
        decision.override.subject_status_at_request,
        decision.override,
        has_checklist=bool(policy.checklist),
        open_steps=open_among(policy.checklist, decision.taken_steps),
    )


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
