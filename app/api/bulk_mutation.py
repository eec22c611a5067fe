"""The mutation of many actions: each is a transaction of its own, and has its own result.

Each goes the way of its own mutation: the same checks in the same order, by what its actor may do when its turn comes.
A result is never lost: what there is no time for any more is not attempted, and says so.
"""

import asyncio
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import strawberry

from app.actions.outcome import Outcome
from app.api.context import Context, Info
from app.api.errors import ERRORS_MAX, RetryError, UserError, user_errors
from app.api.fields import described, described_enum
from app.api.inputs.action_input import ActionInput
from app.api.inputs.bulk import ACTIONS, ACTIONS_MAX, BulkActionInput, OnError, PerformActionsInput
from app.api.payload_permission import PayloadPermission
from app.api.payloads import OverridePayload
from app.api.permissions import case_of, enter
from app.db.deadlines import time_left
from app.db.errors import unavailable_of
from app.db.time_limit import RETRY_S
from app.domain.errors import (
    DeadlineExceeded,
    Detail,
    ErrorCode,
    InputRefused,
    InvalidInput,
    NotAttempted,
    Refusal,
    Required,
)
from app.domain.facts import Actor
from app.web.admission import demand_rate
from app.web.faults import fault_error, log_unavailable

TIME_PART = 0.8
"""How much of an operation's time its actions may take; the rest is for reading what the results show."""


class ActionResultStatus(StrEnum):
    """What became of one action of many."""

    DONE = "DONE"
    REFUSED = "REFUSED"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"


described_enum(
    ActionResultStatus,
    "What became of one action of many.",
    {
        ActionResultStatus.DONE: "It was done, now or, `replayed`, before; in a dry run it would be.",
        ActionResultStatus.REFUSED: "It was refused, and wrote nothing.",
        ActionResultStatus.FAILED: "A fault or the time limit came between: whether it was done, the same request with"
        " its key tells.",
        ActionResultStatus.SKIPPED: "It was not attempted, and wrote nothing; its error says why.",
    },
)


@strawberry.type(description="What one action of many gave.")
class ActionResult(OverridePayload):
    status: ActionResultStatus = strawberry.field(
        default=ActionResultStatus.DONE, description="What became of it. Its `errors` are empty only if it was done."
    )


@strawberry.type(description="What performing many actions gave.")
class PerformActionsPayload:
    errors: Sequence[UserError] = described(
        f"Why none of them was attempted, {ERRORS_MAX} reasons at most; what is wrong with one is in its result."
    )
    results: list[ActionResult] = strawberry.field(
        default_factory=list,
        description=f"What each gave, in the order of the input, {ACTIONS_MAX} at most. Cases and overrides are as they"
        " are after the last action.",
    )


