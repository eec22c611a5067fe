"""The command line of `scripts/bench`."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from scripts.benchmarks.alone import soak
from scripts.benchmarks.bulk import NoRoom
from scripts.benchmarks.compare import Say, Wanted, decisions_needed, run
from scripts.benchmarks.data import Size
from scripts.benchmarks.desk import desk
from scripts.benchmarks.large import large
from scripts.benchmarks.measuring import Plan
from scripts.benchmarks.memory import memory
from scripts.benchmarks.node_peers import PEERS, NoPeers
from scripts.benchmarks.observed import observability
from scripts.benchmarks.operations import OPERATIONS
from scripts.benchmarks.replicas import replicas
from scripts.benchmarks.resources import resources
from scripts.benchmarks.shares import LEAST, NoShares
from scripts.benchmarks.sizes import PARTS, QUICK_ROWS, ROWS, WrongArchive, sizes
from scripts.benchmarks.streams import FULL as FULL_STREAMS
from scripts.benchmarks.streams import QUICK as QUICK_STREAMS
from scripts.benchmarks.streams import streams
from scripts.benchmarks.webhooks import webhooks
from scripts.benchmarks.workers import workers

FULL = Plan(rounds=7, seconds=2.0, warmup_s=1.0, limit=400)
SHOWN_EVERY_S = 60
QUICK = Plan(rounds=2, seconds=0.3, warmup_s=0.1, limit=60)


def main() -> None:
    parser = _parser()
    given = parser.parse_args()
    _refuse_contradictions(given, parser)
    say = _progress()
    for engine in given.engine or _engines(given):
        try:
            report = _measure(given, _wanted(given, engine), say)
        except (NoShares, NoPeers, NoRoom, WrongArchive) as error:
            sys.exit(f"scripts/bench: {error}")
        say("")
        print(json.dumps(report.as_json()) if given.json else report.as_text(), flush=True)


def _refuse_contradictions(given: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    """Exit where options don't go together."""
    if given.desk and given.engine:
        parser.error("--desk serves the demo, on SQLite: leave --engine out")
    if _is_of_postgresql(given) and "sqlite" in (given.engine or ()):
        parser.error("--workers, --replicas, --streams and --large are for PostgreSQL")
    if given.share is not None and not ((given.workers or given.replicas) and LEAST <= given.share <= 1):
        parser.error(f"--share goes with --workers and --replicas, and is at least {LEAST} and at most 1")
    instead = (
        "size",
        "large",
        "soak",
        "workers",
        "replicas",
        "observability",
        "streams",
        "jsonapi",
        "webhooks",
        "desk",
        "memory",
    )
    if given.peers and any(getattr(given, name) for name in instead):
        parser.error("--peers goes with none of " + ", ".join(f"--{name}" for name in instead))
    if given.peers and given.engine != ["postgresql"]:
        parser.error("--peers are measured on PostgreSQL: give --engine postgresql")
    _refuse_sizes(given, parser)
    if given.traces is not None and not (given.observability and given.traces >= 0):
        parser.error("--traces goes with --observability, and is at least 0")


def _refuse_sizes(given: argparse.Namespace, parser: argparse.ArgumentParser) -> None:
    if (given.rows or given.keep or given.part) and not given.size:
        parser.error("--rows, --keep and --part go with --size")
    if given.keep and given.engine != ["postgresql"]:
        parser.error("--keep is for PostgreSQL: give --engine postgresql")


def _engines(given: argparse.Namespace) -> list[str]:
    """Return the engines that are measured where none is chosen."""
    if given.desk:
        return ["sqlite"]
    return ["postgresql"] if _is_of_postgresql(given) else ["sqlite", "postgresql"]


def _is_of_postgresql(given: argparse.Namespace) -> bool:
    return bool(given.workers or given.replicas or given.streams or given.large)


class Printable(Protocol):
    """A report."""

    def as_json(self) -> dict[str, Any]: ...
    def as_text(self) -> str: ...


def _measure(given: argparse.Namespace, wanted: Wanted, say: Say) -> Printable:
    if given.streams:
        return streams(wanted, QUICK_STREAMS if given.quick else FULL_STREAMS, say)
    if given.large or given.size:
        return _of_archives(given, wanted, say)
    if given.soak:
        return soak(wanted, given.soak, say)
    if given.workers or given.replicas:
        number, share = given.workers, given.share
        return workers(wanted, number, share, say) if number else replicas(wanted, share, say)
    if given.observability:
        return observability(wanted, given.traces, say)
    alike: dict[str, Callable[[Wanted, Say], Printable]] = {
        "webhooks": webhooks,
        "jsonapi": resources,
        "desk": desk,
        "memory": memory,
    }
    measure = next((alike[name] for name in alike if getattr(given, name)), run)
    return measure(wanted, say)


