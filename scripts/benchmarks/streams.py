"""Streams: what a thousand of them take in one process, and how soon what is committed is delivered, on PostgreSQL.

Beside the gateway stands a graphql-ws server on Node, which stores comments on a lean schema of its own, and looks a
token up once a connection.
"""

import asyncio
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.admin import accounts
from app.db.engines import open_database
from app.domain.model import PERSON_SCOPES, Role
from scripts.benchmarks import calls as making
from scripts.benchmarks import driver
from scripts.benchmarks.alone import SMALL, open_bench
from scripts.benchmarks.compare import Say, Wanted
from scripts.benchmarks.data import Data, make_data
from scripts.benchmarks.driver import Load, Shot, shoot
from scripts.benchmarks.measuring import percentile
from scripts.benchmarks.operations import OPERATIONS, Call
from scripts.benchmarks.servers import ROOT, Server, gateway, node_server
from scripts.benchmarks.stream_report import Delivery, Figures, StreamReport
from scripts.benchmarks.subscribers import Delivered, Following, Subscribers
from tests.support.node import PATH

PEER = "graphql-ws"
M1 = OPERATIONS[2]
EVENTS = "subscription { actions { cursor caughtUp action { id type seq createdAt } } }"
COMMENT = (
    "mutation($caseId: ID!, $body: String!) { addComment(caseId: $caseId, body: $body) { id type seq createdAt } }"
)
STREAMS_A_TOKEN = 20
FOLLOWERS = 20
"""Subscribers of the second gateway."""
POLL_S = 1.0
"""Seconds from one look to the next, where nothing wakes a gateway."""
SETTLE_S = 2.0
PATIENCE_S = 120
SETTINGS = {"streams_max": "100000", "max_connections": "10000"}


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """How many subscribers there are, how many comments one after the other, and how many in each turn at full rate."""

    subscribers: int
    comments: int
    burst: int
    turns: int


FULL = StreamPlan(subscribers=1_000, comments=20, burst=20, turns=3)
QUICK = StreamPlan(subscribers=40, comments=5, burst=5, turns=1)


def streams(wanted: Wanted, plan: StreamPlan, say: Say) -> StreamReport:
    """Measure the gateway's streams and the peer's. Raises: WrongAnswer, NotFollowing."""
    with open_bench(wanted) as bench, driver.process() as loader:
        say("making the data")
        data = asyncio.run(make_data(bench.url, replace(SMALL, cases=100, actions=500, decided=1)))
        tokens = asyncio.run(_tokens(data, plan.subscribers))
        found = []
        for server in _servers(bench.folder, data):
            with server as one:
                say(f"{one.name}: {plan.subscribers} streams")
                found.append(_measure(one, data, tokens, plan, loader, say))
        between = [
            _between(bench.folder, data, tokens, plan, "by notifications", {}, say),
            _between(bench.folder, data, tokens, plan, "by looks alone", {"database_pooler": "true"}, say),
        ]
        return StreamReport(wanted.engine, found, between)


def _servers(folder: Path, data: Data) -> "Iterator[Any]":
    yield gateway(folder, data.url, settings=SETTINGS)
    npm = shutil.which("npm", path=PATH)
    if npm is None or shutil.which("node", path=PATH) is None:
        print("\nNOT MEASURED: the graphql-ws server on Node: there is no Node.js here\n", file=sys.stderr, flush=True)
        return
    yield _peer(folder, data, npm)


@contextmanager
def _peer(folder: Path, data: Data, npm: str) -> Iterator[Server]:
    """Install the peer's packages, as they are locked, and serve it."""
    place = folder / PEER
    shutil.copytree(ROOT / "scripts/benchmarks/node_peer", place, ignore=shutil.ignore_patterns("node_modules"))
    environment = {"PATH": PATH, "HOME": os.environ.get("HOME", "")}
    command = [npm, "ci", "--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"]
    subprocess.run(command, cwd=place, env=os.environ | environment, stdout=sys.stderr, check=True, timeout=300)
    environment |= {"BENCH_DATABASE_URL": data.url, "NODE_ENV": "production"}
    with node_server(PEER, place / "server.js", folder, environment) as server:
        yield server


