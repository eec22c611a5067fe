"""Checks an action under the lock, in the order of DOMAIN.md, section 4, and returns the draft of one that is allowed.

It writes nothing; `app.actions.perform` does. What opens a case is checked in `opening`. What rests on the case's
version alone can do without the lock: that it is still the same is seen by whoever writes the next one.
"""

from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import TypeGuard
from uuid import UUID

from app import clock
from app.actions.attachments import find_documents
from app.actions.draft import Draft
from app.actions.erasure import demand_erasable
from app.db.reader import Reader
from app.db.repository import checklists, delegations, locks, overrides, people
from app.db.repository.locks import Locked
from app.db.row_makers import changed
from app.db.rows import CaseRow, DocumentRow, OverrideRow
from app.domain.checklist import check_step, checklist_of, open_among
from app.domain.commands import (
    AssignCase,
    CaseCommand,
    Command,
    DecisionCommand,
    DocumentedCommand,
    EraseContent,
    ReassignReviewers,
    RecordStep,
    RequestOverride,
    SetDueDate,
    SetLegalHold,
)
from app.domain.delegations import represented
from app.domain.errors import Detail, InputRefused, InvalidInput, NotFound, Refusal, VersionConflict
from app.domain.facts import Actor, Candidate, CaseFacts, ChecklistStep, OverrideFacts
from app.domain.model import ActionType, CaseStatus, Resource
from app.domain.workflow import (
    TRANSITIONS,
    Relation,
    advance,
    authorize,
    authorize_role,
    check_assignee,
    check_reviewers,
    guard,
)

OPTIMISTIC = frozenset({ActionType.COMMENT, ActionType.ACCEPT, ActionType.REFUSE, ActionType.CANCEL, ActionType.CLOSE})
"""The actions that change nothing but what changes with a new version of the case alone: its override, its subject."""


def rests_on_its_case(command: Command) -> TypeGuard[CaseCommand]:
    """Tell whether the case's version, and what the actor may do, decide on the action and on all that it changes."""
    if not isinstance(command, CaseCommand):
        return False
    brings = isinstance(command, DocumentedCommand) and (command.document_ids or command.new_documents)
    return command.action in OPTIMISTIC and not brings


async def drafted(
    connection: Reader,
    actor: Actor,
    command: CaseCommand,
    now: clock.Clock,
    *,
    leave_open: bool = False,
    seen: Locked | None = None,
) -> Draft:
    """Lock the case, check all that may have changed since the request came in, and return the action to be written.

    *leave_open*: do not lock it, where the action rests on it alone. *seen*: the case, where it was left open before.

    Raises: Refusal or InputRefused.
    """
    found = seen or await _found(connection, actor, command, now(), leave_open=leave_open)
    case, subject, override = found.case, found.subject, found.override
    candidates = await _candidates(connection, actor, command, found)
    represented_id = await _represented(connection, actor, command, found, now(), leave_open=leave_open)
    open_steps = await _open_steps(connection, actor, command)
    facts = CaseFacts(
        case.status,
        subject.evaluation_status,
        _facts(found, candidates, represented_id, now()),
        is_held=case.held_by_id is not None,
        has_checklist=bool(actor.checklist),
        open_steps=open_steps or (),
    )
    authorize(command.action, actor, facts.override)
    status = advance(command.action, case.status, facts.override, is_held=facts.is_held)
    requested = command.requested_status if isinstance(command, RequestOverride) else None
    if isinstance(command, EraseContent):
        await demand_erasable(connection, actor.account_id, command, case)
    documents = await _references(connection, actor, command, facts.override, candidates, now)
    check_version(command, case.version)
    guard(command.action, facts, requested)
    demand_change(command, case)
    return Draft(
        connection=connection,
        actor=actor,
        command=command,
        now=max(now(), case.updated_at),
        before=case,
        case=case if status is case.status else changed(case, status=status),
        subject=subject,
        override=override,
        reviewer_ids=found.reviewer_ids,
        documents=documents,
        represented_id=represented_id,
        open_steps=open_steps,
    )


