"""Field extensions that refuse by feature, scope and role before anything is done or shown.

Whose override it is, and what may change under our feet (status, version, reviewers), is checked by
`app.actions.perform` as it reads the case, in DOMAIN.md's order.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField

from app.actions.outcome import Outcome
from app.api.context import Context, Info
from app.api.errors import user_errors
from app.api.inputs.action_input import ActionInput
from app.db.errors import AuthorityChanged
from app.domain.access import permit_reading
from app.domain.administration import permit_admin_reading
from app.domain.commands import CaseCommand, DocumentedCommand
from app.domain.errors import InputRefused, NotFound, Refusal, Required, VersionConflict
from app.domain.facts import Actor
from app.domain.model import ActionType, Feature, Resource, Scope
from app.domain.workflow import admit, authorize_role

Next = Callable[..., Awaitable[object]]


class ActionPermission(FieldExtension):
    """Goes through DOMAIN.md's order of checks up to the role, and makes every refusal a payload with `errors`."""

    def __init__(self, action: ActionType) -> None:
        self.action = action
        self.payload: Any = None

    def apply(self, field: StrawberryField) -> None:
        """Note the payload that has the refusals."""
        self.payload = field.type

    async def resolve_async(self, next_: Next, source: object, info: Info, **kwargs: Any) -> Any:
        context, action_input = info.context, kwargs["input"]
        context.reads.renew()
        if action_input.files:  # what was received can be taken once
            context.demand_lookup()
        try:
            outcome = await enter(context, self.action, action_input)
            if outcome is None:
                return await next_(source, info, **kwargs)
            context.demand_lookup()
            return self.payload.of(outcome)
        except (Refusal, InputRefused, AuthorityChanged) as refused:
            context.demand_lookup()
            if isinstance(refused, AuthorityChanged):
                raise
            context.reads.renew()
            errors = await user_errors(refused, context, case_of(action_input, refused))
            context.actions.codes.extend(error.code for error in errors)
            return self.payload(errors=errors)


def case_of(action_input: ActionInput, refused: Refusal | InputRefused) -> UUID | None:
    """Return the case whose version was another one, where that was *refused*."""
    if not isinstance(refused, VersionConflict):
        return None
    return action_input.command.case_id if isinstance(action_input.command, CaseCommand) else None


async def enter(context: Context, action: ActionType, action_input: ActionInput) -> Outcome | None:
    """Go through the checks that need no lock; return what the input's key already made, None where it is to be done.

    No state is looked at. Whether the case is there is seen with its state; here only, where there is a refusal that it
    comes before. Raises: Refusal or InputRefused.
    """
    admit(action, context.actor, brings_documents=bool(action_input.files))
    _take_unnamed(context, action_input)
    command = action_input.command
    outcome = await context.actions.replay(command)
    if outcome is not None:
        return outcome
    if isinstance(command, DocumentedCommand) and command.new_documents:
        await _demand_case(context, command)  # no file is stored for a case that is not there
    try:
        authorize_role(action, context.actor)
    except Refusal:
        if isinstance(command, CaseCommand):
            await _demand_case(context, command)
        raise
    return None


def _take_unnamed(context: Context, action_input: ActionInput) -> None:
    """Note what the client of another API did not name. Raises: InputRefused, where the account requires it by now."""
    unnamed = context.request.unnamed
    if unnamed and context.request.identity.account.require_reviewed_version:
        raise InputRefused([Required("input", name) for name in sorted(unnamed)])
    if unnamed:
        action_input.unnamed = unnamed


async def _demand_case(context: Context, command: CaseCommand) -> None:
    if await context.loaders.cases.load(command.case_id) is None:
        raise NotFound("input", "caseId", resource=Resource.CASE) from None


class ReadPermission(FieldExtension):
    """Refuses to read with an error of the operation: there is no payload to tell it in."""

    def __init__(self, scope: Scope, feature: Feature | None = None) -> None:
        self.scope = scope
        self.feature = feature

    def permit(self, actor: Actor) -> None:
        """Let *actor* read, or refuse. Raises: as `permit_reading`."""
        permit_reading(actor, self.scope, self.feature)

    def resolve_async(self, next_: Next, source: object, info: Info, **kwargs: object) -> Awaitable[object]:  # type: ignore[override]  # to be awaited all the same
        self.permit(info.context.actor)
        return next_(source, info, **kwargs)


class AdminReadPermission(ReadPermission):
    """Refuses to read who is no admin."""

    def __init__(self) -> None:
        super().__init__(Scope.ADMIN_READ)

    def permit(self, actor: Actor) -> None:
        permit_admin_reading(actor)