def _of_archives(given: argparse.Namespace, wanted: Wanted, say: Say) -> Printable:
    if given.large:
        return large(wanted, given.large, say)
    rows = given.rows or (QUICK_ROWS if given.quick else ROWS)
    return sizes(wanted, rows, given.keep, given.part or PARTS, say)


def _wanted(given: argparse.Namespace, engine: str) -> Wanted:
    plan = QUICK if given.quick else FULL
    plan = replace(plan, rounds=given.rounds or plan.rounds, seconds=given.seconds or plan.seconds)
    operations = frozenset(given.operation or [operation.key for operation in OPERATIONS])
    concurrencies = given.concurrency or ([32] if given.workers or given.replicas else [1, 32])
    peers = PEERS if given.peers else ()
    decided = decisions_needed(operations, concurrencies, plan, peers)
    size = Size(600, 3_000, 100, decided) if given.quick else Size(2_000, 10_000, 1_000, decided)
    return Wanted(engine, operations, concurrencies, plan, size, peers=peers)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--engine", action="append", choices=["sqlite", "postgresql"], help="by default both, in turn")
    keys = [operation.key for operation in OPERATIONS]
    parser.add_argument("--operation", action="append", choices=keys, help="by default all")
    parser.add_argument("--concurrency", action="append", type=int, help="connections; by default 1, and then 32")
    parser.add_argument("--rounds", type=int, help=f"turns of each server, of which the median counts; {FULL.rounds}")
    parser.add_argument("--seconds", type=float, help=f"how long a turn is; {FULL.seconds:g}")
    parser.add_argument("--quick", action="store_true", help="few short rounds: to see that it works, not how fast")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--size", action="store_true", help="large and small archives and pages instead")
    rows = "what an account with so many rows in its log takes of the disk and of time instead, on PostgreSQL"
    only.add_argument("--large", type=int, metavar="ROWS", help=rows)
    only.add_argument("--soak", type=int, help="the gateway's memory over so many requests instead")
    only.add_argument(
        "--workers",
        type=int,
        nargs="?",
        const=2,
        choices=range(2, 65),
        metavar="N",
        help="one and N processes (2) instead",
    )
    only.add_argument("--replicas", action="store_true", help="no read replica and two instead, on PostgreSQL")
    share = "what each process (--workers) or server of PostgreSQL (--replicas) has of a core, so that no core is full"
    parser.add_argument("--share", type=float, metavar="S", help=share)
    only.add_argument("--jsonapi", action="store_true", help="the same operations by JSON:API and by GraphQL instead")
    only.add_argument("--webhooks", action="store_true", help="addComment with ten webhooks and with none instead")
    only.add_argument("--observability", action="store_true", help="what being observed costs instead")
    only.add_argument("--memory", action="store_true", help="what a process has of memory after each load instead")
    only.add_argument("--desk", action="store_true", help="how soon the Desk is painted in Chromium instead")
    only.add_argument(
        "--streams",
        action="store_true",
        help="a thousand streams, beside a graphql-ws server on Node, and two gateways instead",
    )
    traces = "with --observability: CASEGATE_TRACES_PER_SECOND, so that 0 leaves it to OTEL_TRACES_SAMPLER"
    parser.add_argument("--traces", type=float, metavar="N", help=traces)
    peers = "beside the yardsticks: mercurius with graphql-jit, GraphQL Yoga and PostGraphile (PostgreSQL, Node.js)"
    parser.add_argument("--peers", action="store_true", help=peers)
    parser.add_argument("--json", action="store_true", help="print JSON, a line for each engine")
    _add_sizes(parser)
    return parser


def _add_sizes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, metavar="N", help=f"with --size: of the large archive; {ROWS}")
    keep = "with --size: a folder in which the archives are made, and left, or found from another time"
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help=keep)
    parser.add_argument("--part", action="append", choices=PARTS, help="with --size: only this; may be repeated")


def _progress() -> Callable[[str], None]:
    """Return what shows what is going on: on one line of a terminal, else by a line at most once a minute."""
    start = shown = time.monotonic()

    def say(words: str) -> None:
        nonlocal shown
        now = time.monotonic()
        line = f"{now - start:4.0f} s  {words}" if words else ""
        if sys.stderr.isatty():
            sys.stderr.write(f"\r\x1b[K{line}")
            sys.stderr.flush()
        elif now - shown >= SHOWN_EVERY_S and line:
            shown = now
            sys.stderr.write(f"{line}\n")
            sys.stderr.flush()

    return say


if __name__ == "__main__":
    main()
