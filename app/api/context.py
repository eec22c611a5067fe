"""What an operation carries with it: who asks, in which language, and the loaders that live as long as it does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import strawberry
from graphql import GraphQLError
from sqlalchemy.ext.asyncio import AsyncConnection

from app import clock
from app.actions.idempotency import KEY_LIFETIME, Outcome, replay
from app.actions.perform import Supposed, perform, rehearse
from app.api.dataloaders.loaders import NOTHING_KNOWN, Loaders, Reading, left_by, supposed_by
from app.api.execution.budget import Budget
from app.api.execution.mutation_results import MutationResult
from app.api.limits.enforcement import Limits, as_limits
from app.api.limits.measurement import Measures
from app.auth.identity import Identity
from app.db.deadlines import in_time
from app.db.engines import Database
from app.db.repository.people import People, users_count
from app.documents.along import perform_with
from app.documents.links import Links
from app.documents.receive import Received
from app.documents.store import DocumentStore
from app.domain.commands import Command
from app.domain.errors import Refusal
from app.domain.model import Actor, Language
from app.i18n import message
from app.web.rate_limit import Standing
from app.web.slots import Slots

T = TypeVar("T")


@dataclass(slots=True)
class Context:
    """The context of one operation; `request_id` is in the answer, in the log and in each action's row.

    `mutation_results`: how the operation's mutations ended, by their names in the answer, while a plan executes it.
    """

    database: Database
    identity: Identity
    language: Language
    request_id: str
    store: DocumentStore
    links: Links
    base_url: Callable[[], str]
    budget: Budget
    slots: Slots
    introspection: bool = False
    limits: Limits = field(default_factory=Limits)
    key_lifetime: timedelta = KEY_LIFETIME
    document_hash: str = ""
    cost: int | None = None
    standing: Standing | None = None
    codes: list[str] = field(default_factory=list)
    operation_type: str = "unknown"
    operation_name: str | None = None
    has_begun: bool = False
    mutation_results: dict[str | int, MutationResult] = field(default_factory=dict)
    reading: Reading = NOTHING_KNOWN
    _loaders: Loaders | None = None
    _shared: dict[Hashable, "asyncio.Task[Any]"] = field(default_factory=dict)
    _left: Mapping[str, Mapping[UUID, Any]] = field(default_factory=dict)

    @property
    def actor(self) -> Actor:
        return self.identity.actor

    @property
    def loaders(self) -> Loaders:
        """The loaders of what was not forgotten yet; the viewer is known to them."""
        if self._loaders is None:
            user = self.identity.user
            known = dict(self._left)
            if not self.identity.is_limited:
                known["users"] = {user.id: user}
            self._loaders = Loaders(
                self.database, self.actor.account_id, self.reading, known, self.budget, self.long_read
            )
        return self._loaders

    @asynccontextmanager
    async def long_read(self) -> AsyncIterator[AsyncConnection]:
        """Yield a connection for what may take the database long. Raises: Overloaded, where others do so already."""
        actor = self.actor
        async with self.slots.one(actor.account_id, actor.token_id), self.database.read() as connection:
            yield connection

    async def shared(self, key: Hashable, read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what *read* gives, which aliases that ask for the same share: it is read once."""
        task: asyncio.Task[T | Exception] | None = self._shared.get(key)
        if task is None:
            task = self._shared[key] = asyncio.create_task(_ended(read))
        found = await asyncio.shield(task)  # graphql-core cancels what an error makes useless; others may wait for it
        if isinstance(found, Exception):
            raise found
        return found

    @property
    def left_to_loaders(self) -> Mapping[str, Mapping[UUID, Any]]:
        """What the last action left, by loader, so that it need not be loaded."""
        return self._left

    def renew_loaders(self, left: Mapping[str, Mapping[UUID, Any]] | None = None) -> None:
        """Forget what was loaded: an action has changed it, or was refused because somebody else's had.

        *left*: what the action has left, by loader.
        """
        self._loaders, self._left = None, left or {}
        self._shared.clear()

    def expect(self, reading: Reading) -> None:
        """Load from now on what *reading* says, and no more."""
        self.reading = reading
        self.renew_loaders()

    def note_measures(self, measures: Measures) -> list[GraphQLError]:
        """Bound what is built by what the operation may be, and return an error for each limit that it passes."""
        self.cost = measures.cost
        self.budget.bound_fields(self.limits.most_fields(measures))
        return self.limits.check(as_limits(measures), self.document_hash)

    def message(self, refusal: Refusal) -> str:
        """Return the sentence of *refusal* in the operation's language."""
        return message(refusal, self.language)

    def note(self, codes: Iterable[str]) -> None:
        """Take note of refusals that a payload tells of, for the log and the metrics."""
        self.codes.extend(codes)

    async def document_url(self, document_id: UUID) -> str:
        """Return a link that lets the viewer download the document for a while."""
        return await self.links.url(self.base_url(), document_id, self.actor.token_id, clock.now())

    async def count_people(self, people: People) -> int:
        """Return how many of these people the account has."""
        async with self.database.read() as connection:
            return await users_count(connection, self.actor.account_id, people)

    async def perform(self, command: Command, files: Sequence[Received] = ()) -> Outcome:
        """Do what *command* asks for, with the *files* that came along, and know its result without another look."""

        async def act() -> Outcome:
            return await perform(
                self.database, self.actor, command, request_id=self.request_id, key_lifetime=self.key_lifetime
            )

        return self._known(await (perform_with(self.store, self.actor, files, act) if files else act()))

    async def rehearse(self, command: Command) -> Supposed:
        """Return what *command* would make; files that came along are not stored."""
        supposed = await rehearse(self.database, self.actor, command, request_id=self.request_id)
        self.renew_loaders(supposed_by(supposed))
        return supposed

    async def replay(self, command: Command) -> Outcome | None:
        """Return the outcome of the action that the command's key already made. Raises: IdempotencyKeyReused."""
        outcome = await replay(self.database, self.actor, command, lifetime=self.key_lifetime)
        return None if outcome is None else self._known(outcome)

    def _known(self, outcome: Outcome) -> Outcome:
        self.renew_loaders(left_by(outcome))
        return outcome


async def _ended(read: Callable[[], Coroutine[Any, Any, T]]) -> T | Exception:
    """Return what *read* gives, or what went wrong, which whoever asked is told."""
    try:
        async with in_time():
            return await read()
    except Exception as fault:
        return fault


Info = strawberry.Info[Context, None]
