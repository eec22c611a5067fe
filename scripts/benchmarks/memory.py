"""The memory of one process of the gateway: as it has started, after the first answers, and under each load."""

import asyncio
from collections.abc import Iterator

import psutil

from scripts.benchmarks import driver
from scripts.benchmarks.alone import open_bench
from scripts.benchmarks.compare import Say, Wanted, prepare
from scripts.benchmarks.data import Data, make_data
from scripts.benchmarks.measuring import UnderLoad
from scripts.benchmarks.report import Report
from scripts.benchmarks.servers import Server, gateway


def memory(wanted: Wanted, say: Say) -> Report:
    """Tell what a process of the gateway has after each step, and had at most. Raises: WrongAnswer."""
    with open_bench(wanted) as bench:
        say("making the data")
        data = asyncio.run(make_data(bench.url, wanted.size))
        with gateway(bench.folder, bench.url) as server:
            notes = list(_steps(wanted, data, server, say))
            return Report(wanted.engine, [], {server.name: server.peak_mib()}, notes)


def _steps(wanted: Wanted, data: Data, server: Server, say: Say) -> Iterator[str]:
    yield _found("as it has started", server)
    loads = prepare(wanted.chosen, data, [server], say)
    yield _found("after the first answers", server)
    with driver.process() as loader:
        for load in loads:
            contestant = UnderLoad(server, load.supplies[server.name], loader)
            for connections in wanted.concurrencies:
                for number in range(wanted.plan.rounds):
                    say(f"{load.operation.key} at {connections}, round {number + 1} of {wanted.plan.rounds}")
                    contestant.turn(connections, wanted.plan.seconds, wanted.plan.limit)
                yield _found(f"after {load.operation.key} at {connections}", server)


def _found(moment: str, server: Server) -> str:
    found = psutil.Process(server.process.pid).memory_full_info()
    sizes = f"{found.rss / 2**20:4.0f} MiB, of its own {found.uss / 2**20:4.0f}, at most {server.peak_mib():4.0f}"
    return f"{moment:24} {sizes}"
