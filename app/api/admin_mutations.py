"""The mutations of administration: what they take, and which payload they give.

Who may do them is in `domain.administration`; what they do is in `app.admin.perform`, which decides under the lock.
"""

from typing import Annotated, Any

import strawberry

from app.admin.perform import AdminOutcome, administer, rehearse_admin
from app.api import admin_payloads as gives
from app.api.context import Context, Info
from app.api.inputs import administration as takes
from app.api.inputs.account_settings import UpdateAccountInput
from app.api.payload_permission import PayloadPermission
from app.db.repository.people import users_by_id
from app.domain.administration import admit_admin

RETRIES = "Give an `idempotencyKey`, so that a retry writes no second row."


def admin_mutation(input_type: Any, payload: Any, description: str) -> Any:
    """Return a mutation of administration, with the permission extension that each of them carries."""

    async def resolve(info: Info, input: Any) -> Any:
        context, command = info.context, input.command
        database, actor, request_id = context.database, context.actor, context.request.request_id
        if input.dry_run:
            return payload.supposing(await rehearse_admin(database, actor, command, request_id=request_id))
        lifetime = context.services.key_lifetime
        outcome = await administer(database, actor, command, request_id=request_id, key_lifetime=lifetime)
        context.reads.renew()
        return payload.of(outcome, await _person(context, outcome))

    argument = Annotated[input_type, strawberry.argument(description="What to do.")]
    resolve.__annotations__ = {"info": Info, "input": argument, "return": payload}
    return strawberry.field(
        resolver=resolve, description=f"{description} {RETRIES}", extensions=[PayloadPermission(admit_admin)]
    )


async def _person(context: Context, outcome: AdminOutcome) -> Any:
    """Return whom it is about, as they are now."""
    if outcome.action.target_user_id is None:
        return None
    async with context.database.read() as connection:
        (found,) = await users_by_id(connection, context.actor.account_id, [outcome.action.target_user_id])
    return found


@strawberry.type(
    description="Administration. Each is one row in the account's own log, or is refused and writes nothing."
)
class AdminMutation:
    invite_user: gives.InviteUserPayload = admin_mutation(
        takes.InviteUserInput,
        gives.InviteUserPayload,
        "Add a person. For admins; where it gives REVIEWER or ADMIN, a second one approves it.",
    )
    update_user: gives.UpdateUserPayload = admin_mutation(
        takes.UpdateUserInput,
        gives.UpdateUserPayload,
        "Change a person's address, name or language. For admins; a second one approves another address.",
    )
    deactivate_user: gives.DeactivateUserPayload = admin_mutation(
        takes.DeactivateUserInput,
        gives.DeactivateUserPayload,
        "End a person's right to act, and their tokens. For admins, never oneself; of another admin a second one"
        " approves it, who may be that admin.",
    )
    reactivate_user: gives.ReactivateUserPayload = admin_mutation(
        takes.ReactivateUserInput,
        gives.ReactivateUserPayload,
        "Let a person act again. For admins; where they are a reviewer or an admin, a second one approves it.",
    )
    change_roles: gives.ChangeRolesPayload = admin_mutation(
        takes.ChangeRolesInput,
        gives.ChangeRolesPayload,
        "Give and take roles. For admins, who give themselves none; a second one approves REVIEWER and ADMIN.",
    )
    create_token: gives.CreateTokenPayload = admin_mutation(
        takes.CreateTokenInput,
        gives.CreateTokenPayload,
        "Make a token: one of your own, or as an admin a service account's. A second admin approves one that may record"
        " results.",
    )
    revoke_token: gives.RevokeTokenPayload = admin_mutation(
        takes.RevokeTokenInput,
        gives.RevokeTokenPayload,
        "End a token at once and for good: one of your own, or as an admin anybody's.",
    )
    create_service_account: gives.CreateServiceAccountPayload = admin_mutation(
        takes.CreateServiceAccountInput,
        gives.CreateServiceAccountPayload,
        "Make a service account, for a system. For admins. It never reviews.",
    )
    update_account: gives.UpdateAccountPayload = admin_mutation(
        UpdateAccountInput,
        gives.UpdateAccountPayload,
        "Change the account's settings. For admins; a second one approves policies.",
    )
    approve_change: gives.ApproveChangePayload = admin_mutation(
        takes.ApproveChangeInput,
        gives.ApproveChangePayload,
        "Approve a change that waits, and have it done. For an admin who neither asked for it nor is favoured by it.",
    )
    refuse_change: gives.RefuseChangePayload = admin_mutation(
        takes.RefuseChangeInput,
        gives.RefuseChangePayload,
        "Refuse a change that waits. For an admin who did not ask for it.",
    )
    cancel_change: gives.CancelChangePayload = admin_mutation(
        takes.CancelChangeInput, gives.CancelChangePayload, "Take a change back that waits. For admins."
    )
