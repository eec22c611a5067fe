"""The commands on webhooks, already of the right shape."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from app.domain.account_log import AdminActionType
from app.domain.admin_command import AdminCommand
from app.domain.webhooks import GRACE_HOURS, SignatureScheme

CHANGEABLE: Mapping[str, str] = {
    "name": "name",
    "url": "url",
    "document": "document",
    "description": "description",
    "cloud_events": "cloudEvents",
}
"""The columns of an endpoint that admins change, and how the log names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateWebhook(AdminCommand):
    type = AdminActionType.CREATE_WEBHOOK
    name: str
    url: str
    document: str
    scheme: SignatureScheme
    description: str | None = None
    cloud_events: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookCommand(AdminCommand):
    """A command on an endpoint that there is."""

    webhook_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateWebhook(WebhookCommand):
    """Change what is given; None leaves it as it is."""

    type = AdminActionType.UPDATE_WEBHOOK
    name: str | None = None
    url: str | None = None
    document: str | None = None
    description: str | None = None
    cloud_events: bool | None = None

    @property
    def given(self) -> dict[str, str | bool]:
        """What is given, by the names of the columns."""
        values = {name: getattr(self, name) for name in CHANGEABLE}
        return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class RotateWebhookSecret(WebhookCommand):
    """Make another secret; the one before goes on signing for so many hours."""

    type = AdminActionType.ROTATE_WEBHOOK_SECRET
    grace_hours: int = GRACE_HOURS


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseWebhook(WebhookCommand):
    type = AdminActionType.PAUSE_WEBHOOK


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeWebhook(WebhookCommand):
    type = AdminActionType.RESUME_WEBHOOK


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayWebhook(WebhookCommand):
    """Send again what comes after a place in the log, by the key of its row."""

    type = AdminActionType.REPLAY_WEBHOOK
    position: int
    position_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class TestWebhook(WebhookCommand):
    """Send a ping."""

    __test__ = False  # pytest takes its name for a test's
    type = AdminActionType.TEST_WEBHOOK


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteWebhook(WebhookCommand):
    type = AdminActionType.DELETE_WEBHOOK


def url_details(url: str) -> dict[str, list[str]]:
    """Return what the log says of a URL: its host, since the rest may be a secret."""
    return {"host": [urlsplit(url).hostname or ""]}


def changed_fields(names: Iterable[str]) -> list[str]:
    """Return columns of an endpoint as the log names them."""
    return sorted(CHANGEABLE[name] for name in names)


def requested_webhook(command: AdminCommand) -> dict[str, Any]:
    """Return what a row says of an endpoint that waits for a second admin."""
    match command:
        case CreateWebhook():
            return url_details(command.url)
        case UpdateWebhook():
            host = {} if command.url is None else url_details(command.url)
            return {"webhook": [str(command.webhook_id)], "fields": changed_fields(command.given)} | host
    return {}
