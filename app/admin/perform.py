"""The one write path of administration: `administer` locks the account, decides, writes the effects and the log row.

It goes in the order of DOMAIN.md, section 4. What needs a second admin is stored as a change that waits, with a row of
its own; approving it decides anew, as if it were asked for then.
"""

import asyncio
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.actions.authority import renewed
from app.actions.idempotency import KEY_LIFETIME
from app.admin.checks import demand_state
from app.admin.drafts import AdminDraft
from app.admin.effects import effect_of
from app.admin.facts import demand_no_twin, facts_of, pending_key, token_owner
from app.admin.keys import claim_admin_key
from app.admin.webhook_facts import with_webhook
from app.db import background, tables
from app.db.account_log import NewAccountAction, append, lock_account
from app.db.admin_rows import AccountActionRow, ChangeRow
from app.db.dry_run import rehearsed
from app.db.engines import Database
from app.db.repository import administration
from app.db.retry import attempt
from app.db.rows import TokenRow
from app.domain.account_log import Approval, ChangeStatus, Details, Source
from app.domain.admin_commands import (
    AdminCommand,
    ApproveChange,
    CancelChange,
    ChangeCommand,
    RevokeToken,
    UserCommand,
    command_of,
    payload_of,
    requested_details,
)
from app.domain.administration import (
    AdminFacts,
    admit_admin,
    authorize_admin,
    has_second_admin,
    needs_second_admin,
)
from app.domain.errors import ChangeNotPending, NotFound
from app.domain.facts import Actor
from app.domain.model import Resource
from app.domain.pending_changes import demand_decider, demand_requester
from app.domain.pushed_changes import authorize_scim, makes_admin


@dataclass(frozen=True, slots=True)
class AdminOutcome:
    """What a command left behind. `secret` is a new token's, which is shown this once."""

    action: AccountActionRow
    change: ChangeRow | None = None
    token: TokenRow | None = None
    secret: str | None = None
    replayed: bool = False


async def administer(
    database: Database,
    actor: Actor,
    command: AdminCommand,
    *,
    request_id: str,
    now: clock.Clock = clock.now,
    key_lifetime: timedelta = KEY_LIFETIME,
) -> AdminOutcome:
    """Do what *command* asks for as one transaction, and return what it made once that is durable.

    Raises: Refusal, and then nothing was written.
    """
    admit_admin(actor)
    request = AdminRequest(actor, command, request_id, now, key_lifetime)
    return await asyncio.shield(background.start(attempt(database, request.perform)))


async def rehearse_admin(
    database: Database, actor: Actor, command: AdminCommand, *, request_id: str, now: clock.Clock = clock.now
) -> AdminOutcome:
    """Do what *command* asks for, undo it, and return what it would make; its key is not used. Raises: Refusal."""
    admit_admin(actor)
    request = AdminRequest(actor, replace(command, idempotency_key=None), request_id, now)
    return await rehearsed(database, request.perform)


@dataclass(frozen=True, slots=True)
class AdminRequest:
    """What somebody asks for."""

    actor: Actor
    command: AdminCommand
    request_id: str
    now: clock.Clock
    key_lifetime: timedelta = KEY_LIFETIME

    async def perform(self, connection: AsyncConnection) -> AdminOutcome:
        """Do it in a transaction that ends with it, if its key did not do it before."""
        now, action_id = self.now(), clock.new_id()
        earlier = await claim_admin_key(connection, self.actor, self.command, action_id, now, self.key_lifetime)
        await lock_account(connection, self.actor.account_id)
        # Who administers is locked out of being administered by now: this is who they are until the end.
        actor = await renewed(connection, self.actor, now)
        admit_admin(actor)
        if earlier is not None:
            return await replayed_outcome(connection, actor, earlier)
        return await AdminStep(connection, actor, self.command, self.request_id, now, action_id).run()


