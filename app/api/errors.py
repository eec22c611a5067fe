"""Refusals as data: each payload's `errors` has one interface and a concrete type where there is more to say."""

from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

import strawberry

from app.api.context import Context, Info
from app.api.enums import ActionType, CaseStatus, ChangeStatus, ErrorCode, Feature, Resource, Role, Scope
from app.api.fields import described
from app.api.types import Case, CaseAction
from app.db.repository import log
from app.db.rows import ActionRow
from app.domain.errors import (
    AccessRefused,
    AccountStateRefused,
    InputRefused,
    NotAttempted,
    NotFound,
    Refusal,
    RetryLater,
    StateRefused,
    Unauthenticated,
    VersionConflict,
)
from app.domain.workflow import allowed_from

ACTIONS_SINCE_MAX = 100
ERRORS_MAX = 50


@strawberry.interface(description="Why something was not done. Nothing of the request was written.")
class UserError:
    code: ErrorCode = described("Stable and language-free.")
    message: str = described("For people, in the language of the request.")
    path: list[str] = described(
        "The argument it is about, as in `input`, `reviewerIds`, `0`: a part for each level; empty for none."
    )


@strawberry.type(description="Something about the input is wrong: its shape, or what it refers to.")
class InputError(UserError):
    maximum: int | None = described("The limit that was passed, where there is one.")


@strawberry.type(description="There is no such thing in this account.")
class NotFoundError(UserError):
    resource: Resource = described("What there is not.")


@strawberry.type(description="The account, the token or the person may not do this, whatever the state of the case.")
class AccessError(UserError):
    required_roles: list[Role] = described("Any of these roles would do; each once at most.")
    required_scope: Scope | None = described("The scope that the token lacks.")
    disabled_feature: Feature | None = described("The feature that the account lacks.")


@strawberry.type(description="The case, its override or its subject is not in a state that allows it.")
class StateError(UserError):
    case: Case | None = described("The case as it is now; for ACTIVE_CASE_EXISTS the one that stands in the way.")
    case_status: CaseStatus | None = described("Where that case stands.")
    allowed_actions: list[ActionType] = described(
        "What the workflow allows from there, to people with the right role; each once at most."
    )


@strawberry.type(
    description="Nothing is wrong with the action itself: a limit, the time, a fault or another action came between."
)
class RetryError(UserError):
    retry_after_seconds: int | None = described("In how many seconds it may be sent again; null where nobody knows.")


@strawberry.type(description="The account, its people or a change that waits are not in a state that allows it.")
class AdministrationError(UserError):
    change_status: ChangeStatus | None = described("Where the change stands, if it is about one.")


async def case_now(parent: strawberry.Parent[Any], info: Info) -> Case | None:
    """Return the case that another person has changed; None where it is the subject of one that is not open yet."""
    return None if parent.case_id is None else cast(Case, await info.context.loaders.cases.load(parent.case_id))


async def actions_since(parent: strawberry.Parent[Any], info: Info) -> list[CaseAction] | None:
    """Return what others did since the expected version; each action makes one version."""
    if parent.case_id is None:
        return []
    context = info.context
    async with context.database.read() as connection:
        rows: list[ActionRow] = await log.actions_since(
            connection, context.actor.account_id, parent.case_id, parent.expected_version, ACTIONS_SINCE_MAX
        )
    return cast(list[CaseAction], rows)


@strawberry.type(description="Somebody was faster: look at what they did, then ask again with the new version.")
class VersionConflictError(UserError):
    case_id: strawberry.Private[UUID | None]
    expected_version: int = described("The version that the input expected.")
    actual_version: int = described("The version that there is.")
    case: Case | None = strawberry.field(
        resolver=case_now,
        description="The case as it is now; null for openCase, which expects a version of the subject.",
    )
    actions_since: list[CaseAction] | None = strawberry.field(
        resolver=actions_since,
        description=f"What was done to the case since then, oldest first, {ACTIONS_SINCE_MAX} at most. It is null where"
        " the token may not read cases.",
    )


async def user_errors(
    refused: Refusal | InputRefused, context: Context, case_id: UUID | None = None
) -> Sequence[UserError]:
    """Return *refused* as the payload shows it; *case_id* is the case that the action was about."""
    if isinstance(refused, InputRefused):
        return [_user_error(refusal, context) for refusal in refused.refusals[:ERRORS_MAX]]
    if isinstance(refused, StateRefused):
        return [await _state_error(refused, context)]
    if isinstance(refused, VersionConflict):
        return [
            VersionConflictError(
                **_common(refused, context),
                case_id=case_id,
                expected_version=cast(int, refused.params["expected"]),
                actual_version=cast(int, refused.params["actual"]),
            )
        ]
    return [_user_error(refused, context)]


def _common(refusal: Refusal, context: Context) -> dict[str, Any]:
    return {"code": refusal.code, "message": context.request.message(refusal), "path": list(refusal.path)}


def _user_error(refusal: Refusal, context: Context) -> UserError:
    common = _common(refusal, context)
    params: Mapping[str, Any] = refusal.params
    if isinstance(refusal, NotFound):
        return NotFoundError(**common, resource=params["resource"])
    if isinstance(refusal, AccessRefused | Unauthenticated):
        return AccessError(
            **common,
            required_roles=list(params.get("roles", ())),
            required_scope=params.get("scope"),
            disabled_feature=params.get("feature"),
        )
    if isinstance(refusal, AccountStateRefused):
        return AdministrationError(**common, change_status=params.get("status"))
    if isinstance(refusal, RetryLater | NotAttempted):
        return RetryError(**common, retry_after_seconds=params.get("seconds"))
    detail = params.get("detail")
    return InputError(**common, maximum=params.get("max") if detail is None else detail.params.get("maximum"))


async def _state_error(refusal: StateRefused, context: Context) -> UserError:
    case = None if refusal.case_id is None else await context.loaders.cases.load(refusal.case_id)
    return StateError(
        **_common(refusal, context),
        case=case,
        case_status=case.status if case else None,
        allowed_actions=allowed_from(case.status) if case else [],
    )


ERROR_TYPES = (
    InputError,
    NotFoundError,
    AccessError,
    StateError,
    VersionConflictError,
    AdministrationError,
    RetryError,
)
