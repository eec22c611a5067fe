"""What being observed costs: one gateway that tells nothing, or counts and logs its requests, or traces some as well.

It is one process, which is switched over between many short turns of the load. A machine that others share is faster
and slower from one moment to the next, by more than what is to be seen.
"""

import asyncio
import math
import random
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from multiprocessing.connection import Client, Connection

import uvloop

from scripts.benchmarks import driver
from scripts.benchmarks.alone import M1, Q1, Q2, SMALL, open_bench, reading
from scripts.benchmarks.compare import Say, Wanted
from scripts.benchmarks.data import make_data
from scripts.benchmarks.driver import Load
from scripts.benchmarks.measuring import Plan, Round, figures
from scripts.benchmarks.operations import Operation
from scripts.benchmarks.report import Line, Report
from scripts.benchmarks.servers import gateway, yardstick
from scripts.benchmarks.switched import Level
from tests.support.ports import free_port

TURN_S = 0.1
NAMES = {Level.SILENT: "silent", Level.REPORTED: "as usual", Level.TRACED: "traced"}

Rounds = Mapping[Level, list[Round]]


def observability(wanted: Wanted, traces: float | None, say: Say) -> Report:
    """Compare the levels: each has as much time under load as a server has in other comparisons.

    So many *traces* are allowed a second; None leaves that as it is by default.
    """
    with open_bench(wanted) as bench, ExitStack() as stack, driver.process() as loader:
        say("making the data")
        data = asyncio.run(make_data(bench.url, replace(SMALL, commented=1_000)))
        sink = stack.enter_context(yardstick(bench.folder, bench.url, "sink"))
        settings = {"tracing": "true"} | ({} if traces is None else {"traces_per_second": f"{traces:g}"})
        # Which of the operations are traced is up to the OTEL_* variables of whoever measures.
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{sink.port}"}
        switch = free_port()
        server = stack.enter_context(
            gateway(bench.folder, bench.url, settings=settings, environment=environment, switch=switch)
        )
        lines: list[Line] = []
        notes = [""]
        for operation in (Q1, Q2, M1):
            if operation.key not in wanted.operations:
                continue
            shots = reading(server, operation, data)
            for connections in wanted.concurrencies:
                say(f"{operation.key} at {connections}")
                load = Load(server.port, shots, connections, TURN_S)
                rounds = loader.submit(shoot_in_turns, load, switch, wanted.plan).result()
                lines += _lines(operation, connections, rounds)
                notes += _notes(operation, connections, rounds)
        return Report(wanted.engine, lines, {server.name: server.peak_mib()}, notes)


def shoot_in_turns(load: Load, switch: int, plan: Plan) -> Rounds:
    """Put *load* on a gateway that is switched over by the port *switch*, and return the turns of each level."""
    with Client(("127.0.0.1", switch)) as connection:
        return uvloop.run(_shoot_in_turns(load, connection, plan))


async def _shoot_in_turns(load: Load, switch: "Connection[Level, tuple[float, float]]", plan: Plan) -> Rounds:
    rounds: Rounds = {level: [] for level in Level}
    dice = random.Random(1)
    async with driver.connected(load) as clients:
        await driver.turn(clients, plan.warmup_s)
        for _ in range(math.ceil(plan.rounds * plan.seconds / load.seconds)):
            for level in dice.sample(list(Level), len(Level)):
                _, before = _set(switch, level)
                taken = await driver.turn(clients, load.seconds)
                # What it has to tell of a turn is part of that turn, be it written down afterwards.
                writing, after = _set(switch, Level.SILENT)
                count = len(taken.latencies)
                rate, cpu = count / (taken.elapsed + writing), (after - before) / count
                rounds[level].append(Round(rate, taken.latencies, cpu))
    return rounds


def _set(switch: "Connection[Level, tuple[float, float]]", level: Level) -> tuple[float, float]:
    switch.send(level)
    return switch.recv()


def _lines(operation: Operation, connections: int, rounds: Rounds) -> Iterator[Line]:
    silent = _rate(rounds[Level.SILENT])
    for level, taken in rounds.items():
        rate = _rate(taken)
        found = replace(figures(taken), rate=rate)
        yield Line(operation.key, operation.words, connections, NAMES[level], found, rate / silent, None)


def _notes(operation: Operation, connections: int, rounds: Rounds) -> Iterator[str]:
    """Yield how far chance may have moved each ratio: its standard error, by the delta method, turn by turn."""
    silent = rounds[Level.SILENT]
    for level in (Level.REPORTED, Level.TRACED):
        taken, ratio = rounds[level], _rate(rounds[level]) / _rate(silent)
        apart = [one.rate - ratio * other.rate for one, other in zip(taken, silent, strict=True)]
        error = statistics.stdev(apart) / math.sqrt(len(apart)) / _rate(silent) if len(apart) > 1 else math.nan
        yield f"{operation.key} at {connections}, {NAMES[level]}: {ratio:.3f} of silent, standard error {error:.3f}"


def _rate(rounds: Sequence[Round]) -> float:
    """Return the mean: of turns so short each is fast or slow by chance, the median one too."""
    return statistics.mean(taken.rate for taken in rounds)
