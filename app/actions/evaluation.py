"""Recording evaluations: a subject gets the result of its check, and one row of one log says so.

While a case on the subject is open, its log has the row, by the same write path as every action; else the account's own
log has it. What changes nothing writes nothing but its key.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.actions.authority import renewed
from app.actions.draft import Draft
from app.actions.idempotency import KEY_LIFETIME, claim, one_at_a_time
from app.actions.perform import ActionRequest
from app.actions.results import evaluated, evaluation_of, found_by_label, new_subject, record_result
from app.actions.writing import build_outcome
from app.db import background
from app.db.account_log import NewAccountAction, append, lock_account
from app.db.dry_run import rehearsed
from app.db.engines import Database
from app.db.errors import AuthorityChanged
from app.db.prepared import write
from app.db.repository import administration, cases, locks, log
from app.db.repository.log import IdempotencyRecord
from app.db.repository.targets import SubjectName, Target, named_among, targets_of
from app.db.repository.tokens import authority_of
from app.db.retry import attempt
from app.db.rows import ActionRow, CaseRow, SubjectRow
from app.domain.account_log import AdminActionType, Source
from app.domain.canonical_json import parsed_json
from app.domain.commands import RecordEvaluation
from app.domain.errors import Overloaded, TokenExpired, VersionConflict
from app.domain.evaluation import LABEL, Evaluation, evaluation_of_account, evaluation_of_case
from app.domain.facts import Actor
from app.domain.model import ActionType, CaseStatus
from app.domain.workflow import admit, advance, authorize

RETRY_S = 1
MOVES_MAX = 5
"""How often a case on the subject may be opened or closed while one evaluation is under way."""


@dataclass(frozen=True, slots=True)
class EvaluationOutcome:
    """What an evaluation left behind, or would: the subject as it is now, and what was changed, None for nothing.

    `case` and `action`: the open case whose log has the row. `is_new`: the subject was not there before. `replayed`: it
    was recorded before, by another request with the same key.
    """

    subject: SubjectRow
    evaluation: Evaluation | None
    case: CaseRow | None = None
    action: ActionRow | None = None
    is_new: bool = False
    replayed: bool = False


class _Moved(Exception):
    """A case on the subject was opened or closed since it was looked for; nothing is done."""


async def find_targets(database: Database, actor: Actor, commands: Sequence[RecordEvaluation]) -> list[Target | None]:
    """Return where each of the evaluations goes to, as things stand."""
    names = [SubjectName(command.subject.type, command.subject.external_ref) for command in commands]
    async with database.read() as connection:
        return await targets_of(connection, actor.account_id, names)


async def record_evaluation(
    database: Database,
    actor: Actor,
    command: RecordEvaluation,
    target: Target | None,
    *,
    request_id: str,
    now: clock.Clock = clock.now,
    key_lifetime: timedelta = KEY_LIFETIME,
) -> EvaluationOutcome:
    """Record it as one transaction, and return what it made once that is durable; *target* is from `find_targets`.

    Raises: Refusal, and then nothing was written.
    """
    admit(command.action, actor)
    request = ActionRequest(actor, command, request_id, now, key_lifetime)

    async def run() -> EvaluationOutcome:
        async with one_at_a_time(database, actor, command):
            outcome = await _until_it_stays(
                database, request, target, lambda work: attempt(database, partial(work, is_rehearsal=False))
            )
        database.commits.send(actor.account_id)
        return outcome

    return await asyncio.shield(background.start(run()))


async def rehearse_evaluation(
    database: Database,
    actor: Actor,
    command: RecordEvaluation,
    target: Target | None,
    *,
    request_id: str,
    now: clock.Clock = clock.now,
) -> EvaluationOutcome:
    """Record it, undo it, and return what it would make; its key is not used. Raises: Refusal."""
    admit(command.action, actor)
    request = ActionRequest(actor, replace(command, idempotency_key=None), request_id, now)
    return await _until_it_stays(
        database, request, target, lambda work: rehearsed(database, partial(work, is_rehearsal=True))
    )


Work = Callable[..., Awaitable[EvaluationOutcome]]


async def _until_it_stays(
    database: Database,
    request: ActionRequest,
    target: Target | None,
    way: Callable[[Work], Awaitable[EvaluationOutcome]],
) -> EvaluationOutcome:
    """Record it that *way* in the log that has a place for it, looked for anew where that is another one by then."""
    for _ in range(MOVES_MAX):
        try:
            return await request.with_current_authority(
                database,
                lambda current, at=target: way(_Recording(current, at).record),  # type: ignore[misc]
            )
        except _Moved:
            command = request.command
            assert isinstance(command, RecordEvaluation)
            (target,) = await find_targets(database, request.actor, [command])
    raise Overloaded(seconds=RETRY_S)


@dataclass(frozen=True, slots=True)
class _Recording:
    """One evaluation, within its transaction."""

    request: ActionRequest
    target: Target | None

    @property
    def command(self) -> RecordEvaluation:
        command = self.request.command
        assert isinstance(command, RecordEvaluation)
        return command

    async def record(self, connection: AsyncConnection, *, is_rehearsal: bool) -> EvaluationOutcome:
        """Record it where it goes to. Raises: Refusal, _Moved."""
        if self.target is not None and self.target.case_id is not None:
            return await self._in_case(connection, self.target, is_rehearsal)
        return await self._in_account(connection)

    async def _in_case(self, connection: AsyncConnection, target: Target, is_rehearsal: bool) -> EvaluationOutcome:
        actor, command = self.request.actor, self.command
        assert target.case_id is not None
        locked = await locks.lock_case(connection, actor.account_id, target.case_id)
        if locked is None or locked.case.status is CaseStatus.CLOSED or locked.subject.id != target.subject_id:
            raise _Moved
        case, subject = locked.case, locked.subject
        authorize(command.action, actor, None)
        status = advance(command.action, case.status)
        draft = Draft(
            connection=connection,
            actor=actor,
            command=command,
            now=max(self.request.now(), case.updated_at),
            before=case,
            case=replace(case, status=status),
            subject=subject,
            is_rehearsal=is_rehearsal,
        )
        evaluation = evaluation_of(subject, command.subject)
        earlier = await self._claim(connection, evaluation, subject.id, action_id=draft.action_id)
        if earlier is not None:
            return await self._replayed(connection, earlier)
        self._demand(subject.version)
        if evaluation is None:
            return EvaluationOutcome(subject, None, case)
        record_result(draft)
        outcome = build_outcome(draft, self.request.request_id)
        is_relabelled = LABEL in evaluation.changed
        await write(connection, draft.writes, last=not (is_relabelled or is_rehearsal))
        if is_relabelled:
            await connection.execute(found_by_label(actor.account_id, draft.subject))
        return EvaluationOutcome(draft.subject, evaluation, outcome.case, outcome.action)

    async def _in_account(self, connection: AsyncConnection) -> EvaluationOutcome:
        request, command = self.request, self.command
        details, account_id, now = command.subject, request.actor.account_id, request.now()
        await lock_account(connection, account_id)
        actor = await renewed(connection, request.actor, now)
        if actor.authority != request.actor.authority:
            raise AuthorityChanged
        authorize(command.action, actor, None)
        alike = await locks.lock_subjects(connection, account_id, details.type, details.external_ref)
        if alike and await cases.active_case_of(connection, [subject.id for subject in alike]) is not None:
            raise _Moved
        known = named_among(alike, details.external_ref)
        evaluation, action_id = evaluation_of(known, details), clock.new_id()
        subject_id = None if known is None else known.id
        earlier = await self._claim(connection, evaluation, subject_id, account_action_id=action_id)
        if earlier is not None:
            return await self._replayed(connection, earlier)
        self._demand(0 if known is None else known.version)
        if evaluation is None:
            assert known is not None
            return EvaluationOutcome(known, None)
        changed = new_subject(account_id, details) if known is None else evaluated(known, details, evaluation)
        subject, change = changed
        new = NewAccountAction(
            AdminActionType.EVALUATION,
            Source.API,
            evaluation.account_details(subject.id),
            actor=actor,
            request_id=request.request_id,
            subject_id=subject.id,
        )
        await append(connection, account_id, new, now, action_id)
        await write(connection, [change])
        if known is not None and LABEL in evaluation.changed:
            await connection.execute(found_by_label(account_id, subject))
        return EvaluationOutcome(subject, evaluation, is_new=known is None)

    async def _claim(
        self, connection: AsyncConnection, evaluation: Evaluation | None, subject_id: UUID | None, **row: UUID
    ) -> IdempotencyRecord | None:
        """Record the key for the *row* that is going to be written, or for the subject where nothing is."""
        request = self.request
        if self.command.idempotency_key is None:
            return None
        outcome = row if evaluation is not None or subject_id is None else {"subject_id": subject_id}
        return await claim(connection, request.actor, self.command, request.now(), request.key_lifetime, **outcome)

    def _demand(self, version: int) -> None:
        """Refuse another version than the expected one, and a token that has expired by now."""
        expected, actor = self.command.expected_version, self.request.actor
        if expected is not None and expected != version:
            raise VersionConflict("input", "expectedVersion", expected=expected, actual=version)
        if actor.expires_at is not None and actor.expires_at <= self.request.now():
            raise TokenExpired()

    async def _replayed(self, connection: AsyncConnection, record: IdempotencyRecord) -> EvaluationOutcome:
        """Return what the key made before, with the subject and the case as they are now."""
        actor = self.request.actor
        if await authority_of(connection, actor.user_id) != actor.authority:
            raise AuthorityChanged
        return await _outcome_of(connection, actor.account_id, record)


async def _outcome_of(connection: AsyncConnection, account_id: UUID, record: IdempotencyRecord) -> EvaluationOutcome:
    if record.action_id is not None:
        (action,) = await log.actions_by_id(connection, account_id, [record.action_id])
        assert action is not None and action.type is ActionType.EVALUATION
        (case,) = await cases.cases_by_id(connection, account_id, [action.case_id])
        details = parsed_json(action.details)
        assert case is not None and details is not None
        subject = await _subject(connection, account_id, case.subject_id)
        return EvaluationOutcome(subject, evaluation_of_case(details), case, action, replayed=True)
    if record.account_action_id is not None:
        row = await administration.account_action(connection, account_id, record.account_action_id)
        assert row.subject_id is not None
        subject = await _subject(connection, account_id, row.subject_id)
        return EvaluationOutcome(subject, evaluation_of_account(row.details), replayed=True)
    assert record.subject_id is not None
    return EvaluationOutcome(await _subject(connection, account_id, record.subject_id), None, replayed=True)


async def _subject(connection: AsyncConnection, account_id: UUID, subject_id: UUID) -> SubjectRow:
    (subject,) = await cases.subjects_by_id(connection, account_id, [subject_id])
    assert subject is not None
    return subject
