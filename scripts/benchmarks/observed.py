"""What being observed costs: one gateway that tells nothing, or counts and logs its requests, or traces some as well.

It is one process, which is switched over between turns. Ratios are to its turns in silence.
"""

import asyncio
from contextlib import ExitStack
from dataclasses import dataclass, replace
from multiprocessing.connection import Client, Connection

from scripts.benchmarks import driver
from scripts.benchmarks.alone import M1, Q1, Q2, SMALL, lines_of, open_bench, reading
from scripts.benchmarks.compare import Say, Wanted
from scripts.benchmarks.data import make_data
from scripts.benchmarks.measuring import Round, Supply, UnderLoad
from scripts.benchmarks.report import Line, Report
from scripts.benchmarks.servers import gateway, yardstick
from scripts.benchmarks.switched import Level
from tests.ports import free_port

SAMPLED = 0.05
NAMES = {
    Level.SILENT: "silent",
    Level.TOLD: "as usual",
    Level.TRACED: f"{SAMPLED:.0%} traced",
}


@dataclass(frozen=True, slots=True)
class Observed:
    """The gateway at one level: what it has to tell of a turn is part of that turn, be it sent afterwards."""

    level: Level
    gateway: UnderLoad
    switch: "Connection[Level, float]"

    @property
    def name(self) -> str:
        return NAMES[self.level]

    def turn(self, connections: int, seconds: float, limit: int) -> Round:
        self._switch_to(self.level)
        taken = self.gateway.turn(connections, seconds, limit)
        count, sending = len(taken.latencies), self._switch_to(Level.SILENT)
        return replace(taken, rate=count / (count / taken.rate + sending))

    def _switch_to(self, level: Level) -> float:
        self.switch.send(level)
        return self.switch.recv()


def observability(wanted: Wanted, say: Say) -> Report:
    """Compare the levels."""
    with open_bench(wanted) as bench, ExitStack() as stack, driver.process() as loader:
        say("making the data")
        data = asyncio.run(make_data(bench.url, replace(SMALL, commented=1_000)))
        sink = stack.enter_context(yardstick(bench.folder, bench.url, "sink"))
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{sink.port}",
            "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
            "OTEL_TRACES_SAMPLER_ARG": str(SAMPLED),
        }
        port = free_port()
        server = stack.enter_context(
            gateway(bench.folder, bench.url, settings={"tracing": "true"}, environment=environment, switch=port)
        )
        switch = stack.enter_context(Client(("127.0.0.1", port)))
        lines: list[Line] = []
        for operation in (Q1, Q2, M1):
            if operation.key in wanted.operations:
                load = UnderLoad(server, Supply(reading(server, operation, data), False), loader)
                lines += lines_of(wanted, operation, [Observed(level, load, switch) for level in Level], say)
        return Report(wanted.engine, lines, {server.name: server.peak_mib()}, [])