@dataclass(frozen=True, slots=True)
class AdminStep:
    """One command, within its transaction and under the lock."""

    connection: AsyncConnection
    actor: Actor
    command: AdminCommand
    request_id: str
    now: datetime
    action_id: UUID
    source: Source = Source.API

    async def run(self) -> AdminOutcome:
        """Decide and write. Raises: Refusal."""
        command, is_pushed = self.command, self.source is Source.SCIM
        if isinstance(command, ChangeCommand):
            return await self._decide_on_change(command)
        facts, user_id, token_id = await self._facts(command)
        if is_pushed:
            authorize_scim(command, facts)
        else:
            authorize_admin(command, self.actor, facts.member)
        await demand_state(self.connection, self.actor, command, facts, self.now)
        if not needs_second_admin(command, self.actor.user_id, facts):
            return await self._do(command, facts, user_id, token_id, Approval.NOT_NEEDED)
        if not has_second_admin(facts) and not (is_pushed and makes_admin(command, facts)):
            return await self._do(command, facts, user_id, token_id, Approval.NONE_POSSIBLE)
        return await self._wait(command, user_id)

    async def _facts(self, command: AdminCommand) -> tuple[AdminFacts, UUID | None, UUID | None]:
        """Return what the decision rests on, and the ids of the person and the token that it is about."""
        user_id, token_id = getattr(command, "user_id", None), None
        if isinstance(command, RevokeToken):
            token_id = command.token_id
            user_id = await token_owner(self.connection, self.actor.account_id, token_id)
            if user_id is None:
                raise NotFound("input", "tokenId", resource=Resource.TOKEN)
        facts = await facts_of(self.connection, self.actor, user_id)
        facts = await with_webhook(self.connection, self.actor.account_id, command, facts)
        if isinstance(command, UserCommand) and facts.member is None:
            raise NotFound("input", "userId", resource=Resource.USER)
        return facts, user_id, token_id

    async def _do(
        self,
        command: AdminCommand,
        facts: AdminFacts,
        user_id: UUID | None,
        token_id: UUID | None,
        approval: Approval,
        change: ChangeRow | None = None,
    ) -> AdminOutcome:
        """Write the effects, and the row that says so."""
        draft = AdminDraft(self.connection, self.actor.account_id, command, facts, self.now, user_id, token_id)
        draft.change_id = None if change is None else change.id
        details = await effect_of(command)(draft)
        row = await self._log(details, approval, draft.user_id, draft.token_id, change)
        if draft.made is None:
            return AdminOutcome(row, change)
        return AdminOutcome(row, change, draft.made.row, draft.made.secret)

    async def _wait(self, command: AdminCommand, user_id: UUID | None) -> AdminOutcome:
        """Store the change, and the row that asks for it."""
        key = pending_key(command, user_id)
        await demand_no_twin(self.connection, self.actor.account_id, key)
        change = ChangeRow(
            id=clock.new_id(),
            type=command.type,
            status=ChangeStatus.PENDING,
            requested_by_id=self.actor.user_id,
            target_user_id=user_id,
            payload=payload_of(command),
            created_at=self.now,
            decided_by_id=None,
            decided_at=None,
        )
        values = asdict(change) | {"account_id": self.actor.account_id, "pending_key": key}
        await self.connection.execute(insert(tables.account_changes), values)
        row = await self._log(requested_details(command), Approval.PENDING, user_id, None, change)
        return AdminOutcome(row, change)

    async def _decide_on_change(self, command: ChangeCommand) -> AdminOutcome:
        """Approve, refuse or cancel a change that waits."""
        change = await administration.change_row(self.connection, self.actor.account_id, command.change_id)
        if change is None:
            raise NotFound("input", "changeId", resource=Resource.CHANGE)
        self._authorize_decision(command, change)
        if change.status is not ChangeStatus.PENDING or change.payload is None:
            raise ChangeNotPending("input", "changeId", status=change.status)
        requested = command_of(change.type, change.payload)
        facts = await facts_of(self.connection, self.actor, change.target_user_id, change)
        demand_decider(command.type, self.actor.user_id, change.requested_by_id, requested, facts)
        if isinstance(command, ApproveChange):
            facts = await with_webhook(self.connection, self.actor.account_id, requested, facts, has_waited=True)
            return await self._approve(change, requested, facts)
        status = ChangeStatus.CANCELLED if isinstance(command, CancelChange) else ChangeStatus.REFUSED
        decided = await self._settle(change, status)
        details = {"change": [change.type.value]}
        row = await self._log(details, Approval.NOT_NEEDED, change.target_user_id, None, decided)
        return AdminOutcome(row, decided)

    def _authorize_decision(self, command: ChangeCommand, change: ChangeRow) -> None:
        """Let admins decide, and a provider take back what it has asked for. Raises: UserInactive, RoleRequired."""
        is_own = isinstance(command, CancelChange) and change.requested_by_id == self.actor.user_id
        if not (self.source is Source.SCIM and is_own):
            authorize_admin(command, self.actor, None)

    async def _approve(self, change: ChangeRow, requested: AdminCommand, facts: AdminFacts) -> AdminOutcome:
        """Decide as if it were asked for now, and do it."""
        demand_requester(facts)
        await demand_state(self.connection, self.actor, requested, facts, self.now)
        decided = await self._settle(change, ChangeStatus.APPROVED)
        return await self._do(requested, facts, change.target_user_id, None, Approval.GIVEN, decided)

    async def _settle(self, change: ChangeRow, status: ChangeStatus) -> ChangeRow:
        """Give the change its last status; what it asked for goes, since it may hold a name or an address."""
        table, decider = tables.account_changes, self.actor.user_id
        last = {"status": status, "decided_by_id": decider, "decided_at": self.now, "payload": None}
        await self.connection.execute(update(table).where(table.c.id == change.id).values(**last, pending_key=None))
        return replace(change, status=status, decided_by_id=decider, decided_at=self.now, payload=None)

    async def _log(
        self,
        details: Details,
        approval: Approval,
        user_id: UUID | None,
        token_id: UUID | None,
        change: ChangeRow | None,
    ) -> AccountActionRow:
        new = NewAccountAction(
            self.command.type,
            self.source,
            details,
            approval,
            self.actor,
            user_id,
            token_id,
            None if change is None else change.id,
            self.request_id,
        )
        return await append(self.connection, self.actor.account_id, new, self.now, self.action_id)


async def replayed_outcome(connection: AsyncConnection, actor: Actor, action_id: UUID) -> AdminOutcome:
    """Return what an earlier command made; a secret is not shown again."""
    row = await administration.account_action(connection, actor.account_id, action_id)
    token = change = None
    if row.target_token_id is not None:
        token = await administration.token_row(connection, actor.account_id, row.target_token_id)
    if row.change_id is not None:
        change = await administration.change_row(connection, actor.account_id, row.change_id)
    return AdminOutcome(row, change, token, replayed=True)
