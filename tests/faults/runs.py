"""The kinds of fault, each with how many rounds there are to show and on which engines."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer

from tests.faults.answers import lose_answers
from tests.faults.commit import cut_commits
from tests.faults.disk import fill_disk, fill_log
from tests.faults.failover import fail_over
from tests.faults.kill import kill
from tests.faults.replicas import read_replicas
from tests.faults.report import Report
from tests.faults.restart import restart
from tests.faults.site import Site, site
from tests.faults.small_disk import CannotMount
from tests.faults.streams import cut_streams
from tests.faults.upgrade import upgrade
from tests.faults.webhooks import cut_webhooks
from tests.faults.workers import kill_one
from tests.support.postgresql import PostgresqlMissing


class Fault(StrEnum):
    """What is broken."""

    KILL = "kill"  # -9 of the gateway
    WORKERS = "workers"  # -9 of one of them, or of their parent
    RESTART = "restart"  # of PostgreSQL, as after a crash
    DISK = "disk"  # without room
    LOG = "log"  # PostgreSQL's write-ahead log, on a disk without room
    ANSWERS = "answers"  # lost between the gateway and clients
    COMMIT = "commit"  # whose answer is lost between PostgreSQL and the gateway
    UPGRADE = "upgrade"  # of the gateway, by a later version beside it that migrates
    FAILOVER = "failover"  # from a primary that is killed to its synchronous standby
    STREAMS = "streams"  # of subscribers, by all that they depend on
    REPLICAS = "replicas"  # that replay late
    WEBHOOKS = "webhooks"  # to ten endpoints, by kills of nodes and restarts of PostgreSQL


@dataclass(frozen=True, slots=True)
class Run:
    """How a kind of fault is run."""

    work: Callable[[Site, int], Coroutine[Any, Any, Report]]
    rounds: int
    engines: tuple[str, ...] = ("sqlite", "postgresql")
    disk_mib: Mapping[str, int] = field(default_factory=dict)
    log_inside: bool = False
    is_replicated: bool = False
    patience_s: float = 10


RUNS = {
    Fault.KILL: Run(kill, 20),
    Fault.WORKERS: Run(kill_one, 6),
    Fault.RESTART: Run(restart, 5, ("postgresql",)),
    Fault.DISK: Run(fill_disk, 3, disk_mib={"sqlite": 16, "postgresql": 96}),
    Fault.LOG: Run(fill_log, 3, ("postgresql",), {"postgresql": 96}, log_inside=True),
    Fault.ANSWERS: Run(lose_answers, 3),
    Fault.COMMIT: Run(cut_commits, 3, ("postgresql",)),
    Fault.FAILOVER: Run(fail_over, 10, ("postgresql",), is_replicated=True, patience_s=15),
    Fault.UPGRADE: Run(upgrade, 5),
    Fault.STREAMS: Run(cut_streams, 20),
    Fault.REPLICAS: Run(read_replicas, 10, ("postgresql",), log_inside=True),
    Fault.WEBHOOKS: Run(cut_webhooks, 6),
}


def run(
    fault: Fault,
    engine: str,
    folder: Path,
    seed: int,
    writers: int,
    rounds: int | None = None,
    *,
    patience_s: float | None = None,
    released: str | None = None,
    is_forked: bool = False,
) -> Report | None:
    """Run one kind of fault, or skip it, loudly, where it can't be had here.

    *rounds* and *patience_s*: other than is usual; *released*: the commit of which the gateway is;
    *is_forked*: see `site`.
    """
    usual = RUNS[fault]
    try:
        with site(
            engine,
            folder / f"{fault}-{engine}",
            seed,
            writers,
            disk_mib=usual.disk_mib.get(engine),
            log_inside=usual.log_inside,
            is_replicated=usual.is_replicated,
            patience_s=usual.patience_s if patience_s is None else patience_s,
            released=released,
            is_forked=is_forked,
        ) as here:
            return asyncio.run(usual.work(here, rounds or usual.rounds))
    except (CannotMount, PostgresqlMissing) as missing:
        if os.environ.get("CASEGATE_REQUIRE_POSTGRESQL") == "1" and isinstance(missing, PostgresqlMissing):
            raise
        typer.echo(f"\nSKIPPED: {fault} on {engine}: {missing}\n", err=True)
        return None
