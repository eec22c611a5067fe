"""The one write path: `perform` locks, authorizes, advances, writes the effects and the log row, and commits.

Nothing else commits case data. `rehearse` goes the same way, and leaves it to be looked at and undone. What is checked
under the lock is in `drafting`, what an action writes beside its log row and the case's status in `effects`.
"""

import asyncio
from dataclasses import fields, replace
from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.attachments import attach
from app.db import models as tables
from app.db.attempts import attempt
from app.db.chain import entry_of
from app.db.engine import Database
from app.db.prepared import write
from app.db.rehearsal import Rehearsal
from app.db.rows import ActionRow, CaseRow
from app.domain.commands import CaseCommand, Command, OpenCase
from app.domain.errors import StateRefused
from app.domain.log import chain_hash
from app.domain.model import Actor
from app.domain.workflow import admit
from app.drafting import drafted, drafted_opening
from app.effects import EFFECTS, Draft
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
            draft = await drafted_opening(connection, actor, command, now)
        else:
            assert isinstance(command, CaseCommand)
            draft = await drafted(connection, actor, command, now)
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
