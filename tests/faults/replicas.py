"""Queries over two nodes and two replicas that replay late: nobody is shown less than they were told before.

What is written by one node is read by any, by whoever wrote it or by somebody who was given its position.
"""

import asyncio
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx2

from app.web.requests import POSITION_HEADER
from tests.faults.client import NO_TLS
from tests.faults.gateway import Gateway, gateway
from tests.faults.history import now
from tests.faults.replication import standby_of
from tests.faults.report import Report, say
from tests.faults.site import Site
from tests.faults.workload import Person
from tests.support.gateway import ROOT

DELAYS_MS = 50, 300
PAIRS, SHORT_PAIRS = 1_000, 320
"""Of a write and a read, in a round."""
PAUSE_S = 0.8
IN_USE_S = 60
SERVED = "casegate_reads_total{server="

_OPEN = """mutation { openCase(input: {title: "A changed IBAN", subject: {type: COMPANY_ACCOUNT_CHECK,
    externalRef: "%s", label: "Moulins", evaluationStatus: ANOMALY}}) { errors { code } case { id } } }"""
_WRITE = """mutation($case: ID!) { addComment(input: {caseId: $case, body: "Called the bank."}) {
    errors { code } case { version } comment { id } } }"""
_READ = "query($case: ID!, $comment: ID!) { case(id: $case) { version } node(id: $comment) { id } }"


@dataclass(slots=True)
class Pairs:
    """Somebody who writes to a case of their own, and reads it or has it read."""

    site: Site
    nodes: Sequence[Gateway]
    client: httpx2.AsyncClient
    person: Person
    others: Sequence[Person]
    chance: random.Random
    case: str = ""

    async def work(self, name: str, pairs: int) -> None:
        """Do so many *pairs* of a write and a read."""
        body, _ = await self._send(self.nodes[0], self.person, _OPEN % f"{name} {self.person.name}", {}, None)
        self.case = body["data"]["openCase"]["case"]["id"]
        for number in range(pairs):
            await self._pair(f"{name}: {self.person.name} {number}")

    async def _pair(self, name: str) -> None:
        writing, reading = self.chance.choice(self.nodes), self.chance.choice(self.nodes)
        body, position = await self._send(writing, self.person, _WRITE, {"case": self.case}, None)
        written = body["data"]["addComment"]
        reader = self.chance.choice((self.person, self.chance.choice(self.others)))
        is_known = reader is self.person and reading is writing
        sent = None if is_known and self.chance.random() < 0.5 else position
        if self.chance.random() < 0.7:
            await asyncio.sleep(self.chance.uniform(0, PAUSE_S))
        variables = {"case": self.case, "comment": written["comment"]["id"]}
        body, _ = await self._send(reading, reader, _READ, variables, sent)
        version = body["data"]["case"] and body["data"]["case"]["version"]
        is_there = version == written["case"]["version"] and body["data"]["node"] is not None
        self.site.demand(is_there, f"{name}: stale: {body['data']}, after {written} by {position}, sent {sent}")

    async def _send(
        self, node: Gateway, person: Person, query: str, variables: dict[str, Any], position: str | None
    ) -> tuple[dict[str, Any], str | None]:
        headers = {"Authorization": f"Bearer {person.token}"}
        if position is not None:
            headers[POSITION_HEADER] = position
        sent = {"query": query, "variables": variables}
        answer = await self.client.post(f"{node.address}/graphql", json=sent, headers=headers)
        body: dict[str, Any] = answer.json()
        if "errors" in body:
            raise AssertionError(f"{answer.status_code}: {body}")
        return body, answer.headers.get(POSITION_HEADER)


async def read_replicas(site: Site, rounds: int) -> Report:
    """Write and read at random, a number of pairs in each of the *rounds*; a single one is a short one."""
    report = Report("replicas that replay late", site)
    with _nodes(site) as nodes:
        async with httpx2.AsyncClient(timeout=30, verify=NO_TLS) as client:
            await _demand_in_use(site, client, nodes)
            for number in range(1, rounds + 1):
                await _round(site, report, client, nodes, f"{site.engine} replicas {number}/{rounds}", rounds == 1)
            served = await _served(client, nodes)
    replicas = sum(count for server, count in served.items() if server != "primary")
    site.demand(replicas > 0, f"no replica was read from: {served}")
    say(f"reads by server: {served}")
    return report


async def _round(
    site: Site, report: Report, client: httpx2.AsyncClient, nodes: Sequence[Gateway], name: str, is_short: bool
) -> None:
    people, began = site.load.people, now()
    each = -(-(SHORT_PAIRS if is_short else PAIRS) // len(people))
    async with asyncio.TaskGroup() as tasks:
        for person in people:
            chance = random.Random(f"{site.load.seed} {name} {person.name}")
            tasks.create_task(Pairs(site, nodes, client, person, people, chance).work(name, each))
    report.measure("a round", now() - began)
    say(f"{name}: {each * len(people)} pairs, {len(site.problems)} problems")


@contextmanager
def _nodes(site: Site) -> Iterator[list[Gateway]]:
    """Yield two nodes on the site's database, one of them with two workers, and two replicas."""
    assert site.cluster is not None
    primary = site.cluster
    standbys = [
        standby_of(primary, primary.folder / f"standby-{delay}", recovery_min_apply_delay=f"{delay}ms")
        for delay in DELAYS_MS
    ]
    with standbys[0] as first, standbys[1] as second:
        urls = [
            f"postgresql://postgres:{quote(standby.password)}@127.0.0.1:{standby.port}/casegate"
            for standby in (first, second)
        ]
        settings = {"database_url": site.url, "replica_urls": " ".join(urls), "metrics": "true", "webhooks": "false"}
        folders = [site.folder / "node-1", site.folder / "node-2"]
        for folder in folders:
            folder.mkdir()
        node = gateway(folders[0], ROOT, 1, site.gateway.is_forked, **settings)
        with node as one, gateway(folders[1], ROOT, 2, **settings) as other:
            yield [one, other]


async def _demand_in_use(site: Site, client: httpx2.AsyncClient, nodes: Sequence[Gateway]) -> None:
    """Wait until each node reads from both replicas."""
    until = now() + IN_USE_S
    for node in nodes:
        found: list[dict[str, Any]] = []
        while now() < until:
            found = (await client.get(f"{node.address}/ready")).json()["replicas"]
            if all(replica["inUse"] for replica in found):
                break
            await asyncio.sleep(0.1)
        site.demand(all(replica["inUse"] for replica in found), f"{node.address}: not all replicas are used: {found}")


async def _served(client: httpx2.AsyncClient, nodes: Sequence[Gateway]) -> dict[str, int]:
    """Return how many reads each server has served."""
    served: dict[str, int] = {}
    for node in nodes:
        for line in (await client.get(f"{node.address}/metrics")).text.splitlines():
            if line.startswith(SERVED):
                labels, _, count = line.partition(" ")
                server = labels.split('"')[1]
                served[server] = served.get(server, 0) + int(float(count))
    return served
