"""What the viewer may do on a case now. `domain.workflow` decides; this shows it."""

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

import strawberry

from app.api.context import Context, Info
from app.api.enums import ActionType, CaseStatus, ErrorCode
from app.api.fields import described
from app.api.inputs import required_input
from app.api.labels import labelled
from app.db.rows import CaseRow, OverrideRow, UserRow
from app.domain.model import CaseFacts
from app.domain.workflow import available


@strawberry.type(description="Whether the viewer may do an action now, and if not, what the mutation would answer.")
class AvailableAction:
    action: ActionType = described("The action.")
    allowed: bool = described("Whether the mutation would succeed, given good input.")
    code: ErrorCode | None = described("Why not.")
    message: str | None = described("Why not, in the language of the request.")
    status_after: CaseStatus | None = described("The case's status after it; null where it is not allowed.")
    required_input: list[str] = described("The fields of the mutation's input that must be given, each once.")
    action_label: str = labelled("action")


async def facts_of(cases: Sequence[CaseRow], context: Context) -> list[CaseFacts]:
    """Return what decides on the actions that are available on each of *cases* now."""
    loaders = context.loaders
    ids = [case.id for case in cases]
    subjects, pending = await asyncio.gather(
        loaders.subjects.collect([case.subject_id for case in cases]), loaders.pending_override_by_case.collect(ids)
    )
    overrides: list[OverrideRow | None] = [pending[id] for id in ids]
    named: Mapping[UUID | None, list[UserRow]] = {}
    if context.actor.restrict_to_assigned_reviewers:
        named = await loaders.reviewers_by_override.collect(override.id if override else None for override in overrides)

    def facts(case: CaseRow, override: OverrideRow | None) -> CaseFacts:
        status = subjects[case.subject_id].evaluation_status
        if override is None:
            return CaseFacts(case.status, status, None)
        reviewers = frozenset(reviewer.id for reviewer in named.get(override.id, ()))
        return CaseFacts(case.status, status, override.facts(reviewers))

    return [facts(*item) for item in zip(cases, overrides, strict=True)]


async def case_available_actions(parent: strawberry.Parent[CaseRow], info: Info) -> list[AvailableAction]:
    """Return each of the six actions with what the mutation would answer."""
    (found,) = await actions_available_on([parent], info)
    return found


async def actions_available_on(parents: Sequence[CaseRow], info: Info) -> list[list[AvailableAction]]:
    """Return the same for each of several cases; those of which the same is true share it."""
    context = info.context
    known: dict[CaseFacts, list[AvailableAction]] = {}
    facts = await facts_of(parents, context)
    for item in facts:
        if item not in known:
            known[item] = available_for(context, item)
    return [known[item] for item in facts]


def available_for(context: Context, facts: CaseFacts) -> list[AvailableAction]:
    """Return each of the actions with what the mutation would answer to the viewer on a case of these facts."""
    return [
        AvailableAction(
            action=item.action,
            allowed=item.refusal is None,
            code=item.refusal.code if item.refusal else None,
            message=context.message(item.refusal) if item.refusal else None,
            status_after=item.status_after,
            required_input=required_input(item.action),
        )
        for item in available(context.actor, facts)
    ]
