"""The one write path: `perform` locks, authorizes, advances, writes the effects and the log row, and commits.

Nothing else commits case data. `rehearse` goes the same way, and undoes it; `perform_by_rule` does what no person does.
What is checked under the lock is in `checks` and `opening`, what an action writes in `writing`, and beside its log row
and the case in `effects`.

An action that rests on its case alone, as a comment or a decision, first tries to do without a lock: it reads, checks,
and writes if the case has still the version that was read. Each action makes a new version of its case, and nothing but
an action changes the case's pending override or its subject, so that this tells of any other; then nothing is done, and
it goes the way of all others. So does who decides in another's place, whose right is kept until that is written.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.actions.authority import renewed
from app.actions.checks import drafted, facts_of, rests_on_its_case
from app.actions.draft import Draft
from app.actions.effects import EFFECTS
from app.actions.idempotency import KEY_LIFETIME, claim_key, one_at_a_time, recorded_key
from app.actions.opening import drafted_opening
from app.actions.outcome import Outcome, Supposed, outcome_of
from app.actions.shared_reads import seen_together
from app.actions.writing import build_outcome
from app.db import background
from app.db.dry_run import rehearsed
from app.db.engines import Database
from app.db.errors import AuthorityChanged
from app.db.prepared import AutocommitWriter, write, write_if_unchanged
from app.db.reader import Reader
from app.db.repository import overrides
from app.db.repository.checklists import taken_steps
from app.db.repository.locks import Locked
from app.db.repository.tokens import authority_of
from app.db.retry import attempt, attempt_autocommit
from app.domain.checklist import checklist_of, open_among, requires_steps
from app.domain.commands import CaseCommand, Command, OpenCase
from app.domain.errors import InputRefused, Refusal, StateRefused, TokenExpired
from app.domain.facts import Actor
from app.domain.workflow import admit

# How many act on a database's case here right now: whoever is not the first would lose without a lock.
_acted_on: dict[tuple[int, UUID | None], int] = {}

CHANGES_MAX = 5
"""How often what an actor may do may change while one action is under way."""

T = TypeVar("T")


async def perform(
    database: Database,
    actor: Actor,
    command: Command,
    *,
    request_id: str,
    now: clock.Clock = clock.now,
    key_lifetime: timedelta = KEY_LIFETIME,
    renews: bool = True,
) -> Outcome:
    """Do what *command* asks for as one transaction, and return what it made once that is durable.

    Who is cancelled while waiting for it does not stop it: SQLite keeps the write lock of a transaction that is cut off
    for as long as any of its cursors is known somewhere, as in a traceback, and nobody could write meanwhile.

    *renews*: who may do something else by now than *actor* says does it by that.

    Raises: Refusal, InputRefused or, unless it *renews*, AuthorityChanged, and then nothing was written.
    """
    admit(command.action, actor, brings_documents=command.brings_documents)
    return await asyncio.shield(
        background.start(ActionRequest(actor, command, request_id, now, key_lifetime, renews).run(database))
    )


async def rehearse(
    database: Database,
    actor: Actor,
    command: Command,
    *,
    request_id: str,
    now: clock.Clock = clock.now,
    renews: bool = True,
) -> Supposed:
    """Do what *command* asks for, undo it, and return what it would make; its key is not used.

    Raises: as `perform`.
    """
    admit(command.action, actor, brings_documents=command.brings_documents)
    return await ActionRequest(actor, command, request_id, now, renews=renews).dry_run(database)


Drafting = Callable[[AsyncConnection], Awaitable[Draft | None]]


async def perform_by_rule(database: Database, account_id: UUID, draft: Drafting, *, request_id: str) -> Outcome | None:
    """Do as one transaction what an account's own rule asks for; None where *draft* finds nothing left to do."""

    async def work(connection: AsyncConnection) -> Outcome | None:
        allowed = await draft(connection)
        if allowed is None:
            return None
        outcome = await _carry_out(allowed, request_id)
        await write(connection, allowed.writes, last=True)
        return outcome

    outcome = await background.to_the_end(attempt(database, work))
    if outcome is not None:
        database.commits.send(account_id)
    return outcome


