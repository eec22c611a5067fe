"""The mutations of webhooks: administration, with what the settings and the schema say of a URL and a document."""

import json
from dataclasses import replace
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from app.admin.perform import AdminOutcome, administer, rehearse_admin
from app.api.admin_mutations import RETRIES
from app.api.admin_payloads import AdminPayload
from app.api.context import Context, Info
from app.api.inputs import webhooks as takes
from app.api.payload_permission import PayloadPermission
from app.api.types.webhooks import Webhook
from app.db.repository.webhooks import webhook_row
from app.db.webhook_rows import WebhookRow
from app.domain.account_log import AdminActionType
from app.domain.admin_command import AdminCommand
from app.domain.administration import admit_admin, authorize_admin
from app.domain.errors import InputRefused, InvalidCursor, InvalidInput, Refusal
from app.domain.webhook_commands import CreateWebhook, ReplayWebhook, UpdateWebhook
from app.live.cursors import read_log_cursor
from app.webhooks.registration import WebhookRegistration
from app.webhooks.rotation import until_delivered_so

_MADE = "The webhook as it is now; null where it waits or is gone, and in a dry run."


@strawberry.type(description="What administering a webhook gave.")
class WebhookPayload(AdminPayload):
    webhook: Webhook | None = strawberry.field(default=None, description=_MADE)


_SECRET = (
    "What to verify deliveries with, shown this once: `whsec_…`, the secret, or `whpk_…`, the public key. Null in a dry"
    " run, and where it was replayed."
)


@strawberry.type(description="What making a webhook gave.")
class CreateWebhookPayload(WebhookPayload):
    secret: str | None = strawberry.field(default=None, description=_SECRET)


@strawberry.type(description="What changing a webhook gave.")
class UpdateWebhookPayload(WebhookPayload):
    pass


@strawberry.type(description="What making another secret gave.")
class RotateWebhookSecretPayload(WebhookPayload):
    secret: str | None = strawberry.field(default=None, description=_SECRET)


@strawberry.type(description="What pausing a webhook gave.")
class PauseWebhookPayload(WebhookPayload):
    pass


@strawberry.type(description="What resuming a webhook gave.")
class ResumeWebhookPayload(WebhookPayload):
    pass


@strawberry.type(description="What sending the log again gave.")
class ReplayWebhookPayload(WebhookPayload):
    pass


@strawberry.type(description="What asking for a ping gave.")
class TestWebhookPayload(WebhookPayload):
    pass


@strawberry.type(description="What deleting a webhook gave.")
class DeleteWebhookPayload(WebhookPayload):
    pass


def _webhook_mutation(input_type: Any, payload: Any, description: str) -> Any:
    async def resolve(info: Info, input: Any) -> Any:
        context = info.context
        command = await _checked(context, input)
        database, actor, request_id = context.database, context.actor, context.request.request_id
        if input.dry_run:
            return payload.supposing(await rehearse_admin(database, actor, command, request_id=request_id))
        lifetime = context.services.key_lifetime
        outcome = await administer(database, actor, command, request_id=request_id, key_lifetime=lifetime)
        if input_type is takes.RotateWebhookSecretInput and not outcome.replayed:
            await until_delivered_so(database, actor.account_id, input.command.webhook_id)
        context.reads.renew()
        return await _shown(context, payload.of(outcome, None), outcome, command)

    argument = Annotated[input_type, strawberry.argument(description="What to do.")]
    resolve.__annotations__ = {"info": Info, "input": argument, "return": payload}
    return strawberry.field(
        resolver=resolve, description=f"{description} {RETRIES}", extensions=[PayloadPermission(admit_admin)]
    )


async def _checked(context: Context, input: Any) -> AdminCommand:
    """Return the command, if settings and schema allow its URL and its document. Raises: InputRefused, Refusal."""
    command: AdminCommand = input.command
    match command:
        case ReplayWebhook() if input.after is not None:
            return _replayed_after(context, command, input.after)
        case CreateWebhook() | UpdateWebhook():
            authorize_admin(command, context.actor, None)
            return await _registered(_registration(context), command)
    return command


