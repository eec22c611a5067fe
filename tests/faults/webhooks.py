"""Webhooks while nodes are killed and PostgreSQL restarts: each living endpoint gets all, in order for each case."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from sqlalchemy import select

from app.db import tables
from app.db.engines import open_database
from app.db.repository.people import accounts
from tests.faults.client import NO_TLS
from tests.faults.deliveries import LoggedAction, check_receipts, repeated
from tests.faults.gateway import Gateway, gateway
from tests.faults.history import now
from tests.faults.receivers import HANGS, SHORT_HANGS, Receiver, receivers
from tests.faults.report import Report, say
from tests.faults.site import Site, busy
from tests.faults.tenants import Tenant, other_people, tenant_of
from tests.faults.workload import Load
from tests.support.gateway import ROOT
from tests.support.webhook_endpoints import OK

DEAD_S, SHORT_DEAD_S = 60, 2
CAUGHT_UP_S = 600
"""In how many seconds every living endpoint has to have all; what has failed twice is tried again after 5 minutes."""
WRITES, SHORT_WRITES = 120, 40
"""Actions before a fault, and after it."""
WRITES_S = 15
RESUMED_EVERY_S = 4
TAKEN_OVER_S = 30
TAKEN = 'casegate_webhook_deliveries_total{outcome="TAKEN"}'


@dataclass(slots=True)
class WebhookRun:
    """What the rounds share: the nodes on one database, an account and another one, and rows that there were."""

    site: Site
    report: Report
    nodes: Sequence[Gateway]
    own: Tenant
    other: Tenant
    begun: frozenset[str]
    is_short: bool

    @property
    def address(self) -> str:
        return self.site.gateway.address

    async def round(self, number: int, name: str, fault: str) -> None:
        """Break one thing while everybody writes, and see to it that deliveries go on."""
        site, before = self.site, len(self.site.history.events)
        victims = await self._victims(fault)
        writing = next((node for node in self.nodes if node not in victims), site.gateway)
        for client in (*self.own.load.clients, *self.other.load.clients):
            client.address = writing.address
        async with self.own.load.running(f"h{number}"), self.other.load.running(f"h{number}"):
            await self._writes(before)
            await asyncio.sleep(site.chance.uniform(0, 0.5))
            sent = await self._break(victims)
            since = now()
            await site.demand_writes(name)
            await self._writes(len(site.history.events))
        seconds = await self._demand_deliveries(name, since, sent)
        for node in self.nodes:
            if not node.is_running():
                await asyncio.to_thread(node.start)
        faults = site.demand_retryable(name) + len(self.other.load.take_faults())
        self.report.measure(f"deliveries went on after {fault}", seconds)
        reported = f"{site.reported(before)}, {faults} answers with 503"
        say(f"{name}: {reported}; deliveries went on after {seconds:.1f} s; {self._counted()} requests received so far")

    async def _writes(self, since: int) -> None:
        """Wait until a number of actions were acknowledged after so many events, or for long enough."""
        number, until = SHORT_WRITES if self.is_short else WRITES, now() + WRITES_S
        while self.site.counts(since)["ok"] < number and now() < until:  # noqa: ASYNC110  # as all waits here
            await asyncio.sleep(0.05)

    async def _victims(self, fault: str) -> list[Gateway]:
        """Return the nodes that are to die; of two it is the one that has delivered more."""
        if fault == "database":
            return []
        if fault == "gateway":
            return list(self.nodes)
        counts = [await _taken_by(node) for node in self.nodes]
        return [self.nodes[counts.index(max(counts))]]

    async def _break(self, victims: Sequence[Gateway]) -> int:
        """Break it, start again what nobody could write without, and return how much had been received by then."""
        site = self.site
        for node in victims:
            node.kill()
        if not victims:
            assert site.cluster is not None
            await asyncio.to_thread(site.cluster.stop, "immediate")
        sent = self._counted()
        if not victims:
            assert site.cluster is not None
            await asyncio.sleep(site.chance.uniform(0, 2))
            await asyncio.to_thread(site.cluster.start)
        elif len(victims) == len(self.nodes):
            for node in victims:
                await asyncio.to_thread(node.start)
        return sent

    async def _demand_deliveries(self, name: str, since: float, sent: int) -> float:
        """Return in how many seconds something was received."""
        limit = max(TAKEN_OVER_S, self.site.patience_s)
        while self._counted() <= sent and now() < since + limit:  # noqa: ASYNC110  # there are many of them
            await asyncio.sleep(0.05)
        seconds = now() - since
        self.site.demand(self._counted() > sent, f"{name}: nothing was delivered in {limit} s{busy()}")
        return seconds

    def _counted(self) -> int:
        return sum(len(receiver.receipts) for receiver in self.own.receivers)

    async def demand_all(self) -> None:
        """See to it that each endpoint of both accounts has what it wants of the log, and nothing else."""
        log = [action for action in await log_of(self.site.url) if action.id not in self.begun]
        name = f"{self.site.engine} webhooks"
        for tenant in (self.own, self.other):
            own = [action for action in log if action.account == str(tenant.id)]
            expected = {receiver.name: _wanted(receiver, own) for receiver in tenant.receivers}
            self.report.measure("until all had all", await self._until_all(tenant, expected))
            for receiver in tenant.receivers:
                wanted = expected[receiver.name]
                for problem in check_receipts(receiver.receipts, wanted, is_living=receiver.is_living):
                    self.site.demand(False, f"{name}: {receiver.name}: {problem}{busy()}")
                twice = f"{repeated(receiver.receipts)} of them again"
                has = f"{len(receiver.taken)} of {len(wanted)} taken"
                say(f"{name}: {receiver.name}: {len(receiver.receipts)} received, {has}, {twice}")

    async def _until_all(self, tenant: Tenant, expected: dict[str, list[LoggedAction]]) -> float:
        """Return in how many seconds all living endpoints have taken as much as they want, if they do."""
        since = resumed = now()
        while now() < since + CAUGHT_UP_S:
            behind = [one for one in tenant.living if len(one.taken) < len(expected[one.name])]
            if not behind:
                break
            if self.is_short and now() > resumed + RESUMED_EVERY_S:
                for receiver in behind:
                    await tenant.resume(self.address, receiver)
                resumed = now()
            await asyncio.sleep(0.1)
        return now() - since

    async def demand_states(self) -> None:
        """See to it that the admin sees which endpoints are well, and which is not, and why."""
        since, names = now(), {receiver.name for receiver in self.own.living}
        while True:
            states = await self.own.states(self.address)
            wrong = {name: state for name, state in states.items() if not _is_shown(state, name in names)}
            if not wrong or now() > since + TAKEN_OVER_S:
                break
            await asyncio.sleep(0.5)
        for name, state in wrong.items():
            self.site.demand(False, f"{name}: {state} in the end{busy()}")


def _is_shown(state: dict[str, Any], is_living: bool) -> bool:
    """Tell whether an admin sees that an endpoint has taken all, or that one refuses."""
    if is_living:
        return bool(state["state"] == "ACTIVE" and state["lag"]["rows"] == 0)
    return bool(state["state"] == "FAILING" and state["lastFailure"] == {"failure": "STATUS", "status": 500})


async def cut_webhooks(site: Site, rounds: int) -> Report:
    """Break what deliveries depend on *rounds* times; every living endpoint has to have all in the end.

    One round is the short form: an endpoint is away for seconds, and an admin resumes what would be tried again late.
    """
    report = Report("webhooks: kill -9 of nodes, PostgreSQL restarted", site)
    faults = ("node", "gateway", "database") if site.cluster else ("gateway",)
    with _nodes(site) as nodes:
        own, other = await _tenants(site, SHORT_HANGS if rounds == 1 else HANGS)
        begun = frozenset(action.id for action in await log_of(site.url))
        run = WebhookRun(site, report, nodes, own, other, begun, is_short=rounds == 1)
        async with own.registered(run.address), other.registered(run.address), asyncio.TaskGroup() as tasks:
            dying = next(receiver for receiver in own.receivers if receiver.name.startswith("dead"))
            death = tasks.create_task(dying.die(SHORT_DEAD_S if run.is_short else DEAD_S))
            for number in range(1, rounds + 1):
                fault = faults[(number - 1) % len(faults)]
                await run.round(number, f"{site.engine} webhooks, {fault} {number}/{rounds}", fault)
            await run.demand_all()
            await run.demand_states()
            death.cancel()
    for client in own.load.clients:
        client.address = site.gateway.address
    await site.judge(f"{site.engine} webhooks")
    return report


@contextmanager
def _nodes(site: Site) -> Iterator[list[Gateway]]:
    """Yield the site's gateway and, on PostgreSQL, another one on the same database."""
    if site.cluster is None:
        yield [site.gateway]
        return
    folder = site.folder / "second"
    folder.mkdir(exist_ok=True)
    with gateway(folder, ROOT, 1, site.gateway.is_forked, **site.gateway.settings) as second:
        yield [site.gateway, second]


