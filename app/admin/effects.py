"""What each command of administration writes beside its row of the log; it is allowed by then.

Each returns what the row says, and leaves in the draft whom and what it is about.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, update

from app import clock
from app.admin.delegating import DELEGATION_EFFECTS
from app.admin.drafts import AdminDraft, AdminEffect
from app.admin.new_tokens import new_token, token_details
from app.admin.webhook_effects import WEBHOOK_EFFECTS
from app.auth.provisioning import PREFIX
from app.db import tables
from app.db.account_log import with_stale
from app.db.directory_writes import write_entry
from app.db.repository.directory import entry_of
from app.db.rows import UserRow
from app.db.user_writes import OF_STANDING, committed_address, insert_user, mark_stale, revoke_tokens, set_roles
from app.domain.account_log import AdminActionType, Details
from app.domain.admin_commands import NOTHING, POLICIES, AdminCommand
from app.domain.administration import account_changes, user_changes
from app.domain.directory import DirectoryEntry
from app.domain.model import Role, UserKind
from app.domain.search_words import fold


async def invite(draft: AdminDraft) -> Details:
    """Insert a person."""
    command = draft.command
    row = UserRow(
        id=clock.new_id(),
        email=command.email.written,
        display_name=command.display_name,
        active=True,
        language=command.language,
        created_at=draft.now,
        roles=tuple(command.roles),
    )
    details = await _add(draft, row)
    if command.directory is None:
        return details
    await write_entry(draft.connection, draft.account_id, row.id, command.directory)
    return {**details, "fields": command.directory.changes_from(DirectoryEntry())}


async def create_service_account(draft: AdminDraft) -> Details:
    """Insert a service account; its address is of no mailbox (RFC 2606, section 2)."""
    id = clock.new_id()
    row = UserRow(
        id=id,
        email=f"{id}@service.invalid",
        display_name=draft.command.display_name,
        active=True,
        language=None,
        created_at=draft.now,
        kind=UserKind.SERVICE,
        roles=tuple(draft.command.roles),
    )
    return await _add(draft, row)


async def _add(draft: AdminDraft, row: UserRow) -> Details:
    address = await insert_user(draft.connection, draft.account_id, row)
    draft.user_id = row.id
    return {"roles": row.roles, **address}


async def update_user(draft: AdminDraft) -> Details:
    """Change what is another than before of a person."""
    command, details, stale = draft.command, dict[str, list[str]](), list[str]()
    changed = user_changes(command, draft.facts.member)
    values: dict[str, Any] = dict(changed)
    if "email" in changed:
        address, details = committed_address(command.email.written)
        values |= address | {"email_key": command.email.key}
    if "display_name" in changed:
        values["name_key"] = fold(command.display_name)
    if values:
        await _update_user(draft, **values)
    if "email" in changed:
        stale = await _end_changes(draft, {AdminActionType.UPDATE_USER})
    fields = [name for name in ("displayName", "email", "language") if _column(name) in changed]
    return {"fields": fields + await _update_entry(draft), **details} | with_stale(stale)


async def _update_entry(draft: AdminDraft) -> list[str]:
    """Make what the directory says of a person what is given, and return the names of what is another by it."""
    entry = draft.command.directory
    if entry is None:
        return []
    changed = entry.changes_from(await entry_of(draft.connection, draft.command.user_id))
    await write_entry(draft.connection, draft.account_id, draft.command.user_id, entry)
    return list(changed)


def _column(name: str) -> str:
    return {"displayName": "display_name"}.get(name, name)


async def deactivate(draft: AdminDraft) -> Details:
    """End what a person may do, their tokens, and the changes that they asked for."""
    await _update_user(draft, active=False)
    revoked = await revoke_tokens(draft.connection, tables.api_tokens.c.user_id == draft.user_id, draft.now)
    stale = await _end_changes(draft, OF_STANDING, requester=draft.user_id)
    return {"tokensRevoked": [str(revoked)]} | with_stale(stale)


async def reactivate(draft: AdminDraft) -> Details:
    """Let a person act again, by the roles they had; who was a reviewer is a recent one.

    Their API tokens stay revoked. The identity provider's stand for them again, if the deactivation revoked them.
    """
    since = {"reviewer_since": draft.now} if Role.REVIEWER in draft.held else {}
    await _update_user(draft, active=True, **since)
    token, row = tables.api_tokens, tables.account_actions.c
    ended = (
        select(row.created_at)
        .where(row.target_user_id == draft.user_id, row.type == AdminActionType.DEACTIVATE_USER)
        .order_by(row.seq.desc())
        .limit(1)
        .scalar_subquery()
    )
    theirs = (token.c.user_id == draft.user_id, token.c.prefix == PREFIX, token.c.revoked_at == ended)
    await draft.connection.execute(update(token).where(*theirs).values(revoked_at=None))
    stale = await _end_changes(draft, OF_STANDING)
    return {"roles": sorted(draft.held)} | with_stale(stale)


async def change_roles(draft: AdminDraft) -> Details:
    """Give and take roles."""
    held, roles = draft.held, frozenset(draft.command.roles)
    assert draft.user_id is not None
    await set_roles(draft.connection, draft.user_id, held, roles, draft.now)
    requester = draft.user_id if Role.ADMIN in held - roles else None
    stale = await _end_changes(draft, OF_STANDING, requester=requester)
    return {"added": sorted(roles - held), "removed": sorted(held - roles)} | with_stale(stale)


async def create_token(draft: AdminDraft) -> Details:
    """Insert a token; its secret is in the draft alone."""
    command = draft.command
    draft.made = new_token(
        draft.account_id, command.user_id, command.scopes, command.name, command.expires_at, draft.now
    )
    await draft.connection.execute(insert(tables.api_tokens), asdict(draft.made.row))
    draft.token_id = draft.made.row.id
    return token_details(draft.made.row)


async def revoke_token(draft: AdminDraft) -> Details:
    """Revoke a token for good."""
    await revoke_tokens(draft.connection, tables.api_tokens.c.id == draft.token_id, draft.now)
    return {}


async def update_account(draft: AdminDraft) -> Details:
    """Change the settings that are given."""
    changed = account_changes(draft.command, draft.facts)
    table, columns = tables.accounts, dict(changed)
    columns |= {name: None for name, nothing in NOTHING.items() if columns.get(name) == nothing}
    await draft.connection.execute(update(table).where(table.c.id == draft.account_id).values(columns))
    stale: list[str] = []
    if POLICIES & changed.keys():
        stale = await _end_changes(draft, {AdminActionType.UPDATE_ACCOUNT})
    # A name may be a person's.
    values = {name: [] if name == "name" else [str(value)] for name, value in changed.items()}
    return values | with_stale(stale)


async def _update_user(draft: AdminDraft, **values: object) -> None:
    table = tables.users
    await draft.connection.execute(update(table).where(table.c.id == draft.user_id).values(values))


async def _end_changes(
    draft: AdminDraft, types: frozenset[AdminActionType] | set[AdminActionType], requester: UUID | None = None
) -> list[str]:
    return await mark_stale(draft.connection, draft.account_id, draft.now, types, draft.user_id, requester)


ADMIN_EFFECTS: Mapping[AdminActionType, AdminEffect] = {
    AdminActionType.INVITE_USER: invite,
    AdminActionType.UPDATE_USER: update_user,
    AdminActionType.DEACTIVATE_USER: deactivate,
    AdminActionType.REACTIVATE_USER: reactivate,
    AdminActionType.CHANGE_ROLES: change_roles,
    AdminActionType.CREATE_TOKEN: create_token,
    AdminActionType.REVOKE_TOKEN: revoke_token,
    AdminActionType.CREATE_SERVICE_ACCOUNT: create_service_account,
    AdminActionType.UPDATE_ACCOUNT: update_account,
    **WEBHOOK_EFFECTS,
    **DELEGATION_EFFECTS,
}
"""What is done at once, or once it is approved."""


def effect_of(command: AdminCommand) -> AdminEffect:
    return ADMIN_EFFECTS[command.type]
