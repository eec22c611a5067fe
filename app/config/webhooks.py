"""Webhooks, made from the settings: what registers them, and what delivers them as long as the server runs."""

from app import clock
from app.api.context import Services
from app.api.operation_runner import OperationRunner
from app.api.webhook_documents import WebhookDocuments, WebhookRenderer
from app.config.components import webhook_policy
from app.config.settings import Settings
from app.db.engines import Database
from app.web.concurrency import ConcurrencyLimiter
from app.webhooks.client import WebhookClient
from app.webhooks.delivery import DeliveryTools
from app.webhooks.keys import SigningKeys
from app.webhooks.pacing import Pace
from app.webhooks.registration import WebhookRegistration
from app.webhooks.sending import Sender
from app.webhooks.timing import SystemTiming
from app.webhooks.worker import WebhookWorker


class Webhooks:
    """What registering and delivering webhooks share."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._settings = settings
        self._keys = SigningKeys(database)
        self._documents = WebhookDocuments(settings.limits)
        self.registration = WebhookRegistration(webhook_policy(settings), self._documents.fault, self._keys)

    async def deliver(self, services: Services, runner: OperationRunner, gate: ConcurrencyLimiter) -> None:
        """Deliver until cancelled, if the settings say so, and give way to the requests that *gate* has let in."""
        if not self._settings.webhooks:
            return
        async with WebhookClient(self.registration.policy) as client:
            tools = DeliveryTools(
                services.database,
                services.feed,
                WebhookRenderer(self._documents, runner),
                Sender(client, self._keys),
                SystemTiming(),
                clock.new_id_text(),
                Pace(gate.busy_s, self._settings.webhooks_least_share),
            )
            await WebhookWorker(tools).run()
