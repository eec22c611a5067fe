"""The comparison: each operation on the gateway and on the yardsticks, on one engine, from nothing to a report."""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from scripts.benchmarks import calls as making
from scripts.benchmarks import driver
from scripts.benchmarks.commits import Pgbench, PlainSqlite, pgbench_program, pgbench_script
from scripts.benchmarks.data import Data, Size, make_data
from scripts.benchmarks.lean import make_lean_copy
from scripts.benchmarks.lean_verification import verify_lean
from scripts.benchmarks.measuring import Contestant, Plan, Supply, UnderLoad, compare
from scripts.benchmarks.node_peers import install_peers, peer
from scripts.benchmarks.operations import OPERATIONS, Call, Operation
from scripts.benchmarks.report import Line, Report
from scripts.benchmarks.servers import ROOT, Server, casegate_environment, gateway, yardstick
from scripts.benchmarks.statements import REQUESTS, Count, postgresql_statements, sqlite_statements
from tests.support.databases import create_database
from tests.support.postgresql import DURABLE_OPTIONS, postgresql_server

YARDSTICKS = ("handwritten", "naive")
MEASURE = "handwritten"
SPARE = 4 * REQUESTS  # requests that a server gets beside its rounds, for what can be sent once

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to measure."""

    engine: str
    operations: frozenset[str]
    concurrencies: Sequence[int]
    plan: Plan
    size: Size
    settings: dict[str, str] = field(default_factory=dict)
    peers: tuple[str, ...] = ()

    @property
    def chosen(self) -> list[Operation]:
        return [operation for operation in OPERATIONS if operation.key in self.operations]


def decisions_needed(
    operations: frozenset[str], concurrencies: Sequence[int], plan: Plan, peers: Sequence[str] = ()
) -> int:
    """Return how many overrides have to wait for a decision."""
    if "M2" not in operations:
        return 100
    a_server = SPARE + len(concurrencies) * (plan.rounds + 1) * plan.limit
    return (1 + len(YARDSTICKS) + len(peers)) * a_server


@contextmanager
def database(engine: str, folder: Path) -> Iterator[tuple[str, str | None]]:
    """Yield the URL of an empty database that loses nothing, and that of its administrator, where it has one."""
    if engine == "sqlite":
        yield f"sqlite:///{folder / 'bench.sqlite'}", None
        return
    with postgresql_server(DURABLE_OPTIONS | {"logging_collector": "on"}) as admin_url:
        yield create_database(admin_url, "bench"), admin_url


def run(wanted: Wanted, say: Say) -> Report:
    """Measure what is wanted. Raises: WrongAnswer, where a server does not do what is measured."""
    with tempfile.TemporaryDirectory(prefix="casegate-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        say("starting the database, making the data")
        url, admin_url = stack.enter_context(database(wanted.engine, folder))
        data = asyncio.run(make_data(url, wanted.size))
        urls = yardstick_urls(url)
        bare = _bare(wanted, data, urls["handwritten"], admin_url)
        say("starting the servers")
        servers = [stack.enter_context(gateway(folder, url, settings=wanted.settings))]
        servers += [stack.enter_context(yardstick(folder, urls[module], module)) for module in YARDSTICKS]
        if wanted.peers:
            say("installing the peers")
            package = install_peers(folder)
            servers += [stack.enter_context(peer(folder, package, urls["handwritten"], name)) for name in wanted.peers]
        loads = prepare(wanted.chosen, data, servers, say)
        counts = _statements(wanted, folder, url, urls, admin_url, servers, loads, say)
        lines = _measure(wanted, servers, loads, bare, counts, say)
        peak = {server.name: server.peak_mib() for server in servers}
        say("verifying the logs")
        notes = [asyncio.run(verify_lean(urls["handwritten"])), verified(url, folder)]
        return Report(wanted.engine, lines, peak, notes)


def yardstick_urls(url: str) -> dict[str, str]:
    """Return the database of each yardstick; the lean schema is made for it, from the data at *url*."""
    return {"handwritten": asyncio.run(make_lean_copy(url)), "naive": url}


@dataclass(frozen=True, slots=True)
class Prepared:
    """An operation with each server's requests."""

    operation: Operation
    supplies: dict[str, Supply]


