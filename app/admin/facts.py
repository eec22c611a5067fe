"""What a decision of administration rests on, as it is read under the account's lock."""

from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.admin_rows import ChangeRow
from app.db.repository import administration, people
from app.db.rows import UserRow
from app.domain.addresses import Address, parse_address
from app.domain.admin_commands import NOTHING, POLICIES, AdminCommand, InviteUser
from app.domain.administration import AdminFacts, Member
from app.domain.errors import ChangeAlreadyPending, EmailTaken
from app.domain.facts import Actor
from app.domain.model import UserKind
from app.domain.webhook_commands import CreateWebhook, WebhookCommand

SETTINGS = ("name", "default_language", *sorted(POLICIES))


async def facts_of(
    connection: AsyncConnection, actor: Actor, user_id: UUID | None, change: ChangeRow | None = None
) -> AdminFacts:
    """Return what decides on a command about this person; of a *change* that waits, as its requester's."""
    account_id, who = actor.account_id, actor.user_id if change is None else change.requested_by_id
    maker = await _token_maker(connection, actor, change)
    ids = list(dict.fromkeys(id for id in (who, user_id, maker) if id is not None))
    rows = await people.users_by_id(connection, account_id, ids)
    found = {row.id: row for row in rows if row is not None and row.kind is not UserKind.SYSTEM}
    column = tables.accounts.c
    statement = select(*(column[name] for name in SETTINGS)).where(column.id == account_id)
    found_settings = (await connection.execute(statement)).one()
    settings = dict(zip(SETTINGS, found_settings, strict=True))
    settings |= {name: settings[name] or nothing for name, nothing in NOTHING.items()}
    return AdminFacts(
        held=frozenset(role for id in (who, maker) if id in found for role in found[id].roles),
        admins=await administration.active_admins(connection, account_id),
        settings=settings,
        member=_member(found[user_id]) if user_id in found else None,
        requester=_member(found[who]),
        token_maker=maker,
    )


async def _token_maker(connection: AsyncConnection, actor: Actor, change: ChangeRow | None) -> UUID | None:
    """Return the admin who made the token by which a service account acts, or by which one asked for *change*."""
    if change is None:
        if actor.kind is UserKind.PERSON:
            return None
        return await administration.token_maker(connection, actor.account_id, actor.user_id, actor.token_id)
    return await administration.maker_behind_change(connection, actor.account_id, change)


def _member(row: UserRow) -> Member:
    address = parse_address(row.email)
    return Member(
        user_id=row.id,
        kind=row.kind,
        active=row.active,
        roles=frozenset(row.roles),
        email_key=row.email if address is None else address.key,
        email=row.email,
        display_name=row.display_name,
        language=row.language,
    )


async def token_owner(connection: AsyncConnection, account_id: UUID, token_id: UUID) -> UUID | None:
    """Return whose token it is, None where the account has no such token."""
    token = tables.api_tokens.c
    statement = select(token.user_id).where(token.account_id == account_id, token.id == token_id)
    found: UUID | None = await connection.scalar(statement)
    return found


async def demand_free_email(
    connection: AsyncConnection, account_id: UUID, address: Address, own_id: UUID | None
) -> None:
    """Refuse an address that another of the account has, in whatever spelling. Raises: EmailTaken."""
    user = tables.users.c
    same = or_(
        user.email_key == address.key,
        user.email == address.written,
        user.email_key.startswith(f"{address.key} ", autoescape=True),
    )
    holders = (await connection.execute(select(user.id).where(user.account_id == account_id, same))).scalars()
    if any(holder != own_id for holder in holders):
        raise EmailTaken("input", "email")


def pending_key(command: AdminCommand, user_id: UUID | None) -> str:
    """Return what a change is about, so that no other one of its kind waits beside it."""
    about: object = user_id or "account"
    match command:
        case InviteUser():
            about = command.email.key
        case CreateWebhook():
            about = command.name
        case WebhookCommand():
            about = command.webhook_id
    return f"{command.type.value} {about}"


async def demand_no_twin(connection: AsyncConnection, account_id: UUID, key: str) -> None:
    """Refuse where such a change waits already. Raises: ChangeAlreadyPending."""
    change = tables.account_changes.c
    statement = select(change.id).where(change.account_id == account_id, change.pending_key == key)
    if await connection.scalar(statement) is not None:
        raise ChangeAlreadyPending("input")