async def _tenants(site: Site, hangs: int) -> tuple[Tenant, Tenant]:
    """Return the site's account with ten endpoints, and another one with one; both write one history."""
    database = open_database(site.url)
    try:
        async with database.read() as connection:
            (account,) = await accounts(connection)
        own = await tenant_of(database, account.id, site.load, receivers(f"{site.load.seed}", hangs))
        id, people = await other_people(database)
        load = Load.of(people, site.gateway.address, site.history, site.load.seed)
        return own, await tenant_of(database, id, load, [Receiver("of another account", lambda *_: OK)])
    finally:
        await database.close()


async def _taken_by(node: Gateway) -> float:
    """Return how many deliveries of a node were taken, since it runs."""
    async with httpx2.AsyncClient(verify=NO_TLS) as http:
        lines = (await http.get(f"{node.address}/metrics")).text.splitlines()
    return sum(float(line.removeprefix(TAKEN)) for line in lines if line.startswith(TAKEN))


def _wanted(receiver: Receiver, log: Sequence[LoggedAction]) -> list[LoggedAction]:
    return [action for action in log if receiver.types is None or action.type in receiver.types]


async def log_of(url: str) -> list[LoggedAction]:
    """Return every row of the log, of all accounts, in its order."""
    column = tables.case_actions.c
    columns = (column.id, column.case_id, column.account_id, column.type)
    database = open_database(url)
    try:
        async with database.read() as connection:
            found = await connection.execute(select(*columns).order_by(column.position, column.id))
            return [LoggedAction(str(id), str(case), str(account), str(type)) for id, case, account, type in found]
    finally:
        await database.close()
