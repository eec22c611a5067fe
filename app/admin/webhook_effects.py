"""What the commands on webhooks write beside their row of the log; they are allowed by then.

Nothing is sent here: the process that delivers finds what has changed by the endpoint's version.
"""

import secrets
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, tuple_, update

from app import clock
from app.admin.drafts import AdminDraft, AdminEffect
from app.admin.new_tokens import token_details
from app.db import tables
from app.db.repository.administration import token_row
from app.db.repository.log_tail import last_key, safe_position
from app.db.repository.webhooks import webhook_row
from app.db.rows import TokenRow, UserRow
from app.db.user_writes import insert_user, revoke_tokens
from app.db.webhook_rows import WebhookRow
from app.domain.account_log import AdminActionType, Details
from app.domain.model import Scope, UserKind
from app.domain.webhook_commands import changed_fields, url_details
from app.domain.webhooks import DELIVERING, SecretVersions, WebhookState

TOKEN_PREFIX = "webhook"
SCOPES = (Scope.CASES_READ, Scope.DOCUMENTS_READ, Scope.USERS_READ)
"""What an endpoint may be shown, if its document asks for it."""


async def create_webhook(draft: AdminDraft) -> Details:
    """Insert an endpoint, and the service account that it acts as. It begins with the next row of the log."""
    command, connection, now = draft.command, draft.connection, draft.now
    identity = await _insert_identity(draft)
    position, position_id = await last_key(connection, draft.account_id, await safe_position(connection))
    values = {
        "id": draft.change_id or clock.new_id(),
        "account_id": draft.account_id,
        "user_id": draft.user_id,
        "token_id": draft.token_id,
        "name": command.name,
        "description": command.description,
        "url": command.url,
        "document": command.document,
        "scheme": command.scheme,
        "cloud_events": command.cloud_events,
        "position": position,
        "position_id": position_id,
        "created_at": now,
        **_unverified(draft),
    }
    await connection.execute(insert(tables.webhooks), values)
    return {"webhook": [str(values["id"])]} | url_details(command.url) | identity


async def _insert_identity(draft: AdminDraft) -> dict[str, list[str]]:
    """Insert a service account, and a token of it; return what the row of the log says of them."""
    user_id = clock.new_id()
    name = draft.command.name
    user = UserRow(
        id=user_id,
        email=f"{user_id}@service.invalid",
        display_name=name,
        active=True,
        language=None,
        created_at=draft.now,
        kind=UserKind.SERVICE,
        roles=(),
    )
    address = await insert_user(draft.connection, draft.account_id, user)
    return {"roles": []} | address | await _insert_token(draft, user_id, name)


async def _insert_token(draft: AdminDraft, user_id: UUID, name: str) -> dict[str, list[str]]:
    """Insert a token with a hash that no secret has; return what the row of the log says of it."""
    token = TokenRow(
        id=clock.new_id(),
        account_id=draft.account_id,
        user_id=user_id,
        name=name,
        scopes=" ".join(SCOPES),
        prefix=TOKEN_PREFIX,
        secret_hash=secrets.token_hex(32),
        created_at=draft.now,
        expires_at=None,
        revoked_at=None,
        last_used_at=None,
    )
    await draft.connection.execute(insert(tables.api_tokens), asdict(token))
    draft.user_id, draft.token_id = user_id, token.id
    return token_details(token)


def _unverified(draft: AdminDraft) -> dict[str, Any]:
    """Return the columns of an endpoint that is to answer a ping before anything else is sent."""
    return {"state": WebhookState.UNVERIFIED} | _pinged(draft)


def _pinged(draft: AdminDraft) -> dict[str, Any]:
    return {"ping_at": draft.now, "ping_since": draft.now, "ping_failures": 0}


async def update_webhook(draft: AdminDraft) -> Details:
    """Change what is given; where a new URL is, it has to answer a ping first."""
    row = await _row(draft)
    given = {name: value for name, value in draft.command.given.items() if value != getattr(row, name)}
    is_moved = "url" in given
    more = _unverified(draft) if is_moved and row.state in DELIVERING else {}
    await _update(draft, **given, **more)
    return _details(draft, fields=changed_fields(given)) | (url_details(given["url"]) if is_moved else {})


