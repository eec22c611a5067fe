"""What the viewer may do on a case now. `domain.workflow` decides; this shows it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import strawberry

from app import clock
from app.api.context import Context, Info
from app.api.enums import ActionType, CaseStatus, ErrorCode
from app.api.fields import described
from app.api.inputs.actions import required_input
from app.api.labels import labelled
from app.db.repository.checklists import taken_of
from app.db.repository.window import Window
from app.db.rows import CaseRow, OverrideRow, UserRow
from app.domain.checklist import checklist_of, open_among, requires_steps
from app.domain.facts import CaseFacts
from app.domain.model import OverrideStatus
from app.domain.workflow import TRANSITIONS, available, may_try

_LAST = Window(limit=1)


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
    finished = await _finished(context, [id for id in ids if pending[id] is None])
    latest: list[OverrideRow | None] = [pending[id] or finished.get(id) for id in ids]
    reviewers = await _assigned_reviewers(context, latest)
    represented = await _represented(context, latest, reviewers)
    checklist = checklist_of(context.actor.checklist)
    taken = await _taken_steps(context, ids) if requires_steps(checklist) else {}

    def facts(case: CaseRow, override: OverrideRow | None) -> CaseFacts:
        status = subjects[case.subject_id].evaluation_status
        steps: dict[str, Any] = {
            "has_checklist": bool(checklist),
            "open_steps": open_among(checklist, taken.get(case.id, ())),
        }
        is_held = case.held_by_id is not None
        if override is None:
            return CaseFacts(case.status, status, is_held=is_held, **steps)
        found = override.facts(
            frozenset(person.id for person in reviewers.get(override.id, ())),
            has_able_reviewer=any(
                person.candidate.can_decide(override.created_at) for person in reviewers.get(override.id, ())
            ),
            now=clock.now(),
            represented_id=represented.get(override.id),
        )
        is_pending = override.status is OverrideStatus.PENDING
        pending, finished = (found, None) if is_pending else (None, found)
        return CaseFacts(case.status, status, pending, finished, is_held, **steps)

    return [facts(*item) for item in zip(cases, latest, strict=True)]


async def _taken_steps(context: Context, ids: Sequence[UUID]) -> Mapping[UUID, frozenset[str]]:
    """Return of each case the steps of the checklist that are taken."""
    recorded = await context.loaders.recorded_steps_by_case.collect(ids)
    return {id: taken_of(recorded[id]) for id in ids}


async def _finished(context: Context, ids: Sequence[UUID]) -> Mapping[UUID, OverrideRow]:
    """Return of each case that has nothing pending the override that was finished last, where that decides anything."""
    if not any(
        transition.names_override and may_try(action, context.actor) for action, transition in TRANSITIONS.items()
    ):
        return {}
    found = await context.loaders.overrides_by_case.of(_LAST).collect(ids)
    return {id: found[id][0] for id in ids if found[id]}


async def _assigned_reviewers(
    context: Context, overrides: Sequence[OverrideRow | None]
) -> Mapping[UUID | None, list[UserRow]]:
    """Return who is asked to decide on each override, where that decides anything."""
    actor = context.actor
    if actor.restrict_to_assigned_reviewers:
        wanted = [override.id for override in overrides if override is not None]
    elif may_try(ActionType.REASSIGN, actor):
        wanted = [o.id for o in overrides if o is not None and o.status is OverrideStatus.PENDING]
    else:
        return {}
    found: Mapping[UUID | None, list[UserRow]] = await context.loaders.reviewers_by_override.collect(wanted)
    return found


async def _represented(
    context: Context, overrides: Sequence[OverrideRow | None], reviewers: Mapping[UUID | None, list[UserRow]]
) -> Mapping[UUID, UUID | None]:
    """Return in whose place the viewer would decide on each override, where that decides anything."""
    if not may_try(ActionType.ACCEPT, context.actor):
        return {}
    return {
        override.id: await context.reads.represented(
            [person.id for person in reviewers.get(override.id, ())], override.created_at
        )
        for override in overrides
        if override is not None
    }


async def case_available_actions(parent: strawberry.Parent[CaseRow], info: Info) -> list[AvailableAction]:
    """Return each of the actions with what the mutation would answer."""
    (found,) = await actions_available_on([parent], info)
    return found


async def actions_available_on(parents: Sequence[CaseRow], info: Info) -> list[list[AvailableAction]]:
    """Return the same for each of several cases; those of which the same is true share it."""
    context = info.context
    known: dict[CaseFacts, list[AvailableAction]] = {}
    facts = await facts_of(parents, context)
    for item in facts:
        if item not in known:
            if context.budget.is_over:  # it takes a twentieth of a millisecond
                await context.budget.pause()
            known[item] = available_for(context, item)
    return [known[item] for item in facts]


def available_for(context: Context, facts: CaseFacts) -> list[AvailableAction]:
    """Return each of the actions with what the mutation would answer to the viewer on a case of these facts."""
    return [
        AvailableAction(
            action=item.action,
            allowed=item.refusal is None,
            code=item.refusal.code if item.refusal else None,
            message=context.request.message(item.refusal) if item.refusal else None,
            status_after=item.status_after,
            required_input=required_input(item.action),
        )
        for item in available(context.actor, facts)
    ]
