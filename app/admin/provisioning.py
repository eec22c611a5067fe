"""What an identity provider pushes: commands of administration, several as one transaction, with the source SCIM.

What it pushes rests on what is there: *work* reads it under the account's lock, and says which commands follow.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.actions.authority import renewed
from app.admin.facts import facts_of
from app.admin.perform import AdminOutcome, AdminStep
from app.db import background
from app.db.account_log import NewAccountAction, append, lock_account
from app.db.directory_writes import delete_group, write_group
from app.db.engines import Database
from app.db.repository import administration
from app.db.repository.directory import GroupRow
from app.db.retry import attempt
from app.domain.account_log import AdminActionType, Details, Source
from app.domain.admin_commands import AdminCommand
from app.domain.administration import guarded_roles, has_second_admin
from app.domain.facts import Actor
from app.domain.model import Role
from app.domain.pushed_changes import admit_scim

T = TypeVar("T")


@dataclass(slots=True)
class Push:
    """One push, in its transaction and under the account's lock."""

    connection: AsyncConnection
    actor: Actor
    request_id: str
    now: datetime
    _guarded: frozenset[Role] | None = field(default=None)

    @property
    def account_id(self) -> UUID:
        return self.actor.account_id

    async def do(self, command: AdminCommand) -> AdminOutcome:
        """Do what *command* asks for, or have it wait for an admin. Raises: Refusal."""
        step = AdminStep(
            self.connection, self.actor, command, self.request_id, self.now, clock.new_id(), source=Source.SCIM
        )
        return await step.run()

    async def guarded_roles(self) -> frozenset[Role]:
        """Return the roles that wait for an admin before anybody gets them."""
        if self._guarded is None:
            facts = await facts_of(self.connection, self.actor, None)
            self._guarded = guarded_roles(facts) if has_second_admin(facts) else frozenset()
        return self._guarded

    async def changes_of_others(self, changes: Mapping[UUID, UUID]) -> set[UUID]:
        """Return which changes that wait were asked for by a token that somebody else made, who may not approve them.

        *changes*: whom each is about, by its id.
        """
        if not changes:
            return set()
        who = self.account_id, self.actor.user_id
        maker = await administration.token_maker(self.connection, *who, self.actor.token_id)
        makers = await administration.makers_behind_changes(self.connection, *who, changes)
        return {id for id in changes if makers.get(id) != maker}

    async def save_group(self, group: GroupRow, details: Details) -> None:
        """Make a group, or change it. It gives nobody a role: that is each member's own change."""
        await write_group(self.connection, self.account_id, group)
        await self._log_group(details)

    async def remove_group(self, group: GroupRow) -> None:
        """Remove a group, which has no members by then."""
        await delete_group(self.connection, self.account_id, group.id)
        await self._log_group({"removed": [group.name]})

    async def _log_group(self, details: Details) -> None:
        new = NewAccountAction(
            AdminActionType.CHANGE_GROUPS, Source.SCIM, details, actor=self.actor, request_id=self.request_id
        )
        await append(self.connection, self.account_id, new, self.now)


async def push(
    database: Database,
    actor: Actor,
    work: Callable[[Push], Awaitable[T]],
    *,
    request_id: str,
    now: clock.Clock = clock.now,
) -> T:
    """Do *work* as one transaction, and return what it gives once that is durable.

    Raises: Refusal, or what the work raises, and then nothing was written.
    """
    admit_scim(actor)

    async def perform(connection: AsyncConnection) -> T:
        moment = now()
        await lock_account(connection, actor.account_id)
        # Who pushes is locked out of being administered by now: this is who they are until the end.
        current = await renewed(connection, actor, moment)
        admit_scim(current)
        return await work(Push(connection, current, request_id, moment))

    return await asyncio.shield(background.start(attempt(database, perform)))
