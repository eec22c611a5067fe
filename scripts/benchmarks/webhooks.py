"""What deliveries cost those who write: one gateway, with ten webhooks of which one hangs, and with none, in turns.

The endpoints are on the same machine, as are the database and the load: what they use of its cores is missing too.
"""

import asyncio
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from uuid import UUID

import httpx2
from sqlalchemy import delete, update

from app.admin import accounts
from app.db import tables
from app.db.engines import open_database
from app.db.repository.log_tail import last_key, safe_position
from app.domain.model import PERSON_SCOPES, Role
from app.domain.webhooks import WebhookState
from scripts.benchmarks import calls as making
from scripts.benchmarks import driver
from scripts.benchmarks.alone import M1, SMALL, lines_of, open_bench
from scripts.benchmarks.compare import Say, Wanted
from scripts.benchmarks.data import make_data
from scripts.benchmarks.measuring import Round, Supply, UnderLoad
from scripts.benchmarks.report import Report
from scripts.benchmarks.servers import Server, gateway, yardstick
from tests.support.ports import taken_port

ENDPOINTS = 10
APPLIED_S = 5.0
"""Seconds after which a process delivers by what was changed of webhooks: it looks every 2."""
CREATE = "mutation($input: CreateWebhookInput!) { createWebhook(input: $input) { errors { code } } }"


@dataclass(frozen=True, slots=True)
class Switched:
    """The gateway under load while its webhooks are on, or off."""

    load: UnderLoad
    url: str
    account_id: UUID
    is_on: bool

    @property
    def name(self) -> str:
        return f"{ENDPOINTS} webhooks" if self.is_on else "none"

    def turn(self, connections: int, seconds: float, limit: int) -> Round:
        asyncio.run(_switch(self.url, self.account_id, is_on=self.is_on))
        time.sleep(APPLIED_S)
        return self.load.turn(connections, seconds, limit)


def webhooks(wanted: Wanted, say: Say) -> Report:
    """Compare addComment without webhooks, and with ten of which one never answers."""
    with open_bench(wanted) as bench, ExitStack() as stack, driver.process() as loader:
        say("making the data")
        data = asyncio.run(make_data(bench.url, replace(SMALL, commented=1_000)))
        sink = stack.enter_context(yardstick(bench.folder, bench.url, "sink"))
        hanging = stack.enter_context(taken_port())
        settings = {"webhooks_allow_private": "true"}
        server = stack.enter_context(gateway(bench.folder, bench.url, settings=settings))
        account_id = data.commenting.account_id
        urls = [f"http://127.0.0.1:{sink.port}/v1/traces"] * (ENDPOINTS - 1) + [f"http://127.0.0.1:{hanging}/"]
        asyncio.run(_register(server, bench.url, account_id, urls))
        shots = making.shots_of(server, M1, data, making.calls_of(M1, data, server), {})
        load = UnderLoad(server, Supply(shots, False), loader)
        contestants = [Switched(load, bench.url, account_id, is_on) for is_on in (False, True)]
        lines = list(lines_of(wanted, M1, contestants, say))
        return Report(wanted.engine, lines, {server.name: server.peak_mib()}, [])


async def _register(server: Server, url: str, account_id: UUID, urls: list[str]) -> None:
    database = open_database(url)
    try:
        admin = await accounts.create_user(
            database, account_id, email="webhooks@bench.example", name="Admin", roles=(Role.ADMIN,)
        )
        token = await accounts.create_token(database, admin.id, PERSON_SCOPES)
    finally:
        await database.close()
    headers = {"Authorization": f"Bearer {token.secret}"}
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", headers=headers, timeout=60) as http:
        for number, endpoint in enumerate(urls):
            variables = {"input": {"name": f"Webhook {number}", "url": endpoint}}
            answer = await http.post("/graphql", json={"query": CREATE, "variables": variables})
            assert answer.json()["data"]["createWebhook"]["errors"] == [], answer.text


async def _switch(url: str, account_id: UUID, *, is_on: bool) -> None:
    """Have the account's webhooks be sent what comes from now on, or nothing."""
    table, database = tables.webhooks, open_database(url)
    try:
        async with database.write() as connection:
            position, position_id = await last_key(connection, account_id, await safe_position(connection))
            state = WebhookState.ACTIVE if is_on else WebhookState.PAUSED
            values = {"state": state, "ping_at": None, "position": position, "position_id": position_id}
            await connection.execute(update(table).values(values | {"version": table.c.version + 1}))
            await connection.execute(delete(tables.webhook_retries))
    finally:
        await database.close()