def prepare(operations: Sequence[Operation], data: Data, servers: Sequence[Server], say: Say) -> list[Prepared]:
    """Return the requests of each of *servers*, of which the first is the gateway.

    Raises: WrongAnswer, where they do not all answer alike.
    """
    prepared = []
    for operation in operations:
        say(f"comparing the answers to {operation.key}")
        calls = making.calls_of(operation, data, servers[0])
        reference = making.reference_of(servers[0], operation, data, calls)
        once = operation.key == "M2"
        if operation.writes:
            calls = _check_write(operation, data, servers, calls)
        supplies = {}
        for number, server in enumerate(servers):
            own = calls[number :: len(servers)] if once else calls
            supplies[server.name] = Supply(making.shots_of(server, operation, data, own, reference), once)
        prepared.append(Prepared(operation, supplies))
    return prepared


def _check_write(operation: Operation, data: Data, servers: Sequence[Server], calls: list[Call]) -> list[Call]:
    """See that all servers answer a write alike, and return the calls that are left. Raises: WrongAnswer."""
    desk, shapes = making.desk_of(operation, data), []
    for server, call in zip(servers, calls, strict=False):
        path, body = making.body_of(server, operation, call)
        answer = json.dumps(making.shape_of(making.ask(server, desk, body, path)), ensure_ascii=False)
        shapes.append(answer.replace(call.expected, "..."))
    if len(set(shapes)) != 1:
        raise driver.WrongAnswer(f"{operation.key}: not the same: {shapes}")
    return calls[len(servers) :]


def _statements(
    wanted: Wanted,
    folder: Path,
    url: str,
    yardstick_urls: dict[str, str],
    admin_url: str | None,
    servers: Sequence[Server],
    loads: Sequence[Prepared],
    say: Say,
) -> dict[tuple[str, str], float]:
    say("counting statements")
    if admin_url is not None:
        with postgresql_statements(admin_url) as count:
            return {key: value for server in servers for key, value in _counted(server, server, loads, count)}
    found: dict[tuple[str, str], float] = {}
    for server in servers:
        traces = folder / f"{server.name}.traces"
        with ExitStack() as stack:
            if server.name in yardstick_urls:
                twin = stack.enter_context(yardstick(folder, yardstick_urls[server.name], server.name, traces=traces))
            else:
                twin = stack.enter_context(gateway(folder, url, traces=traces, settings=wanted.settings))
            found.update(_counted(server, twin, loads, sqlite_statements(traces)))
    return found


def _counted(
    server: Server, requested: Server, loads: Sequence[Prepared], count: Count
) -> Iterator[tuple[tuple[str, str], float]]:
    for load in loads:
        shots = load.supplies[server.name].stretch(2 * REQUESTS)
        yield (load.operation.key, server.name), count(requested.port, shots)


Bare = Callable[[ProcessPoolExecutor], Contestant]


def _bare(wanted: Wanted, data: Data, lean_url: str, admin_url: str | None) -> Bare | None:
    """Return what makes the yardstick without a server, for M1; None where it can't be had."""
    if admin_url is None:
        return lambda loader: PlainSqlite(data, lean_url, loader)
    program = pgbench_program()
    if program is None or "M1" not in wanted.operations:
        return None
    copy = create_database(admin_url, "pgbench", "bench")
    script = pgbench_script(data, data.commenting.user_id)
    return lambda _loader: Pgbench(program, copy, script)


def _measure(
    wanted: Wanted,
    servers: Sequence[Server],
    loads: Sequence[Prepared],
    bare: Bare | None,
    counts: dict[tuple[str, str], float],
    say: Say,
) -> list[Line]:
    lines: list[Line] = []
    with driver.process() as loader:
        for load in loads:
            key = load.operation.key
            contestants: list[Contestant] = [UnderLoad(one, load.supplies[one.name], loader) for one in servers]
            if key == "M1" and bare is not None:
                contestants.append(bare(loader))
            for connections in wanted.concurrencies:
                label = f"{key} at {connections}: "
                found = compare(contestants, connections, wanted.plan, lambda words, of=label: say(of + words))  # type: ignore[misc]
                measure = found[MEASURE].rate
                lines += [
                    Line(key, load.operation.words, connections, name, one, one.rate / measure, counts.get((key, name)))
                    for name, one in found.items()
                ]
    return lines


def verified(url: str, folder: Path) -> str:
    """Return what `casegate log verify` says of all that the servers have written. Raises: WrongAnswer."""
    command = [sys.executable, "-m", "app", "log", "verify"]
    environment = casegate_environment(url, folder, {})
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise driver.WrongAnswer(f"the log is bad: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return f"casegate log verify: {done.stdout.strip()}"
