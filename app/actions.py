"""The one write path: `perform` locks, authorizes, advances, writes the effects and the log row, and commits.

Nothing else commits case data. `rehearse` goes the same way, and leaves it to be looked at and undone. What an action
writes beside its log row and the case's status is in `effects`.
"""

import asyncio
from dataclasses import fields, replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.attachments import attach, find_documents
from app.db import models as tables
from app.db.attempts import attempt
from app.db.chain import entry_of
from app.db.engine import Database
from app.db.prepared import Write, write
from app.db.rehearsal import Rehearsal
from app.db.repository import cases, overrides, people
from app.db.rows import ActionRow, CaseRow, DocumentRow, OverrideRow
from app.domain.commands import CaseCommand, Command, DecisionCommand, DocumentedCommand, OpenCase, RequestOverride
from app.domain.errors import (
    InputRefused,
    NotFound,
    Refusal,
    StateRefused,
    VersionConflict,
)
from app.domain.log import GENESIS, chain_hash
from app.domain.model import Actor, CaseFacts
from app.domain.workflow import admit, advance, authorize, authorize_role, check_reviewers, guard
from app.effects import EFFECTS, Draft, find_or_make_subject
from app.idempotency import KEY_LIFETIME, Outcome, claim_key, outcome_of

# The event loop itself keeps only weak references to tasks.
_underway: set[asyncio.Task[Outcome]] = set()


async def perform(
    database: Database,
    actor: Actor,
    command: Command,
    *,
    request_id: str,
    now: clock.Clock = clock.now,
    key_lifetime: timedelta = KEY_LIFETIME,
) -> Outcome:
    """Do what *command* asks for as one transaction, and return what it made once that is durable.

    Who is cancelled while waiting for it does not stop it: SQLite keeps the write lock of a transaction that is cut off
    for as long as any of its cursors is known somewhere, as in a traceback, and nobody could write meanwhile.

    Raises: Refusal or InputRefused, and then nothing was written.
    """
    admit(command.action, actor, brings_documents=command.brings_documents)

    async def work(connection: AsyncConnection) -> Outcome:
        action_id = clock.new_id()
        if command.idempotency_key is not None:
            earlier = await claim_key(connection, actor, command, action_id, now(), key_lifetime)
            if earlier is not None:
                return await outcome_of(connection, actor, earlier)
        return await _transact(connection, actor, command, action_id, request_id, now, last=True)

    task = asyncio.create_task(attempt(database, work))
    _underway.add(task)
    task.add_done_callback(_underway.discard)
    return await asyncio.shield(task)


def rehearse(
    database: Database, actor: Actor, command: Command, *, request_id: str, now: clock.Clock = clock.now
) -> Rehearsal[Outcome]:
    """Begin what *command* asks for, to be looked at and then undone; its key is not used.

    Raises: Refusal or InputRefused, here or where it is shown.
    """
    admit(command.action, actor, brings_documents=command.brings_documents)

    async def work(connection: AsyncConnection) -> Outcome:
        return await _transact(connection, actor, command, clock.new_id(), request_id, now, last=False)

    return Rehearsal(database, work)


async def _transact(
    connection: AsyncConnection,
    actor: Actor,
    command: Command,
    action_id: UUID,
    request_id: str,
    now: clock.Clock,
    *,
    last: bool,
) -> Outcome:
    """Check and write the action; until the commit, nobody else sees it. *last*: nothing comes after it."""
    try:
        if isinstance(command, OpenCase):
            draft = await _draft_opening(connection, actor, command, now)
        else:
            assert isinstance(command, CaseCommand)
            draft = await _draft(connection, actor, command, now)
    except StateRefused as refusal:
        if refusal.case_id is None and isinstance(command, CaseCommand):
            refusal.case_id = command.case_id
        raise
    for effect in EFFECTS[command.action]:
        waiting = effect(draft)
        if waiting is not None:
            await waiting
    outcome = _drawn_up(draft, action_id, request_id)
    await write(connection, draft.writes, last=last)
    return outcome


# --- Checks under the lock, in the order of DOMAIN.md, section 4 -----------------------------------------------------


async def _draft(connection: AsyncConnection, actor: Actor, command: CaseCommand, now: clock.Clock) -> Draft:
    """Lock the case, check all that may have changed since the door, and return the action to be written."""
    locked = await cases.lock_case(connection, actor.account_id, command.case_id)
    if locked is None:
        raise NotFound("input", "caseId", resource="case")
    case, subject = locked
    authorize_role(command.action, actor)
    override, reviewer_ids = await _override(connection, actor, command)
    facts = CaseFacts(
        case.status, subject.evaluation_status, override.facts(frozenset(reviewer_ids)) if override else None
    )
    authorize(command.action, actor, facts.override)
    status = advance(command.action, case.status, facts.override)
    requested = command.requested_status if isinstance(command, RequestOverride) else None
    documents = await _references(connection, actor, command, now)
    _check_version(command, case.version)
    guard(command.action, facts, requested)
    return Draft(
        connection=connection,
        actor=actor,
        command=command,
        now=max(now(), case.updated_at),
        before=case,
        case=replace(case, status=status),
        subject=subject,
        override=override,
        reviewer_ids=reviewer_ids,
        documents=documents,
    )


