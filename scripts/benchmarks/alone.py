"""What measurements of the gateway beside itself share, and its memory over many requests.

Ratios are to the first line of each comparison.
"""

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.benchmarks import calls as making
from scripts.benchmarks import driver
from scripts.benchmarks.compare import Say, Wanted, database
from scripts.benchmarks.data import Data, Size, make_data
from scripts.benchmarks.driver import Load, Shot, shoot
from scripts.benchmarks.measuring import Contestant, compare
from scripts.benchmarks.operations import OPERATIONS, Operation
from scripts.benchmarks.report import Line, Report
from scripts.benchmarks.servers import Server, gateway
from tests.support.databases import create_database

Q1, Q2, M1, _ = OPERATIONS
SMALL = Size(2_000, 10_000, 100, 100)
SAMPLES = 10


@dataclass(frozen=True, slots=True)
class Bench:
    """A database on a server of its own, and where files go."""

    wanted: Wanted
    folder: Path
    url: str
    admin_url: str | None

    def another(self, name: str) -> str:
        """Return the URL of another empty database beside it."""
        if self.admin_url is not None:
            return create_database(self.admin_url, name)
        return f"sqlite:///{self.folder / name}.sqlite"


@contextmanager
def open_bench(wanted: Wanted) -> Iterator[Bench]:
    """Yield an empty database with its server and a folder, which are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="casegate-bench-") as name:
        folder = Path(name)
        with database(wanted.engine, folder) as (url, admin_url):
            yield Bench(wanted, folder, url, admin_url)


def reading(server: Server, operation: Operation, data: Data, size: int | None = None) -> list[Shot]:
    calls = making.pages(data, server, size) if size else making.calls_of(operation, data, server)
    return making.shots_of(server, operation, data, calls, making.reference_of(server, operation, data, calls))


def lines_of(wanted: Wanted, operation: Operation, contestants: Sequence[Contestant], say: Say) -> Iterator[Line]:
    """Yield a line for each of *contestants* and concurrency, compared to the first."""
    for connections in wanted.concurrencies:
        found = compare(contestants, connections, wanted.plan, lambda words: say(f"{operation.key}: {words}"))
        first = next(iter(found.values())).rate
        for name, one in found.items():
            yield Line(operation.key, operation.words, connections, name, one, one.rate / first, None)


def soak(wanted: Wanted, requests: int, say: Say) -> Report:
    """Tell the gateway's memory while it answers so many requests: cases, worklists and comments in turn."""
    with open_bench(wanted) as bench, driver.process() as loader:
        say("making the data")
        data = asyncio.run(make_data(bench.url, replace(SMALL, commented=1_000)))
        with gateway(bench.folder, bench.url) as server:
            one, pages = reading(server, Q1, data), reading(server, Q2, data)
            comments = making.shots_of(server, M1, data, making.calls_of(M1, data, server), {})
            mixed = [shot for part in zip(one, comments, strict=False) for shot in part]
            shots = [shot for at in range(0, len(mixed), 20) for shot in (*mixed[at : at + 20], pages[0])]
            notes = [f"before: {server.present_mib():.0f} MiB"]
            notes += list(_samples(server, shots, requests, wanted.concurrencies[-1], loader, say))
            return Report(wanted.engine, [], {server.name: server.peak_mib()}, notes)


def _samples(
    server: Server, shots: Sequence[Shot], requests: int, connections: int, loader: ProcessPoolExecutor, say: Say
) -> Iterator[str]:
    share = max(1, requests // SAMPLES)
    for number in range(1, SAMPLES + 1):
        say(f"{number * share} of {requests} requests")
        load = Load(server.port, shots, connections, seconds=3600, limit=share)
        loader.submit(shoot, load).result()
        yield f"after {number * share} requests: {server.present_mib():.0f} MiB"
