"""The gateway with one process beside the gateway with several, on PostgreSQL, and who had the machine's cores.

The driver and PostgreSQL run on the same machine. Where its cores are all in use the rates can't show what more
processes are worth, so it tells how much room there was, and what an answer takes.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

from scripts.benchmarks import driver
from scripts.benchmarks.alone import M1, Q1, Q2, SMALL, lines_of, open_bench
from scripts.benchmarks.compare import Say, Wanted, prepare
from scripts.benchmarks.cores import CORES, free, watch_of
from scripts.benchmarks.data import make_data
from scripts.benchmarks.measuring import UnderLoad
from scripts.benchmarks.report import Line, Report
from scripts.benchmarks.servers import gateway
from scripts.benchmarks.shares import shared

COMMENTED = 1_000  # cases, commented on in turn, so that nobody waits for the lock of a case
SIDES = ("workers", "busiest", "postgresql", "driver", "others", "idle")


def workers(wanted: Wanted, most: int, share: float | None, say: Say) -> Report:
    """Compare the gateway with one process and with *most*, each with all of a core or with a *share* of one.

    Raises: WrongAnswer, NoShares.
    """
    with open_bench(wanted) as bench, ExitStack() as stack, driver.process() as loader:
        assert bench.admin_url is not None
        say("making the data")
        data = asyncio.run(make_data(bench.url, replace(SMALL, commented=COMMENTED)))
        servers = [
            stack.enter_context(gateway(bench.folder, bench.url, workers=number, name=_named(number)))
            for number in (1, most)
        ]
        if share is not None:
            stack.enter_context(shared([pid for server in servers for pid in server.cpu_seconds_each()], share))
        chosen = [operation for operation in (Q1, Q2, M1) if operation.key in wanted.operations]
        loads = prepare(chosen, data, servers, say)
        watch = watch_of(bench.admin_url)
        say("seeing how many cores are free")
        beforehand = free()
        lines: list[Line] = []
        for load in loads:
            contestants = [UnderLoad(one, load.supplies[one.name], loader, watch=watch) for one in servers]
            lines += lines_of(wanted, load.operation, contestants, say)
        peak = {server.name: server.peak_mib() for server in servers}
        return Report(wanted.engine, lines, peak, list(_notes(lines, beforehand, share)))


def _named(number: int) -> str:
    return "1 worker" if number == 1 else f"{number} workers"


def _notes(lines: Sequence[Line], beforehand: float, share: float | None) -> Iterator[str]:
    yield ""
    if share is not None:
        yield f"Each process of the gateway had at most {share:g} of a core."
    yield f"{beforehand:.2f} of {CORES} cores were free beforehand. Who had them, and answers a core-second of workers:"
    yield _row(("", *SIDES, "answers"))
    for line in lines:
        cores = _cores(line)
        cells = (f"{cores[side]:.2f}" if side in cores else "?" for side in SIDES)
        answers = f"{1000 / line.figures.cpu:.0f}" if line.figures.cpu else "?"
        yield _row((f"{line.operation} at {line.concurrency}, {line.server}", *cells, answers))
    for line in lines:
        if line.server == _named(1):
            yield (
                f"{line.operation} at {line.concurrency}: at what an answer takes with 1 worker, all cores that others"
                f" leave would do for {_room(_cores(line)):.2f} times its rate"
            )


def _cores(line: Line) -> dict[str, float]:
    found = dict(line.figures.cores)
    found["workers"] = found.pop("server")
    taken = sum(share for side, share in found.items() if side != "busiest")  # which is one of the workers
    found["others"] = max(0.0, CORES - taken)
    return found


def _room(cores: dict[str, float]) -> float:
    """Return the ratio that cannot be passed, as long as an answer takes what it does: of us, PostgreSQL and driver."""
    used = sum(cores[side] for side in ("workers", "postgresql", "driver") if side in cores)
    return (CORES - cores["others"]) / used


def _row(cells: Sequence[str]) -> str:
    first, *rest = cells
    return (f"  {first:20}" + "".join(f"{cell:>12}" for cell in rest)).rstrip()
