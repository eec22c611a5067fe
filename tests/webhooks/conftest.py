"""Fixtures of the tests of webhooks."""

from collections.abc import AsyncIterator

import pytest

from app.documents.store import DocumentStore
from tests.support.webhook_endpoints import WebhookEndpoint, serving
from tests.support.webhooks import DeliveryNode, delivering
from tests.support.world import World


@pytest.fixture
async def node(world: World, store: DocumentStore) -> AsyncIterator[DeliveryNode]:
    async with delivering(world.database, store) as opened:
        yield opened


@pytest.fixture
async def endpoint() -> AsyncIterator[WebhookEndpoint]:
    async with serving(WebhookEndpoint()) as opened:
        yield opened