async def _override(
    connection: AsyncConnection, actor: Actor, command: CaseCommand
) -> tuple[OverrideRow | None, tuple[UUID, ...]]:
    """Return the override that a decision is about, with its reviewers."""
    if not isinstance(command, DecisionCommand):
        return None, ()
    override = await overrides.override_of_case(connection, actor.account_id, command.case_id, command.override_id)
    if override is None:
        if command.override_id is not None:
            raise NotFound("input", "overrideId", resource="override")
        return None, ()
    return override, await overrides.reviewer_ids(connection, override.id)


async def _references(
    connection: AsyncConnection, actor: Actor, command: CaseCommand, now: clock.Clock
) -> tuple[DocumentRow, ...]:
    """Check the people that the command names, and return its documents, locked."""
    refusals: list[Refusal] = []
    documents: tuple[DocumentRow, ...] = ()
    if isinstance(command, RequestOverride):
        candidates = await people.candidates(connection, actor.account_id, command.reviewer_ids)
        refusals += check_reviewers(actor, command.reviewer_ids, candidates)
    if isinstance(command, DocumentedCommand):
        documents, missing = await find_documents(connection, actor, command, now())
        refusals += missing
    if refusals:
        raise InputRefused(refusals)
    return documents


def _check_version(command: Command, actual: int) -> None:
    if command.expected_version is not None and command.expected_version != actual:
        raise VersionConflict("input", "expectedVersion", expected=command.expected_version, actual=actual)


async def _draft_opening(connection: AsyncConnection, actor: Actor, command: OpenCase, now: clock.Clock) -> Draft:
    """Take the account's next number, which makes openings wait for each other, and return the case to be written."""
    authorize_role(command.action, actor)
    number = await connection.scalar(
        update(tables.accounts)
        .where(tables.accounts.c.id == actor.account_id)
        .values(case_count=tables.accounts.c.case_count + 1)
        .returning(tables.accounts.c.case_count)
    )
    known = await cases.lock_subject(connection, actor.account_id, command.subject.type, command.subject.external_ref)
    active = known and await cases.active_case_of(connection, known.id)
    try:
        status = advance(command.action, active.status if active else None)
    except StateRefused as refusal:
        refusal.case_id = active.id if active else None
        raise
    _check_version(command, known.version if known else 0)
    writes: list[Write] = []
    subject = find_or_make_subject(writes, actor, command.subject, known)
    moment = now()
    case = CaseRow(
        id=clock.new_id(),
        number=number or 0,
        subject_id=subject.id,
        subject_status_at_opening=subject.evaluation_status,
        title=command.title,
        description=command.description,
        status=status,
        resolution=None,
        created_by_id=actor.user_id,
        created_at=moment,
        updated_at=moment,
        closed_by_id=None,
        closed_at=None,
        version=0,
        action_count=0,
        head_hash=GENESIS,
    )
    return Draft(connection, actor, command, moment, before=None, case=case, subject=subject, writes=writes)


# --- Writing ---------------------------------------------------------------------------------------------------------


def _drawn_up(draft: Draft, action_id: UUID, request_id: str) -> Outcome:
    """Return what the action makes, once the draft's writes are done: they have the log row, and all with it, now."""
    comment = draft.new_comment()
    action = ActionRow(
        id=action_id,
        case_id=draft.case.id,
        seq=draft.case.action_count + 1,
        type=draft.command.action,
        user_id=draft.actor.user_id,
        comment_id=comment.id if comment else None,
        override_id=draft.override.id if draft.override else None,
        status_before=draft.before.status if draft.before else None,
        status_after=draft.case.status,
        resolution=draft.case.resolution,
        created_at=draft.now,
        request_id=request_id,
        prev_hash=draft.case.head_hash,
        hash="",
    )
    account_id = draft.actor.account_id
    entry = entry_of(
        account_id, action, draft.case, draft.subject, comment, draft.override, draft.reviewer_ids, draft.documents
    )
    action = replace(action, hash=chain_hash(entry))
    case = replace(
        draft.case,
        version=draft.case.version + 1,
        action_count=action.seq,
        head_hash=action.hash,
        updated_at=draft.now,
    )
    _write_case(draft, case)
    if comment is not None:
        draft.insert(tables.comments, comment)
        draft.documents = attach(draft, comment)
    draft.insert(tables.case_actions, action)
    return Outcome(case, action, comment, draft.override, draft.subject, draft.documents)


def _write_case(draft: Draft, case: CaseRow) -> None:
    if draft.before is None:
        draft.insert(tables.cases, case)
        return
    old = draft.before
    names = (field.name for field in fields(CaseRow))
    changes = {name: getattr(case, name) for name in names if getattr(case, name) != getattr(old, name)}
    draft.update(tables.cases, case.id, **changes)