async def _found(connection: Reader, actor: Actor, command: CaseCommand, now: datetime, *, leave_open: bool) -> Locked:
    """Lock the case, and return it with the override that a decision is about, if any."""
    account_id, case_id = actor.account_id, command.case_id
    requested = command.override_id if isinstance(command, DecisionCommand) else None
    if isinstance(command, DecisionCommand):
        whole = await _for_decision(connection, actor, command, now, leave_open=leave_open)
        if whole is not None:
            return whole
    locked = await locks.lock_case(connection, account_id, case_id, leave_open=leave_open)
    if locked is None:
        raise NotFound("input", "caseId", resource=Resource.CASE)
    if not isinstance(command, DecisionCommand):
        return locked
    authorize_role(command.action, actor)
    override = await overrides.override_of_case(connection, account_id, case_id, requested)
    if override is not None:
        reviewer_ids = await overrides.reviewer_ids(connection, override)
        return changed(locked, override=override, reviewer_ids=reviewer_ids)
    if locked.case.status is CaseStatus.PENDING_REVIEW:
        if requested is not None:
            raise NotFound("input", "overrideId", resource=Resource.OVERRIDE)
        transition = TRANSITIONS[command.action]  # the case was left open, and what was pending is decided by now
        raise transition.otherwise(*transition.about)
    return locked  # where nothing waits for a decision, that is told, whatever was named


def _for_decision(
    connection: Reader, actor: Actor, command: DecisionCommand, now: datetime, *, leave_open: bool
) -> Awaitable[Locked | None]:
    which = actor.account_id, command.case_id, command.override_id
    if leave_open:
        return locks.see_for_decision(connection, *which, actor.user_id, now)
    return locks.lock_for_decision(connection, *which)


async def _candidates(
    connection: Reader, actor: Actor, command: CaseCommand, found: Locked
) -> Mapping[UUID, Candidate]:
    """Return those of the account whom the command names, and those whose place they take as reviewers.

    These are locked then, so that none of them gets a right back while others take their place.
    """
    if isinstance(command, ReassignReviewers):
        ids = {*command.reviewer_ids, *found.reviewer_ids}
        # Whoever acts would be locked as the log row is written; in one order with the others nobody waits in a circle.
        await locks.lock_people(connection, actor.account_id, {*ids, actor.user_id})
        return await people.candidates(connection, actor.account_id, sorted(ids))
    if isinstance(command, RequestOverride):
        return await people.candidates(connection, actor.account_id, command.reviewer_ids)
    if isinstance(command, AssignCase) and command.assignee_id is not None:
        return await people.candidates(connection, actor.account_id, [command.assignee_id])
    return {}


async def _represented(
    connection: Reader, actor: Actor, command: CaseCommand, found: Locked, now: datetime, *, leave_open: bool
) -> UUID | None:
    """Return the reviewer in whose place the actor would decide; they keep that right until the transaction ends.

    Whoever was asked decides for themselves. *leave_open*: nobody's right is kept.
    """
    account_id, override, reviewer_ids = actor.account_id, found.override, found.reviewer_ids
    is_review = TRANSITIONS[command.action].relation is Relation.REVIEWER
    if override is None or not is_review or actor.user_id in reviewer_ids or not found.may_stand_in:
        return None
    delegators = await delegations.delegators_of(connection, account_id, actor.user_id, now)
    if not delegators.keys() & set(reviewer_ids):
        return None
    if leave_open:
        return represented(actor.user_id, reviewer_ids, delegators, override.created_at)
    # Whoever acts would be locked as the log row is written; in one order with the others nobody waits in a circle.
    await locks.lock_people(connection, account_id, {*delegators, actor.user_id})
    kept = await delegations.delegators_of(connection, account_id, actor.user_id, now, lock=True)
    return represented(actor.user_id, reviewer_ids, kept, override.created_at)


