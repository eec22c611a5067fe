"""What a decision on a webhook rests on, read under the account's lock, and the states in which it can be done."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.repository.webhooks import webhook_count, webhook_row
from app.domain.account_log import ChangeStatus
from app.domain.admin_command import AdminCommand
from app.domain.administration import AdminFacts
from app.domain.errors import ChangeNotPending, Detail, InvalidInput, NotFound
from app.domain.model import Resource
from app.domain.webhook_commands import (
    CHANGEABLE,
    CreateWebhook,
    PauseWebhook,
    ReplayWebhook,
    ResumeWebhook,
    TestWebhook,
    UpdateWebhook,
    WebhookCommand,
)
from app.domain.webhooks import DELIVERING, WEBHOOKS_MAX, WebhookFacts


async def with_webhook(
    connection: AsyncConnection, account_id: UUID, command: AdminCommand, facts: AdminFacts, *, has_waited: bool = False
) -> AdminFacts:
    """Return the facts with those of the endpoint that the command is about.

    Raises: NotFound, ChangeNotPending where it has waited and the endpoint is gone, InvalidInput for one too many.
    """
    if isinstance(command, CreateWebhook) and await webhook_count(connection, account_id) >= WEBHOOKS_MAX:
        raise InvalidInput("input", detail=Detail("webhooks_max", {"maximum": WEBHOOKS_MAX}))
    if not isinstance(command, WebhookCommand):
        return facts
    row = await webhook_row(connection, account_id, command.webhook_id)
    if row is None and has_waited:
        raise ChangeNotPending("input", "changeId", status=ChangeStatus.STALE)
    if row is None:
        raise NotFound("input", "endpointId", resource=Resource.WEBHOOK)
    values = {name: getattr(row, name) for name in CHANGEABLE}
    return replace(facts, webhook=WebhookFacts(row.state, row.position, row.position_id, values))


def demand_webhook_state(command: AdminCommand, webhook: WebhookFacts | None) -> None:
    """Refuse what there is nothing to change by, and what the endpoint's state does not allow. Raises: InvalidInput."""
    if not isinstance(command, WebhookCommand) or webhook is None:
        return
    match command:
        case UpdateWebhook():
            would_change = any(webhook.values[name] != value for name, value in command.given.items())
            _demand(would_change, Detail("no_change"))
        case PauseWebhook():
            _demand(webhook.state in DELIVERING, Detail("no_change"), "endpointId")
        case ResumeWebhook():
            _demand(webhook.state not in DELIVERING, Detail("no_change"), "endpointId")
        case TestWebhook():
            _demand(webhook.state in DELIVERING, Detail("webhook_stopped"), "endpointId")
        case ReplayWebhook():
            is_back = (command.position, command.position_id) <= (webhook.position, webhook.position_id)
            _demand(is_back, Detail("webhook_ahead"), "after")


def _demand(is_so: bool, detail: Detail, *path: str) -> None:
    if not is_so:
        raise InvalidInput("input", *path, detail=detail)