async def rotate_secret(draft: AdminDraft) -> Details:
    """Have another version of the secret sign, and the one before for a while too."""
    hours = draft.command.grace_hours
    rotated: SecretVersions = (await _row(draft)).secrets.rotated(draft.now + timedelta(hours=hours))
    await _update(
        draft,
        secret_version=rotated.current,
        previous_secret_version=rotated.previous,
        previous_secret_until=rotated.previous_until,
    )
    return _details(draft, graceHours=[str(hours)])


async def pause_webhook(draft: AdminDraft) -> Details:
    """Send nothing more, and keep its place."""
    await _update(draft, state=WebhookState.PAUSED)
    return _details(draft)


async def resume_webhook(draft: AdminDraft) -> Details:
    """Send again from its place, once it has answered a ping; what was not taken begins anew.

    Where its token was revoked, as it is with its service account's deactivation, it gets another one.
    """
    row = await _row(draft)
    token = await token_row(draft.connection, draft.account_id, row.token_id)
    details, renewed = _details(draft), dict[str, Any]()
    if token is None or token.revoked_at is not None:
        details |= await _insert_token(draft, row.user_id, row.name)
        renewed["token_id"] = draft.token_id
    await _update(draft, **renewed, **_unverified(draft))
    retry = tables.webhook_retries
    begun = {"failures": 0, "first_at": draft.now, "next_at": draft.now}
    await draft.connection.execute(update(retry).where(retry.c.webhook_id == _id(draft)).values(begun))
    return details


async def replay_webhook(draft: AdminDraft) -> Details:
    """Go back to a place in the log. What waits for another try and comes after it is sent in its turn."""
    command, retry = draft.command, tables.webhook_retries
    await _update(draft, position=command.position, position_id=command.position_id)
    later = tuple_(retry.c.position, retry.c.action_id) > tuple_(command.position, command.position_id)
    await draft.connection.execute(delete(retry).where(retry.c.webhook_id == _id(draft), later))
    return _details(draft)


async def test_webhook(draft: AdminDraft) -> Details:
    """Have a ping sent."""
    await _update(draft, **_pinged(draft))
    return _details(draft)


async def delete_webhook(draft: AdminDraft) -> Details:
    """Delete an endpoint, and end the service account that it acted as."""
    connection, row = draft.connection, await _row(draft)
    await _update(draft, state=WebhookState.PAUSED)  # first, so that nobody delivers to it and writes so any more
    for table in (tables.webhook_deliveries, tables.webhook_retries):
        await connection.execute(delete(table).where(table.c.webhook_id == row.id))
    await connection.execute(delete(tables.webhooks).where(tables.webhooks.c.id == row.id))
    await connection.execute(update(tables.users).where(tables.users.c.id == row.user_id).values(active=False))
    await revoke_tokens(connection, tables.api_tokens.c.user_id == row.user_id, draft.now)
    draft.user_id, draft.token_id = row.user_id, row.token_id
    return _details(draft)


def _id(draft: AdminDraft) -> UUID:
    id: UUID = draft.command.webhook_id
    return id


def _details(draft: AdminDraft, **more: list[str]) -> dict[str, list[str]]:
    return {"webhook": [str(_id(draft))], **more}


async def _row(draft: AdminDraft) -> WebhookRow:
    row = await webhook_row(draft.connection, draft.account_id, _id(draft))
    assert row is not None
    return row


async def _update(draft: AdminDraft, **values: object) -> None:
    """Change an endpoint; the process that delivers to it begins anew with it."""
    table = tables.webhooks
    values["version"] = table.c.version + 1
    await draft.connection.execute(update(table).where(table.c.id == _id(draft)).values(values))


WEBHOOK_EFFECTS: Mapping[AdminActionType, AdminEffect] = {
    AdminActionType.CREATE_WEBHOOK: create_webhook,
    AdminActionType.UPDATE_WEBHOOK: update_webhook,
    AdminActionType.ROTATE_WEBHOOK_SECRET: rotate_secret,
    AdminActionType.PAUSE_WEBHOOK: pause_webhook,
    AdminActionType.RESUME_WEBHOOK: resume_webhook,
    AdminActionType.REPLAY_WEBHOOK: replay_webhook,
    AdminActionType.TEST_WEBHOOK: test_webhook,
    AdminActionType.DELETE_WEBHOOK: delete_webhook,
}