def _replayed_after(context: Context, command: ReplayWebhook, cursor: str) -> ReplayWebhook:
    try:
        position, position_id = read_log_cursor(context.actor.account_id, cursor, "after")
    except InvalidCursor:
        raise InvalidCursor("input", "after") from None
    return replace(command, position=position, position_id=position_id)


async def _registered(
    registration: WebhookRegistration, command: CreateWebhook | UpdateWebhook
) -> CreateWebhook | UpdateWebhook:
    faults: list[Refusal] = []
    if command.url is not None:
        try:
            command = replace(command, url=registration.url(command.url, "input", "url"))
        except InvalidInput as refused:
            faults.append(refused)
    if command.document is not None:
        try:
            await registration.document(command.document, "input", "document")
        except InvalidInput as refused:
            faults.append(refused)
    if faults:
        raise InputRefused(faults)
    return command


def _registration(context: Context) -> WebhookRegistration:
    registration = context.services.webhooks
    assert registration is not None
    return registration


async def _shown(context: Context, payload: Any, outcome: AdminOutcome, command: AdminCommand) -> Any:
    """Return the payload with the webhook as it is now, and its secret where one was made."""
    account_id, webhook_id = context.actor.account_id, _webhook_id(outcome)
    async with context.database.read() as connection:
        row = await webhook_row(connection, account_id, webhook_id)
    payload.webhook = cast(Webhook | None, row)
    if not outcome.replayed and hasattr(payload, "secret"):
        payload.secret = await _secret(context, webhook_id, row, command)
    return payload


async def _secret(context: Context, webhook_id: UUID, row: WebhookRow | None, command: AdminCommand) -> str | None:
    if row is not None:
        scheme, version = row.scheme, row.secret_version
    elif isinstance(command, CreateWebhook):  # which waits: the change's id will be the webhook's
        scheme, version = command.scheme, 1
    else:
        return None
    return (await _registration(context).keys.key(scheme, webhook_id, version)).verifier


def _webhook_id(outcome: AdminOutcome) -> UUID:
    """Return which webhook it is about; the id of one that waits is its change's."""
    found = json.loads(outcome.action.details).get("webhook")
    if found is not None:
        return UUID(found[0])
    assert outcome.change is not None and outcome.change.type is AdminActionType.CREATE_WEBHOOK
    return outcome.change.id


@strawberry.type(description="Webhooks. Each is one row in the account's own log, or is refused and writes nothing.")
class WebhookMutation:
    create_webhook: CreateWebhookPayload = _webhook_mutation(
        takes.CreateWebhookInput,
        CreateWebhookPayload,
        "Make a webhook, and a service account that it reads as. For admins; a second one approves it.",
    )
    update_webhook: UpdateWebhookPayload = _webhook_mutation(
        takes.UpdateWebhookInput,
        UpdateWebhookPayload,
        "Change a webhook. For admins; a second one approves another URL.",
    )
    rotate_webhook_secret: RotateWebhookSecretPayload = _webhook_mutation(
        takes.RotateWebhookSecretInput,
        RotateWebhookSecretPayload,
        "Give a webhook another secret; from then on deliveries have a signature by each for a while. For admins.",
    )
    pause_webhook: PauseWebhookPayload = _webhook_mutation(
        takes.PauseWebhookInput, PauseWebhookPayload, "Send a webhook nothing more, and keep its place. For admins."
    )
    resume_webhook: ResumeWebhookPayload = _webhook_mutation(
        takes.ResumeWebhookInput,
        ResumeWebhookPayload,
        "Send to a webhook that was paused or disabled, from its place, once it answers a ping. For admins.",
    )
    replay_webhook: ReplayWebhookPayload = _webhook_mutation(
        takes.ReplayWebhookInput,
        ReplayWebhookPayload,
        "Send a webhook again what it was sent, from an earlier place of the log on. For admins.",
    )
    test_webhook: TestWebhookPayload = _webhook_mutation(
        takes.TestWebhookInput, TestWebhookPayload, "Send a webhook a ping; `deliveries` shows its answer. For admins."
    )
    delete_webhook: DeleteWebhookPayload = _webhook_mutation(
        takes.DeleteWebhookInput, DeleteWebhookPayload, "Delete a webhook, and end its service account. For admins."
    )
