"""What a command of administration is held against under the lock, once who gives it may give it.

There has to be something to change, an admin left, and an address or a token that can be had.
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.admin.delegating import demand_delegation_state
from app.admin.facts import demand_free_email
from app.admin.webhook_facts import demand_webhook_state
from app.db.repository import administration
from app.domain.admin_commands import (
    AdminCommand,
    ChangeRoles,
    CreateToken,
    DeactivateUser,
    InviteUser,
    ReactivateUser,
    RevokeToken,
    UpdateAccount,
    UpdateUser,
)
from app.domain.administration import AdminFacts, account_changes, demand_last_admin, demand_token, user_changes
from app.domain.errors import Detail, InvalidInput
from app.domain.facts import Actor


async def demand_state(
    connection: AsyncConnection, actor: Actor, command: AdminCommand, facts: AdminFacts, now: datetime
) -> None:
    """Refuse what there is nothing to change by, what leaves no admin, and addresses that somebody has.

    Raises: InvalidInput, LastAdmin, and what the own rules of a token, a webhook or a delegation refuse.
    """
    member = facts.member
    await _demand_other(connection, actor, command, facts)
    demand_last_admin(command, facts)
    demand_webhook_state(command, facts.webhook)
    await demand_delegation_state(connection, actor, command, now)
    if isinstance(command, InviteUser | UpdateUser) and command.email is not None:
        own_id = member.user_id if member is not None else None
        await demand_free_email(connection, actor.account_id, command.email, own_id)
    if isinstance(command, CreateToken):
        assert member is not None
        _demand_change(member.active, "userId")
        demand_token(command, actor, member)
        if command.expires_at is not None and command.expires_at <= now:
            raise InvalidInput("input", "expiresAt", detail=Detail("past"))


async def _demand_other(connection: AsyncConnection, actor: Actor, command: AdminCommand, facts: AdminFacts) -> None:
    """Refuse what is as the command asks for. Raises: InvalidInput."""
    member = facts.member
    match command:
        case DeactivateUser() | ReactivateUser():
            is_so = member is not None and member.active is isinstance(command, ReactivateUser)
            _demand_change(not is_so, "userId")
        case ChangeRoles():
            _demand_change(member is not None and frozenset(command.roles) != member.roles, "roles")
        case UpdateAccount():
            _demand_change(bool(account_changes(command, facts)))
        case UpdateUser():  # a provider's push compares what its directory says by itself
            _demand_change(command.directory is not None or bool(user_changes(command, member)))
        case RevokeToken():
            row = await administration.token_row(connection, actor.account_id, command.token_id)
            _demand_change(row is not None and row.revoked_at is None, "tokenId")


def _demand_change(would_change: bool, *path: str) -> None:
    if not would_change:
        raise InvalidInput("input", *path, detail=Detail("no_change"))
