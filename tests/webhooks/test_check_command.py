"""`casegate webhooks check`: says before an upgrade which documents are good no more."""

import asyncio
import json

from sqlalchemy import update

from app.db import tables
from app.domain.webhook_commands import CreateWebhook
from app.domain.webhooks import DEFAULT_DOCUMENT, SignatureScheme
from tests.support.gateway import casegate
from tests.support.webhooks import do
from tests.support.world import World


async def test_the_command_names_each_document_that_is_good_no_more(world: World, fresh_url: str) -> None:
    for name in ("Good", "Stale"):
        url = "https://hooks.example.com/"
        command = CreateWebhook(name=name, url=url, document=DEFAULT_DOCUMENT, scheme=SignatureScheme.HMAC)
        await do(world, command)
    good = await asyncio.to_thread(casegate, "webhooks", "check", database_url=fresh_url)
    webhooks = tables.webhooks
    async with world.database.write() as connection:
        stale = {"document": "subscription { actions { removed } }"}
        await connection.execute(update(webhooks).where(webhooks.c.name == "Stale").values(stale))
    bad = await asyncio.to_thread(casegate, "webhooks", "check", "--json", database_url=fresh_url)

    assert (good.returncode, good.stdout.count(": good\n")) == (0, 2)
    assert bad.returncode == 1
    faults = {line["name"]: line["fault"] for line in json.loads(bad.stdout)}
    assert faults["Good"] is None
    assert "Cannot query field 'removed'" in faults["Stale"]
