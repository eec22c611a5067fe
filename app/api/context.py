"""The context of one operation: the facts of its request, what it reads, and the actions that it does."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import strawberry
from graphql import DocumentNode

from app import clock
from app.actions.authority import renewed
from app.actions.bank_accounts import BankAccountKeys
from app.actions.idempotency import KEY_LIFETIME
from app.api.action_session import ActionSession
from app.api.dataloaders.loaders import Loaders
from app.api.execution.budget import Budget
from app.api.reads import Reads
from app.auth.identity import Identity
from app.auth.identity_cache import IdentityRemembered
from app.db.engines import Database
from app.db.replicas.routing import Replicas
from app.documents.links import Links
from app.documents.store import DocumentStore
from app.domain.errors import Refusal
from app.domain.model import Language
from app.i18n import message
from app.live.feed import Feed
from app.web.rate_limit import RateLimiter, RateLimitStatus
from app.web.slots import Slots
from app.webhooks.registration import WebhookRegistration


@dataclass(frozen=True, slots=True)
class Services:
    """What all operations of a process share."""

    database: Database
    store: DocumentStore
    links: Links
    slots: Slots
    feed: Feed
    bank_accounts: BankAccountKeys
    key_lifetime: timedelta = KEY_LIFETIME
    webhooks: WebhookRegistration | None = None
    rates: RateLimiter | None = None
    replicas: Replicas | None = None


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """What is known of a request before its operation is executed.

    `request_id` is in the answer, in the log and in each action's row; `document` is valid. `unnamed`: the fields of an
    action's input that the client of another API did not send, and which stand there since the schema demands them.
    `is_looked_up`: who sends it was looked up for it, not remembered.
    """

    identity: Identity
    language: Language
    request_id: str
    base_url: Callable[[], str]
    document: DocumentNode
    standing: RateLimitStatus | None
    unnamed: frozenset[str] = frozenset()
    is_looked_up: bool = True

    def message(self, refusal: Refusal) -> str:
        """Return the sentence of *refusal* in the operation's language."""
        return message(refusal, self.language)


class Context:
    """The context of one operation. `standing`: how its token stands with the rate limit by now.

    All that one operation reads is read from one *database*: what one server shows may refer to what another one lacks.
    """

    __slots__ = ("actions", "actor", "budget", "database", "reads", "request", "services", "standing")

    def __init__(
        self, request: RequestFacts, services: Services, budget: Budget, database: Database | None = None
    ) -> None:
        self.request = request
        self.services = services
        self.budget = budget
        self.actor = request.identity.actor
        self.standing = request.standing
        self.database = database or services.database
        self.reads = Reads(request.identity, self.database, services.slots, budget)
        self.actions = ActionSession(
            self.actor,
            request.request_id,
            services.database,
            services.store,
            services.bank_accounts,
            services.key_lifetime,
            self.reads,
            renews=request.is_looked_up,
        )

    async def count_again(self) -> RateLimitStatus | None:
        """Count one request more of the token, and return how it stands."""
        rates = self.services.rates
        if rates is not None:
            self.standing = await rates.count_request(self.actor.token_id)
        return self.standing

    async def renew_actor(self) -> None:
        """Look up anew what the actor may do. Raises: Unauthenticated, TokenExpired."""
        async with self.database.point_reads() as connection:
            self.actor = self.actions.actor = await renewed(connection, self.actor, clock.now())

    def demand_lookup(self) -> None:
        """See to it that nobody is told anything by a right that they may have had. Raises: IdentityRemembered."""
        if not self.request.is_looked_up:
            raise IdentityRemembered

    @property
    def loaders(self) -> Loaders:
        """The loaders of what was not forgotten yet."""
        return self.reads.loaders


Info = strawberry.Info[Context, None]
