"""Webhooks for tests: endpoints that an admin has registered, a worker that delivers, a time that can be moved on."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from standardwebhooks import Webhook

from app.actions.bank_accounts import BankAccountKeys
from app.admin.perform import AdminOutcome, administer
from app.api.context import Services
from app.api.limits.bounds import Limits
from app.api.operation_runner import EndpointOptions, OperationRunner
from app.api.webhook_documents import WebhookDocuments, WebhookRenderer
from app.db.engines import Database
from app.db.repository.webhooks import retries_of, webhook_row
from app.db.webhook_rows import RetryRow, WebhookRow
from app.documents.links import Links
from app.documents.store import DocumentStore
from app.domain.admin_command import AdminCommand
from app.domain.webhook_commands import CreateWebhook
from app.domain.webhooks import DEFAULT_DOCUMENT, SignatureScheme
from app.live.feed import Feed
from app.web.slots import Slots
from app.webhooks.addresses import AddressPolicy
from app.webhooks.client import WebhookClient
from app.webhooks.delivery import DeliveryTools
from app.webhooks.keys import SigningKeys
from app.webhooks.pacing import Pace
from app.webhooks.sending import Sender
from app.webhooks.worker import WebhookWorker
from tests.support.webhook_endpoints import ReceivedRequest, WebhookEndpoint
from tests.support.world import World

PATIENCE_S = 60
"""How long something is waited for before the test fails."""
LOOK = timedelta(seconds=0.1)
"""How often a node looks for endpoints: a test waits for that each time that it has changed one."""
NO = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"


class MovedTime:
    """The machine's time, moved on by the test."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    async def until(self, moment: datetime) -> None:
        while (left := (moment - self.now()).total_seconds()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._moved.wait(), left)

    def jitter(self) -> float:
        return 0

    def move(self, **by: float) -> None:
        """Let time pass."""
        self._ahead += timedelta(**by)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()


@dataclass(slots=True)
class DeliveryNode:
    """One process' delivery on a database."""

    database: Database
    time: MovedTime
    keys: SigningKeys
    tools: DeliveryTools
    task: asyncio.Task[None]

    async def stop(self) -> None:
        """End it as the server does."""
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


@asynccontextmanager
async def delivering(
    database: Database,
    store: DocumentStore,
    time: MovedTime | None = None,
    holder: str = "node",
    answer_s: float = 15,
    pace: Pace | None = None,
    look: timedelta = LOOK,
) -> AsyncIterator[DeliveryNode]:
    """Yield a node that delivers to endpoints on loopback."""
    time, feed, keys = time or MovedTime(), Feed(database, 0.2), SigningKeys(database)
    services = Services(database, store, Links(database, ""), Slots.beside(4, 5), feed, BankAccountKeys(database))
    runner = OperationRunner(services, EndpointOptions(deadline_s=120))
    renderer = WebhookRenderer(WebhookDocuments(Limits()), runner)
    following = asyncio.create_task(feed.run())
    async with WebhookClient(AddressPolicy(allow_private=True), answer_s=answer_s) as client:
        sender = Sender(client, keys, time.now)
        tools = DeliveryTools(database, feed, renderer, sender, time, holder, pace or Pace())
        worker = WebhookWorker(tools, look)
        node = DeliveryNode(database, time, keys, tools, asyncio.create_task(worker.run()))
        try:
            yield node
        finally:
            await node.stop()
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following


@dataclass(slots=True)
class Registered:
    """An endpoint that an admin of the world has registered."""

    world: World
    endpoint: WebhookEndpoint
    id: UUID
    _seen: dict[str, bytes] = field(default_factory=dict)

    async def row(self) -> WebhookRow:
        async with self.world.database.read() as connection:
            row = await webhook_row(connection, self.world.account_id, self.id)
        assert row is not None
        return row

    async def retries(self) -> list[RetryRow]:
        async with self.world.database.read() as connection:
            return list(await retries_of(connection, self.id))

    async def act(self, command: type[Any], **values: Any) -> AdminOutcome:
        """Have Aldo do something with it."""
        return await do(self.world, command(webhook_id=self.id, **values))

    @property
    def actions(self) -> list[str]:
        """The ids of the actions that were received, in order, each as often as it came."""
        return [request.headers["webhook-id"] for request in self.deliveries]

    @property
    def deliveries(self) -> list[ReceivedRequest]:
        """What was received, but for pings."""
        return [request for request in self.endpoint.requests if kind(request) != "ping"]

    @property
    def pings(self) -> int:
        return len(self.endpoint.requests) - len(self.deliveries)

    async def secret(self, version: int = 1) -> str:
        """Return what it verifies deliveries with."""
        row = await self.row()
        return (await SigningKeys(self.world.database).key(row.scheme, row.id, version)).verifier


def kind(request: ReceivedRequest) -> str:
    """Return the type that a request's body says."""
    found: str = json.loads(request.body)["type"]
    return found


async def do(world: World, command: AdminCommand) -> AdminOutcome:
    """Have Aldo do something."""
    return await administer(world.database, world.aldo.actor, command, request_id="test")


async def register(
    world: World,
    endpoint: WebhookEndpoint,
    document: str = DEFAULT_DOCUMENT,
    scheme: SignatureScheme = SignatureScheme.HMAC,
    name: str = "Ledger",
    cloud_events: bool = False,
) -> Registered:
    """Have Aldo, the account's one admin, register an endpoint."""
    url = f"http://127.0.0.1:{endpoint.port}/in"
    command = CreateWebhook(name=name, url=url, document=document, scheme=scheme, cloud_events=cloud_events)
    outcome = await do(world, command)
    return Registered(world, endpoint, UUID(json.loads(outcome.action.details)["webhook"][0]))


def assert_verified(secret: str, request: ReceivedRequest) -> None:
    """Verify a request by the public library. Raises: WebhookVerificationError."""
    Webhook(secret).verify(request.body, request.headers)


def assert_same_bytes(requests: list[ReceivedRequest]) -> None:
    """Check that each id has had the same body whenever it came."""
    bodies: dict[str, set[bytes]] = {}
    for request in requests:
        bodies.setdefault(request.headers["webhook-id"], set()).add(request.body)
    assert {id: len(found) for id, found in bodies.items() if len(found) > 1} == {}


async def until(is_so: Callable[[], Any], seconds: float = PATIENCE_S) -> None:
    """Wait until a condition holds, which may be a coroutine's result."""
    async with asyncio.timeout(seconds):
        while True:
            found = is_so()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.02)