class _Bulk:
    """The actions of one mutation, one after the other."""

    def __init__(self, context: Context, *, on_error: OnError, dry_run: bool) -> None:
        self._context = context
        self._on_error = on_error
        self._dry_run = dry_run
        self._stopped_by: Callable[[], Refusal] | None = None
        self._supposed_documents: dict[UUID, Any] = {}
        left = time_left()
        self._end = None if left is None else asyncio.get_running_loop().time() + TIME_PART * left

    async def perform(self, inputs: Sequence[BulkActionInput]) -> list[ActionResult]:
        """Return what each gave."""
        results = [await self._result(index, item) for index, item in enumerate(inputs)]
        _show_latest(results)
        self._context.reads.renew({"documents_by_comment": self._supposed_documents})
        return results

    async def _result(self, index: int, item: BulkActionInput) -> ActionResult:
        name, action_input = item.chosen
        path = ("input", "inputs", str(index), name)
        if self._stopped_by is None and self._end is not None and asyncio.get_running_loop().time() >= self._end:
            self._stopped_by = partial(DeadlineExceeded, seconds=RETRY_S)
        if self._stopped_by is not None:
            return await self._not_done(ActionResultStatus.SKIPPED, self._stopped_by(), path)
        result = await self._attempt(action_input, path, is_first=not index)
        if result.status is not ActionResultStatus.DONE and self._on_error is OnError.STOP:
            self._stopped_by = partial(NotAttempted, number=index + 1)
        return result

    async def _attempt(self, action_input: ActionInput, path: tuple[str, ...], *, is_first: bool) -> ActionResult:
        context = self._context
        try:
            try:
                async with asyncio.timeout_at(self._end):
                    if not is_first:  # the request itself was counted, and its token looked up, for the first one
                        demand_rate(await context.count_again())
                        await context.renew_actor()
                    return await self._perform(action_input)
            except (Refusal, InputRefused) as refused:  # to tell of it may take a look at the case
                return await self._not_done(ActionResultStatus.REFUSED, refused, path, case_of(action_input, refused))
        except TimeoutError:
            return await self._not_done(ActionResultStatus.FAILED, DeadlineExceeded(seconds=RETRY_S), path)
        except Exception as fault:  # the results of the others must not be lost with it; it is logged
            return await self._failed(fault, path)

    async def _perform(self, action_input: ActionInput) -> ActionResult:
        context = self._context
        context.reads.renew()
        outcome: Outcome | None = await enter(context, ACTIONS[type(action_input)], action_input)
        if outcome is not None:
            return ActionResult.of(outcome)
        if self._dry_run or action_input.dry_run:
            supposed = await context.actions.dry_run(action_input.command)
            self._supposed_documents |= context.reads.left.get("documents_by_comment", {})
            return ActionResult.supposing(supposed)
        return ActionResult.of(await context.actions.run(action_input.command, action_input.files))

    async def _failed(self, fault: Exception, path: tuple[str, ...]) -> ActionResult:
        request = self._context.request
        unavailable = unavailable_of(fault, request.request_id)
        if unavailable is not None:
            log_unavailable(fault, request.request_id)
            return await self._not_done(ActionResultStatus.FAILED, unavailable, path)
        shown = fault_error(fault, request.language, request.request_id, path)
        code: ErrorCode = shown["extensions"]["code"]
        self._context.actions.codes.append(code)
        error = RetryError(code=code, message=shown["message"], path=list(path), retry_after_seconds=None)
        return ActionResult(errors=[error], status=ActionResultStatus.FAILED)

    async def _not_done(
        self, status: ActionResultStatus, refused: Refusal | InputRefused, path: tuple[str, ...], case_id: Any = None
    ) -> ActionResult:
        context = self._context
        context.reads.renew()
        errors = await user_errors(_moved(refused, path), context, case_id)
        context.actions.codes.extend(error.code for error in errors)
        return ActionResult(errors=errors, status=status)


def _moved(refused: Refusal | InputRefused, path: tuple[str, ...]) -> Refusal | InputRefused:
    """Have what was *refused* be about its place in the input of all."""
    for refusal in refused.refusals if isinstance(refused, InputRefused) else (refused,):
        refusal.path = (*path, *refusal.path[1:])
    return refused


def _show_latest(results: Sequence[ActionResult]) -> None:
    """Have all results show their cases and overrides as the last action on each has left them.

    Nothing is read for that: what was done must not be lost to a fault that comes afterwards.
    """
    for name in ("case", "override"):
        shown = [(result, getattr(result, name)) for result in results if getattr(result, name) is not None]
        latest = {row.id: row for _, row in shown}
        for result, row in shown:
            setattr(result, name, latest[row.id])


async def perform_many(
    info: Info, input: Annotated[PerformActionsInput, strawberry.argument(description="What to do.")]
) -> PerformActionsPayload:
    """Do several actions, one after the other."""
    inputs = input.inputs
    if not inputs:
        raise Required("input", "inputs")
    if len(inputs) > ACTIONS_MAX:
        detail = Detail("length", {"actual": len(inputs), "maximum": ACTIONS_MAX})
        raise InvalidInput("input", "inputs", detail=detail)
    bulk = _Bulk(info.context, on_error=input.on_error or OnError.CONTINUE, dry_run=bool(input.dry_run))
    return PerformActionsPayload(errors=[], results=await bulk.perform(inputs))


def _leave_to_each(_: Actor) -> None:
    """Admit everybody: what a token may is looked at for each action."""


@strawberry.type(description="Many actions in one request.")
class BulkMutation:
    perform_actions: PerformActionsPayload = strawberry.field(
        resolver=perform_many,
        description=f"Perform up to {ACTIONS_MAX} actions, one after the other, each as its own mutation does it, as a"
        " transaction of its own, with its own `idempotencyKey`, row of the log and errors. Each counts as a request in"
        " the rate limit. Give each a key, so that a retry of all does none twice.",
        extensions=[PayloadPermission(_leave_to_each)],
    )
