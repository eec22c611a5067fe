"""The mutations by which a check system records results: one, and many, of which each is a transaction of its own.

Who may do so is in `domain.workflow`; what is done is in `app.actions.evaluation`.
"""

from collections.abc import Sequence
from functools import partial
from typing import Annotated

import strawberry

from app.actions.evaluation import EvaluationOutcome, find_targets, record_evaluation, rehearse_evaluation
from app.api.context import Context, Info
from app.api.errors import UserError, user_errors
from app.api.evaluation_payloads import EvaluationResult, RecordEvaluationPayload, RecordEvaluationsPayload
from app.api.inputs.evaluations import (
    EVALUATIONS_MAX,
    EvaluationInput,
    RecordEvaluationInput,
    RecordEvaluationsInput,
)
from app.api.payload_permission import PayloadPermission
from app.db.repository.targets import Target
from app.domain.commands import RecordEvaluation
from app.domain.errors import Detail, InputRefused, InvalidInput, Refusal, Required
from app.domain.model import ActionType
from app.domain.workflow import admit, authorize_role

Refused = Refusal | InputRefused

ABOUT = (
    "For service accounts whose token has the scope `subjects_write`, and never for a person. While a case is open on"
    " the subject, its log gets a row EVALUATION, else the account's own log does. The case's status stays. An override"
    " that was requested against another result fits no more: accepting it is SUBJECT_CHANGED. Where an accepted"
    " override had made the result before, the row names that override."
)
RETRIES = "Give an `idempotencyKey`, so that a retry writes no second row, nor an old result over a newer one."


async def _errors(context: Context, refused: Refused) -> Sequence[UserError]:
    errors = await user_errors(refused, context)
    context.actions.codes.extend(error.code for error in errors)
    return errors


async def _record(
    context: Context, command: RecordEvaluation, target: Target | None, *, dry_run: bool
) -> EvaluationOutcome:
    if dry_run:
        return await rehearse_evaluation(
            context.database, context.actor, command, target, request_id=context.request.request_id
        )
    return await record_evaluation(
        context.database,
        context.actor,
        command,
        target,
        request_id=context.request.request_id,
        key_lifetime=context.services.key_lifetime,
    )


async def record_one(
    info: Info, input: Annotated[RecordEvaluationInput, strawberry.argument(description="What was found.")]
) -> RecordEvaluationPayload:
    """Record one result."""
    context, command = info.context, input.command
    assert isinstance(command, RecordEvaluation)
    authorize_role(command.action, context.actor)
    (target,) = await find_targets(context.database, context.actor, [command])
    outcome = await _record(context, command, target, dry_run=bool(input.dry_run))
    context.reads.renew()
    return (RecordEvaluationPayload.supposing if input.dry_run else RecordEvaluationPayload.of)(outcome)


async def record_many(
    info: Info, input: Annotated[RecordEvaluationsInput, strawberry.argument(description="What was found.")]
) -> RecordEvaluationsPayload:
    """Record several results, one after the other."""
    context, evaluations = info.context, input.evaluations
    if not evaluations:
        raise Required("input", "evaluations")
    if len(evaluations) > EVALUATIONS_MAX:
        detail = Detail("length", {"actual": len(evaluations), "maximum": EVALUATIONS_MAX})
        raise InvalidInput("input", "evaluations", detail=detail)
    authorize_role(ActionType.EVALUATION, context.actor)
    commands = [_command(index, item) for index, item in enumerate(evaluations)]
    good = [command for command in commands if isinstance(command, RecordEvaluation)]
    targets = iter(await find_targets(context.database, context.actor, good) if good else ())
    results = []
    for index, command in enumerate(commands):
        if isinstance(command, InputRefused):
            results.append(EvaluationResult(errors=await _errors(context, command)))
            continue
        results.append(await _result(context, index, command, next(targets), dry_run=bool(input.dry_run)))
    context.reads.renew()
    return RecordEvaluationsPayload(errors=[], results=results)


def _command(index: int, input: EvaluationInput) -> RecordEvaluation | InputRefused:
    try:
        return input.command_at("input", "evaluations", str(index))
    except InputRefused as refused:
        return refused


async def _result(
    context: Context, index: int, command: RecordEvaluation, target: Target | None, *, dry_run: bool
) -> EvaluationResult:
    """Record one of several; what is wrong with it alone is in its result."""
    try:
        outcome = await _record(context, command, target, dry_run=dry_run)
    except Refusal as refusal:
        refusal.path = ("input", "evaluations", str(index), *refusal.path[1:])
        return EvaluationResult(errors=await _errors(context, refusal))
    return (EvaluationResult.supposing if dry_run else EvaluationResult.of)(outcome)


def _permission() -> PayloadPermission:
    return PayloadPermission(partial(admit, ActionType.EVALUATION), ActionType.EVALUATION)


@strawberry.type(description="Results of checks, recorded by the system that makes them.")
class EvaluationMutation:
    record_evaluation: RecordEvaluationPayload = strawberry.field(
        resolver=record_one,
        description=f"Record the result of a check: make the subject, or change it. {ABOUT} {RETRIES}",
        extensions=[_permission()],
    )
    record_evaluations: RecordEvaluationsPayload = strawberry.field(
        resolver=record_many,
        description=f"Record up to {EVALUATIONS_MAX} results. Each is a transaction of its own, in the order of the"
        f" input, and has its own errors. {ABOUT} {RETRIES}",
        extensions=[_permission()],
    )
