"""The commands of administration, already of the right shape, and how one that has to wait is stored and read again."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any
from uuid import UUID

from app.domain.account_log import AdminActionType, Details
from app.domain.addresses import Address, parse_address
from app.domain.admin_command import AdminCommand as AdminCommand
from app.domain.directory import DirectoryEntry
from app.domain.model import Language, Role, Scope
from app.domain.webhook_commands import CreateWebhook, UpdateWebhook, requested_webhook
from app.domain.webhooks import SignatureScheme

POLICIES = frozenset(
    {
        "cases_enabled",
        "overrides_enabled",
        "restrict_to_assigned_reviewers",
        "require_reviewed_version",
        "retention_days",
        "override_expiry_hours",
        "due_hours",
        "reminder_hours",
        "escalation_hours",
        "checklist",
    }
)
"""The settings that decide who may do what, how long content and overrides are kept, and what is due on cases, when."""

NOTHING: Mapping[str, object] = {
    "retention_days": 0,
    "override_expiry_hours": 0,
    "due_hours": "",
    "reminder_hours": 0,
    "escalation_hours": 0,
    "checklist": "",
}
"""Of the settings that an account may have none of, what stands for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InviteUser(AdminCommand):
    type = AdminActionType.INVITE_USER
    email: Address
    display_name: str
    roles: tuple[Role, ...]
    language: Language | None = None
    directory: DirectoryEntry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCommand(AdminCommand):
    """A command on an existing person or service account."""

    user_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateUser(UserCommand):
    """Change what is given; None leaves it as it is."""

    type = AdminActionType.UPDATE_USER
    email: Address | None = None
    display_name: str | None = None
    language: Language | None = None
    directory: DirectoryEntry | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeactivateUser(UserCommand):
    type = AdminActionType.DEACTIVATE_USER


@dataclass(frozen=True, slots=True, kw_only=True)
class ReactivateUser(UserCommand):
    type = AdminActionType.REACTIVATE_USER


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRoles(UserCommand):
    """Make somebody's roles these."""

    type = AdminActionType.CHANGE_ROLES
    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateToken(UserCommand):
    """Make a token: one's own, or a service account's."""

    type = AdminActionType.CREATE_TOKEN
    scopes: tuple[Scope, ...]
    name: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeToken(AdminCommand):
    type = AdminActionType.REVOKE_TOKEN
    token_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateServiceAccount(AdminCommand):
    type = AdminActionType.CREATE_SERVICE_ACCOUNT
    display_name: str
    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateAccount(AdminCommand):
    """Change the settings that are given; None leaves one as it is, and `NOTHING` says what takes it away."""

    type = AdminActionType.UPDATE_ACCOUNT
    name: str | None = None
    default_language: Language | None = None
    cases_enabled: bool | None = None
    overrides_enabled: bool | None = None
    restrict_to_assigned_reviewers: bool | None = None
    require_reviewed_version: bool | None = None
    retention_days: int | None = None
    override_expiry_hours: int | None = None
    due_hours: str | None = None
    reminder_hours: int | None = None
    escalation_hours: int | None = None
    checklist: str | None = None

    @property
    def settings(self) -> dict[str, object]:
        """All settings by the names of their columns."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "idempotency_key"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeCommand(AdminCommand):
    """A command on a change that waits."""

    change_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproveChange(ChangeCommand):
    type = AdminActionType.APPROVE_CHANGE


@dataclass(frozen=True, slots=True, kw_only=True)
class RefuseChange(ChangeCommand):
    type = AdminActionType.REFUSE_CHANGE


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelChange(ChangeCommand):
    type = AdminActionType.CANCEL_CHANGE


# --- Changes as they are stored --------------------------------------------------------------------------------------

WAITING: Mapping[AdminActionType, type[AdminCommand]] = {
    command.type: command
    for command in (
        InviteUser,
        UpdateUser,
        DeactivateUser,
        ReactivateUser,
        ChangeRoles,
        CreateToken,
        UpdateAccount,
        CreateWebhook,
        UpdateWebhook,
    )
}
"""The commands that may have to wait for a second admin."""

_READERS: Mapping[str, Callable[[Any], Any]] = {
    "user_id": UUID,
    "webhook_id": UUID,
    "scheme": SignatureScheme,
    "email": parse_address,
    "roles": lambda words: tuple(map(Role, words)),
    "scopes": lambda words: tuple(map(Scope, words)),
    "expires_at": datetime.fromisoformat,
    "language": Language,
    "default_language": Language,
}


def plain(command: AdminCommand) -> dict[str, object]:
    """Return what a command asks for as JSON has it, without its key and what it leaves as it is."""
    values = {field.name: getattr(command, field.name) for field in fields(command)}
    del values["idempotency_key"]
    return {name: _encoded(value) for name, value in values.items() if value is not None}


def _encoded(value: object) -> Any:
    match value:
        case Address():
            return value.written
        case tuple():
            return list(value)
        case bool() | int():
            return value
    return str(value)


def payload_of(command: AdminCommand) -> str:
    """Return a command as it is stored while it waits."""
    return json.dumps(plain(command), ensure_ascii=False, sort_keys=True)


def command_of(type: AdminActionType, payload: str) -> AdminCommand:
    """Return the command that `payload_of` has stored."""
    found = json.loads(payload)
    return WAITING[type](**{name: _READERS.get(name, _same)(value) for name, value in found.items()})


def _same(value: Any) -> Any:
    return value


def requested_details(command: AdminCommand) -> Details:
    """Return what a row says of a change that waits: roles and settings, and of a person which fields alone."""
    match command:
        case InviteUser() | ChangeRoles():
            return {"roles": sorted(command.roles)}
        case CreateToken():
            return {"scopes": list(command.scopes)}
        case UpdateUser():
            return {"fields": ["email"]}
        case UpdateAccount():
            given = {name: value for name, value in command.settings.items() if value is not None}
            return {name: [] if name == "name" else [str(value)] for name, value in given.items()}
    return requested_webhook(command)
