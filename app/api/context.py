"""What an operation carries with it: who asks, in which language, and the loaders that live as long as it does."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import strawberry

from app import clock
from app.actions import perform, rehearse
from app.api.limits import Limits
from app.api.loaders import NOTHING_KNOWN, Loaders, Reading, left_by
from app.auth import Identity
from app.db.engine import Database
from app.db.rehearsal import Rehearsal
from app.db.repository import people
from app.documents.along import perform_with
from app.documents.links import Links
from app.documents.receive import Received
from app.documents.store import DocumentStore
from app.domain.commands import Command
from app.domain.errors import Refusal
from app.domain.model import Actor, Language, Role
from app.idempotency import KEY_LIFETIME, Outcome, replay
from app.locale import message
from app.rates import Standing


@dataclass(slots=True)
class Context:
    """The context of one operation; `request_id` is in the answer, in the log and in each action's row.

    `ended`: how the operation's mutations ended, by their names in the answer. `database` is where the operation reads:
    while the payload of a dry run is resolved, the database as it would be.
    """

    database: Database
    identity: Identity
    language: Language
    request_id: str
    store: DocumentStore
    links: Links
    base_url: Callable[[], str]
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
    ended: dict[str | int, Any] = field(default_factory=dict)
    reading: Reading = NOTHING_KNOWN
    _loaders: Loaders | None = None
    _outcome: Outcome | None = None
    _home: Database = field(init=False)
    _rehearsal: Rehearsal[Outcome] | None = None

    def __post_init__(self) -> None:
        self._home = self.database

    @property
    def actor(self) -> Actor:
        return self.identity.actor

    @property
    def loaders(self) -> Loaders:
        """The loaders of what was not forgotten yet; the viewer is known to them."""
        if self._loaders is None:
            user = self.identity.user
            known = {} if self._outcome is None else left_by(self._outcome)
            if not self.identity.is_limited:
                known["users"] = {user.id: user}
            self._loaders = Loaders(self.database, self.actor.account_id, self.reading, known)
        return self._loaders

    def renew_loaders(self) -> None:
        """Forget what was loaded: an action has changed it, or was refused because somebody else's had."""
        self._loaders = self._outcome = None

    def expect(self, reading: Reading) -> None:
        """Load from now on what *reading* says, and no more."""
        self.reading = reading
        self.renew_loaders()

    def message(self, refusal: Refusal) -> str:
        """Return the sentence of *refusal* in the operation's language."""
        return message(refusal, self.language)

    def note(self, codes: Iterable[str]) -> None:
        """Take note of refusals that a payload tells of, for the log and the metrics."""
        self.codes.extend(codes)

    async def document_url(self, document_id: UUID) -> str | None:
        """Return a link that lets the viewer download the document for a while; None in a dry run."""
        if self._rehearsal is not None:
            return None
        return await self.links.url(self.base_url(), document_id, self.actor.token_id, clock.now())

    async def count_candidates(self, asking: UUID | None) -> int:
        """Return how many people there are whom *asking* may ask to review, or in all."""
        role, active = (None, None) if asking is None else (Role.REVIEWER, True)
        async with self.database.read() as connection:
            return await people.users_count(connection, self.actor.account_id, role, active, without=asking)

    async def perform(self, command: Command, files: Sequence[Received] = ()) -> Outcome:
        """Do what *command* asks for, with the *files* that came along, and know its result without another look."""

        async def act() -> Outcome:
            return await perform(
                self._home, self.actor, command, request_id=self.request_id, key_lifetime=self.key_lifetime
            )

        return self._known(await (perform_with(self.store, self.actor, files, act) if files else act()))

    async def rehearse(self, command: Command) -> Outcome:
        """Do what *command* asks for until `settle` undoes it; files that came along are not stored."""
        self._rehearsal = rehearse(self._home, self.actor, command, request_id=self.request_id)
        outcome, self.database = await self._rehearsal.shown()
        return self._known(outcome)

    async def replay(self, command: Command) -> Outcome | None:
        """Return the outcome of the action that the command's key already made. Raises: IdempotencyKeyReused."""
        outcome = await replay(self._home, self.actor, command, lifetime=self.key_lifetime)
        return None if outcome is None else self._known(outcome)

    async def settle(self) -> None:
        """Undo a dry run whose payload has been resolved, if there was one, and forget what was loaded."""
        if self._rehearsal is not None:
            rehearsal, self._rehearsal, self.database = self._rehearsal, None, self._home
            await rehearsal.end()
        self.renew_loaders()

    def _known(self, outcome: Outcome) -> Outcome:
        self.renew_loaders()
        self._outcome = outcome
        return outcome


Info = strawberry.Info[Context, None]
