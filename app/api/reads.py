"""What one operation reads: its loaders, which live as long as it does, and what its fields share."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from app import clock
from app.api.dataloaders.loaders import NOTHING_KNOWN, Loaders, Reading
from app.api.execution.budget import Budget
from app.auth.identity import Identity
from app.db import background
from app.db.deadlines import in_time
from app.db.engines import Database
from app.db.reader import Reader
from app.db.repository.delegations import delegators_of
from app.db.repository.people import People, users_count
from app.domain.delegations import represented
from app.web.slots import Slots

T = TypeVar("T")
Known = Mapping[str, Mapping[UUID, object]]
"""By loader, what it need not load."""


class Reads:
    """The reads of one operation. `left`: what its last action left to the loaders."""

    __slots__ = ("_budget", "_database", "_identity", "_loaders", "_reading", "_shared", "_slots", "left")

    def __init__(self, identity: Identity, database: Database, slots: Slots, budget: Budget) -> None:
        self._identity = identity
        self._database = database
        self._slots = slots
        self._budget = budget
        self._reading: Reading = NOTHING_KNOWN
        self._loaders: Loaders | None = None
        self._shared: dict[Hashable, asyncio.Task[Any]] = {}
        self.left: Known = {}

    @property
    def loaders(self) -> Loaders:
        """The loaders of what was not forgotten yet; the viewer is known to them."""
        if self._loaders is None:
            identity = self._identity
            known = dict(self.left)
            if not identity.is_limited:
                known["users"] = {identity.user.id: identity.user}
            self._loaders = Loaders(
                self._database, identity.actor.account_id, self._reading, known, self._budget, self.long_read
            )
        return self._loaders

    def renew(self, left: Known | None = None) -> None:
        """Forget what was loaded: an action has changed it, or was refused because another one had.

        *left*: what the action has left to the loaders.
        """
        self._loaders, self.left = None, left or {}
        self._shared.clear()

    def expect(self, reading: Reading) -> None:
        """Load from now on what *reading* says, and no more."""
        self._reading = reading
        self.renew()

    @asynccontextmanager
    async def long_read(self) -> AsyncIterator[Reader]:
        """Yield a connection for what may take the database long. Raises: Overloaded, where others do so already."""
        actor, slices = self._identity.actor, self._budget.slices
        if slices.is_long:  # to compose such a statement takes a millisecond or two
            await self._budget.pause()
        async with (
            slices.long_statement(),
            self._slots.one(actor.account_id, actor.token_id),
            self._database.read() as connection,
        ):
            yield connection

    async def shared(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """Return what *read* gives, which aliases that ask for the same share: it is read once."""
        task: asyncio.Task[T | Exception] | None = self._shared.get(key)
        if task is None:
            task = self._shared[key] = background.start(background.outcome(_timed(read)))
        found = await asyncio.shield(task)  # graphql-core cancels what an error makes useless; others may wait for it
        if isinstance(found, Exception):
            raise found
        return found

    async def delegators(self) -> dict[UUID, datetime]:
        """Return for whom the viewer stands in now, and since when each of these is a reviewer."""
        actor = self._identity.actor

        async def read() -> dict[UUID, datetime]:
            async with self._database.read() as connection:
                return await delegators_of(connection, actor.account_id, actor.user_id, clock.now())

        return await self.shared("delegators", read)

    async def represented(self, reviewer_ids: Sequence[UUID], requested_at: datetime) -> UUID | None:
        """Return in whose place the viewer would decide on an override; None where it is enough to be a reviewer."""
        actor = self._identity.actor
        if not actor.restrict_to_assigned_reviewers or actor.user_id in reviewer_ids or not reviewer_ids:
            return None
        return represented(actor.user_id, reviewer_ids, await self.delegators(), requested_at)

    async def count_people(self, people: People) -> int:
        """Return how many of these people the account has."""
        async with self._database.read() as connection:
            return await users_count(connection, self._identity.actor.account_id, people)


async def _timed(read: Callable[[], Awaitable[T]]) -> T:
    async with in_time():
        return await read()