async def _tokens(data: Data, subscribers: int) -> Sequence[str]:
    """Return a token for each subscriber: of so many people that none has more than a token may have."""
    database = open_database(data.url)
    try:
        made = []
        for number in range(-(-subscribers // STREAMS_A_TOKEN)):
            user = await accounts.create_user(
                database,
                data.commenting.account_id,
                email=f"subscriber-{number}@bench.example",
                name=f"Subscriber {number}",
                roles=(Role.CONTRIBUTOR,),
            )
            made.append((await accounts.create_token(database, user.id, PERSON_SCOPES)).secret)
        return [made[number % len(made)] for number in range(subscribers)]
    finally:
        await database.close()


def _measure(
    server: Server, data: Data, tokens: Sequence[str], plan: StreamPlan, loader: ProcessPoolExecutor, say: Say
) -> Figures:
    writer = Writer(server, data, loader)
    writer.comment(3 * plan.burst)  # until it is warm
    without = [writer.rate(plan.burst) for _ in range(plan.turns)]
    _, cpu_alone = writer.comments_alone(plan.comments)
    with Subscribers(Following(server.port, "/graphql", tokens[:FOLLOWERS], EVENTS)):
        time.sleep(SETTLE_S)  # what is loaded once is there
        before = server.present_mib()
    with Subscribers(Following(server.port, "/graphql", tokens, EVENTS)) as subscribers:
        time.sleep(SETTLE_S)
        memory = server.present_mib() - before
        subscribers.take()
        say(f"{server.name}: {plan.comments} comments, one after the other")
        latencies, cpu = writer.delivered(plan.comments, subscribers, len(tokens))
        rates = []
        for turn in range(plan.turns):
            say(f"{server.name}: comments with streams, turn {turn + 1} of {plan.turns}")
            rates.append(writer.rate(plan.burst))
            _await(subscribers, plan.burst * len(tokens))
    return Figures(
        server=server.name,
        subscribers=len(tokens),
        kib_a_stream=1024 * memory / len(tokens),
        cpu_us=1e6 * (cpu - cpu_alone) / (plan.comments * len(tokens)),
        p50_ms=1000 * percentile(latencies, 0.50),
        p99_ms=1000 * percentile(latencies, 0.99),
        rate_without=statistics.median(without),
        rate_with=statistics.median(rates),
    )


class Writer:
    """Who writes comments to a server."""

    def __init__(self, server: Server, data: Data, loader: ProcessPoolExecutor) -> None:
        self._server = server
        self._loader = loader
        self._shots = _shots(server, data)
        self._next = 0

    def comment(self, number: int) -> None:
        """Write so many comments, one after the other."""
        for _ in range(number):
            self._shoot(1)

    def rate(self, number: int) -> float:
        """Return how many a second are written, of so many, each when the one before was answered."""
        taken = self._shoot(number)
        return len(taken.latencies) / taken.elapsed

    def comments_alone(self, number: int) -> tuple[float, float]:
        """Return the seconds, and those of the server's core, that so many comments take without subscribers."""
        start, cpu = time.perf_counter(), self._server.cpu_seconds()
        self.comment(number)
        return time.perf_counter() - start, self._server.cpu_seconds() - cpu

    def delivered(self, number: int, subscribers: Subscribers, streams: int) -> tuple[list[float], float]:
        """Write comments, each when all have had the one before.

        Return in how many seconds each was delivered after its answer, and those of the server's core.
        """
        cpu, latencies = self._server.cpu_seconds(), []
        for _ in range(number):
            self._shoot(1)
            answered = time.perf_counter()  # one clock for all processes
            latencies += [max(0.0, at - answered) for at in _await(subscribers, streams).times]
        return latencies, self._server.cpu_seconds() - cpu

    def _shoot(self, number: int) -> driver.Taken:
        shots = self._shots[self._next : self._next + number]
        self._next += number
        load = Load(self._server.port, shots, 1, PATIENCE_S, once=True)
        if number > 1:
            found: driver.Taken = self._loader.submit(shoot, load).result()
            return found
        return shoot(load)


def _await(subscribers: Subscribers, number: int) -> Delivered:
    """Return what was delivered, once it is so much. Raises: TimeoutError."""
    deadline, cpu = time.monotonic() + PATIENCE_S, 0.0
    times: list[float] = []
    while len(times) < number:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(times)} of {number} events were delivered")
        time.sleep(0.005)
        taken = subscribers.take()
        times, cpu = times + taken.times, cpu + taken.cpu
    return Delivered(times, cpu)


def _shots(server: Server, data: Data) -> Sequence[Shot]:
    """Return comments to be written, one after the other, each on the next case."""
    shots = []
    for number in range(2_000):
        call: Call = making.comment_call(str(data.commented[number % len(data.commented)]), number)
        path, body = making.body_of(server, M1, call)
        expected = call.expected
        if server.name == PEER:
            given: Mapping[str, Any] = call.variables["input"]
            body, expected = {"query": COMMENT, "variables": dict(given)}, '"COMMENT"'
        shots.append(Shot(making.request_of(server, data.commenting, path, body), expected.encode(), exact=False))
    return shots


def _between(
    folder: Path,
    data: Data,
    tokens: Sequence[str],
    plan: StreamPlan,
    woken_by: str,
    settings: Mapping[str, str],
    say: Say,
) -> Delivery:
    """Write through one gateway, and see what another delivers."""
    say(f"two gateways, {woken_by}")
    with ExitStack() as stack, driver.process() as loader:
        writing, following = (
            stack.enter_context(gateway(folder, data.url, name=name, settings=SETTINGS | dict(settings)))
            for name in ("writing", "following")
        )
        tokens = tokens[:FOLLOWERS]
        subscribers = stack.enter_context(Subscribers(Following(following.port, "/graphql", tokens, EVENTS)))
        time.sleep(SETTLE_S)
        writer = Writer(writing, data, loader)
        writer.comment(3)
        _await(subscribers, 3 * len(tokens))
        dice, latencies = random.Random(4), []
        for _ in range(5 * plan.comments):
            time.sleep(dice.uniform(0, POLL_S))  # at any moment between two looks
            latencies += writer.delivered(1, subscribers, len(tokens))[0]
    return Delivery(woken_by, len(latencies), 1000 * percentile(latencies, 0.50), 1000 * percentile(latencies, 0.99))