@dataclass(frozen=True, slots=True)
class ActionRequest:
    """What somebody asks for, and the ways to do it."""

    actor: Actor
    command: Command
    request_id: str
    now: clock.Clock
    key_lifetime: timedelta = KEY_LIFETIME
    renews: bool = True

    async def run(self, database: Database) -> Outcome:
        """Do it as who the actor is by then. Raises: Refusal or InputRefused."""
        with _acting_on(database, self.command) as is_alone:
            async with one_at_a_time(database, self.actor, self.command):
                outcome = await self.with_current_authority(
                    database, lambda request: request.optimistic_or_locked(database, is_alone=is_alone)
                )
        database.commits.send(self.actor.account_id)
        return outcome

    async def dry_run(self, database: Database) -> Supposed:
        """Do the same, and undo it. Raises: Refusal or InputRefused."""
        return await self.with_current_authority(database, lambda requested: rehearsed(database, requested.dry_run_in))

    async def with_current_authority(
        self, database: Database, way: Callable[["ActionRequest"], Awaitable[T]], changes: int = CHANGES_MAX
    ) -> T:
        """Go that *way*, and go it anew where what the actor may do has changed meanwhile: nothing is done by then.

        A refusal is told to whom it is about: who may not act any more learns that, and nothing of the case.
        """
        try:
            return await way(self)
        except (Refusal, InputRefused, AuthorityChanged) as refused:
            if not self.renews:
                raise
            async with database.point_reads() as connection:
                actor = await renewed(connection, self.actor, self.now())
            is_as_before = actor.authority == self.actor.authority and not isinstance(refused, AuthorityChanged)
            if is_as_before or not changes:
                raise
        admit(self.command.action, actor, brings_documents=self.command.brings_documents)
        return await replace(self, actor=actor).with_current_authority(database, way, changes - 1)

    async def optimistic_or_locked(self, database: Database, *, is_alone: bool) -> Outcome:
        """Do it without a lock, where it *is_alone*, that may do, and nobody is faster, else with it."""
        if is_alone and rests_on_its_case(self.command):
            seen = await seen_together(database, self.actor.account_id, self.command)
            outcome = await attempt_autocommit(database, partial(self._try_optimistic, seen=seen))
            if outcome is not None:
                return outcome
        return await attempt(database, self._perform_locked)

    async def dry_run_in(self, connection: AsyncConnection) -> Supposed:
        """Do it in a transaction that is going to be undone."""
        outcome, draft = await self._check(connection, clock.new_id(), is_rehearsal=True)
        await write(connection, draft.writes)
        latest = await overrides.latest_of_case(connection, self.actor.account_id, outcome.case.id)
        ids, facts = tuple[UUID, ...](), None
        if latest is not None:
            ids, facts = await facts_of(connection, self.actor, latest, self.now())
        checklist = checklist_of(self.actor.checklist)
        taken = frozenset[str]()
        if requires_steps(checklist):
            taken = await taken_steps(connection, self.actor.account_id, outcome.case.id)
        open_steps = open_among(checklist, taken)
        return Supposed(
            outcome, draft.subject_is_new, draft.reviewer_ids, latest, ids, facts, bool(checklist), open_steps
        )

    async def _perform_locked(self, connection: AsyncConnection) -> Outcome:
        """Do it in a transaction that ends with it, if its key did not do it before."""
        action_id = clock.new_id()
        if self.command.idempotency_key is not None:
            claim = self.actor, self.command, action_id, self.now(), self.key_lifetime
            earlier = await claim_key(connection, *claim)
            if earlier is not None:  # who had to wait for a twin may have lost their token meanwhile
                if await authority_of(connection, self.actor.user_id) != self.actor.authority:
                    raise AuthorityChanged
                return await outcome_of(connection, self.actor, earlier)
        outcome, draft = await self._check(connection, action_id)
        await write(connection, draft.writes, last=True)
        return outcome

    async def _try_optimistic(self, connection: AutocommitWriter, seen: Locked | None) -> Outcome | None:
        """Do it by one statement that finds the case as it was when all was checked; None where it does not.

        *seen*: the case as it was when it was read, if it was.
        What is refused may be the repetition of what its key did: that is for the locked way to tell.
        """
        has_key = self.command.idempotency_key is not None
        try:
            outcome, draft = await self._check(connection, clock.new_id(), leave_open=True, seen=seen)
        except (Refusal, InputRefused):
            if has_key:
                return None
            raise
        assert draft.before is not None
        if draft.represented_id is not None or draft.log_comes_first:
            return None
        if has_key:
            draft.writes.append(recorded_key(self.actor, self.command, draft.action_id, self.now()))
        return outcome if await write_if_unchanged(connection, draft.before.version, draft.writes) else None

    async def _check(
        self,
        connection: Reader,
        action_id: UUID,
        *,
        leave_open: bool = False,
        seen: Locked | None = None,
        is_rehearsal: bool = False,
    ) -> tuple[Outcome, Draft]:
        """Check it; return what it makes, once the writes of the draft are done."""
        command = self.command
        try:
            if isinstance(command, OpenCase):
                draft = await drafted_opening(connection, self.actor, command, self.now)
            else:
                assert isinstance(command, CaseCommand)
                draft = await drafted(connection, self.actor, command, self.now, leave_open=leave_open, seen=seen)
        except StateRefused as refusal:
            if refusal.case_id is None and isinstance(command, CaseCommand):
                refusal.case_id = command.case_id
            raise
        draft.is_rehearsal, draft.action_id = is_rehearsal, action_id
        if self.actor.expires_at is not None and self.actor.expires_at <= self.now():
            raise TokenExpired()
        return await _carry_out(draft, self.request_id), draft


@contextmanager
def _acting_on(database: Database, command: Command) -> Iterator[bool]:
    """Count one more who acts on the command's case; yield whether nobody else does."""
    what = id(database), getattr(command, "case_id", None)
    others = _acted_on.get(what, 0)
    _acted_on[what] = others + 1
    try:
        yield not others
    finally:
        others = _acted_on.pop(what) - 1
        if others:
            _acted_on[what] = others


async def _carry_out(draft: Draft, request_id: str) -> Outcome:
    """Have all that the action writes noted in its draft, and return what it makes."""
    for effect in EFFECTS[draft.command.action]:
        waiting = effect(draft)
        if waiting is not None:
            await waiting
    return build_outcome(draft, request_id)
