"""What an operation carries with it: who asks, in which language, and the loaders that live as long as it does."""

from dataclasses import dataclass, field

import strawberry

from app.actions import perform
from app.api.loaders import Loaders
from app.auth import Identity
from app.db.engine import Database
from app.domain.commands import Command
from app.domain.errors import Refusal
from app.domain.model import Actor, Language
from app.idempotency import Outcome
from app.locale import message


@dataclass(slots=True)
class Context:
    """The context of one operation; `request_id` is in the answer, in the log and in each action's row."""

    database: Database
    identity: Identity
    language: Language
    request_id: str
    introspection: bool = False
    loaders: Loaders = field(init=False)

    def __post_init__(self) -> None:
        self.renew_loaders()

    @property
    def actor(self) -> Actor:
        return self.identity.actor

    def renew_loaders(self) -> None:
        """Forget what was loaded: an action has changed it, or was refused because somebody else's had."""
        self.loaders = Loaders(self.database, self.actor.account_id)

    def message(self, refusal: Refusal) -> str:
        """Return the sentence of *refusal* in the operation's language."""
        return message(refusal, self.language)

    async def perform(self, command: Command) -> Outcome:
        """Do what *command* asks for, and know its result without another look."""
        outcome = await perform(self.database, self.actor, command, request_id=self.request_id)
        self.renew_loaders()
        self.loaders.prime(outcome)
        return outcome


Info = strawberry.Info[Context, None]