async def _open_steps(connection: Reader, actor: Actor, command: CaseCommand) -> tuple[ChecklistStep, ...] | None:
    """Return what of the checklist is open on the case; None where there is none, or the action's row does not say."""
    if not actor.checklist or not TRANSITIONS[command.action].notes_open_steps:
        return None
    checklist = checklist_of(actor.checklist)
    return open_among(checklist, await checklists.taken_steps(connection, actor.account_id, command.case_id))


def _facts(
    found: Locked, candidates: Mapping[UUID, Candidate], represented_id: UUID | None, now: datetime
) -> OverrideFacts | None:
    if found.override is None:
        return None
    requested = frozenset(found.reviewer_ids)
    created_at = found.override.created_at
    able = {id for id, person in candidates.items() if person.can_decide(created_at)}
    has_able_reviewer = not requested.isdisjoint(able)
    return found.override.facts(requested, has_able_reviewer=has_able_reviewer, represented_id=represented_id, now=now)


async def facts_of(
    connection: Reader, actor: Actor, override: OverrideRow, now: datetime
) -> tuple[tuple[UUID, ...], OverrideFacts]:
    """Return who is asked to decide on an override, and what a decision of the actor's must know of it."""
    ids = await overrides.reviewer_ids(connection, override)
    requested = await people.candidates(connection, actor.account_id, ids)
    able = [person for person in requested.values() if person.can_decide(override.created_at)]
    delegators = await delegations.delegators_of(connection, actor.account_id, actor.user_id, now)
    represented_id = represented(actor.user_id, ids, delegators, override.created_at)
    facts = override.facts(frozenset(ids), has_able_reviewer=bool(able), represented_id=represented_id, now=now)
    return ids, facts


async def _references(
    connection: Reader,
    actor: Actor,
    command: CaseCommand,
    override: OverrideFacts | None,
    candidates: Mapping[UUID, Candidate],
    now: clock.Clock,
) -> tuple[DocumentRow, ...]:
    """Check the people that the command names, and return its documents, locked."""
    refusals: list[Refusal] = []
    documents: tuple[DocumentRow, ...] = ()
    if isinstance(command, RequestOverride | ReassignReviewers):
        represented_ids = await _represented_by(connection, actor, override, now())
        refusals += check_reviewers(actor, command.reviewer_ids, candidates, override, represented_ids)
    if isinstance(command, AssignCase) and command.assignee_id is not None:
        check_assignee(command.assignee_id, candidates.get(command.assignee_id))
    if isinstance(command, RecordStep):
        check_step(command.step, checklist_of(actor.checklist))
    if isinstance(command, DocumentedCommand):
        documents, missing = await find_documents(connection, actor, command, now())
        refusals += missing
    if refusals:
        raise InputRefused(refusals)
    return documents


async def _represented_by(
    connection: Reader, actor: Actor, override: OverrideFacts | None, now: datetime
) -> frozenset[UUID]:
    """Return in whose place the actor would decide, now or later: in nobody's on an override that is their own."""
    if override is None or override.creator_id == actor.user_id:
        return frozenset()
    live = await delegations.live_delegations(connection, actor.account_id, [actor.user_id], now)
    return frozenset(found.delegator_id for found in live if found.delegate_id == actor.user_id)


def check_version(command: Command, actual: int) -> None:
    """Refuse a command that expects another version than the *actual* one. Raises: VersionConflict."""
    if command.expected_version is not None and command.expected_version != actual:
        raise VersionConflict("input", "expectedVersion", expected=command.expected_version, actual=actual)


def demand_change(command: Command, case: CaseRow) -> None:
    """Refuse a hold, an owner or a due date that the case has already. Raises: InvalidInput."""
    match command:
        case SetLegalHold():
            name, is_so = "held", command.held is (case.held_by_id is not None)
        case AssignCase():
            name, is_so = "assigneeId", command.assignee_id == case.owner_id
        case SetDueDate():
            name, is_so = "dueAt", command.due_at == case.due_at
        case _:
            return
    if is_so:
        raise InvalidInput("input", name, detail=Detail("no_change"))
