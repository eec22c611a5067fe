"""What the viewer may do on a case now. `domain.workflow` decides; this shows it."""

import asyncio

import strawberry

from app.api.context import Context, Info
from app.api.enums import ActionType, CaseStatus, ErrorCode
from app.api.fields import described
from app.api.inputs import required_input
from app.api.labels import labelled
from app.db.repository.history import PastCaseRow
from app.db.rows import CaseRow, OverrideRow, SubjectRow, UserRow
from app.domain.model import CaseFacts
from app.domain.workflow import available


@strawberry.type(description="Whether the viewer may do an action now, and if not, what the mutation would answer.")
class AvailableAction:
    action: ActionType = described("The action.")
    allowed: bool = described("Whether the mutation would succeed, given good input.")
    code: ErrorCode | None = described("Why not.")
    message: str | None = described("Why not, in the language of the request.")
    status_after: CaseStatus | None = described("The case's status after it; null where it is not allowed.")
    required_input: list[str] = described("The fields of the mutation's input that must be given.")
    action_label: str = labelled("action")


async def facts_of(case: CaseRow, context: Context) -> CaseFacts:
    """Return what decides on the actions that are available on *case* now."""
    loaders = context.loaders
    subject: SubjectRow
    override: OverrideRow | None
    subject, override = await asyncio.gather(
        loaders.subjects.load(case.subject_id), loaders.pending_override_by_case.load(case.id)
    )
    reviewers: list[UserRow] = []
    if override is not None and context.actor.restrict_to_assigned_reviewers:
        reviewers = await loaders.reviewers_by_override.load(override.id)
    named = frozenset(reviewer.id for reviewer in reviewers)
    return CaseFacts(case.status, subject.evaluation_status, override.facts(named) if override else None)


async def case_available_actions(parent: strawberry.Parent[CaseRow], info: Info) -> list[AvailableAction]:
    """Return each of the six actions with what the mutation would answer; none on a case as it stood."""
    if isinstance(parent, PastCaseRow):
        return []
    facts = await facts_of(parent, info.context)
    return [
        AvailableAction(
            action=item.action,
            allowed=item.refusal is None,
            code=item.refusal.code if item.refusal else None,
            message=info.context.message(item.refusal) if item.refusal else None,
            status_after=item.status_after,
            required_input=required_input(item.action),
        )
        for item in available(info.context.actor, facts)
    ]
