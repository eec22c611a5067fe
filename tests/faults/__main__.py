"""The command behind scripts/faults: run each kind of fault on each engine, and say what was found."""

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from tests.faults.answers import lose_answers
from tests.faults.commit import cut_commits
from tests.faults.disk import fill_disk
from tests.faults.kill import kill
from tests.faults.report import Report, say, summarize
from tests.faults.restart import restart
from tests.faults.site import Site, site
from tests.faults.small_disk import CannotMount
from tests.postgresql import PostgresqlMissing


class Fault(StrEnum):
    """What is broken."""

    KILL = "kill"
    RESTART = "restart"
    DISK = "disk"
    ANSWERS = "answers"
    COMMIT = "commit"


class Engine(StrEnum):
    """What it is broken on."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Run:
    """How a kind of fault is run."""

    work: Callable[[Site, int], Coroutine[Any, Any, Report]]
    rounds: int
    engines: tuple[str, ...] = ("sqlite", "postgresql")
    disk_mib: Mapping[str, int] = field(default_factory=dict)


RUNS = {
    Fault.KILL: Run(kill, 20),
    Fault.RESTART: Run(restart, 5, ("postgresql",)),
    Fault.DISK: Run(fill_disk, 3, disk_mib={"sqlite": 16, "postgresql": 96}),
    Fault.ANSWERS: Run(lose_answers, 3),
    Fault.COMMIT: Run(cut_commits, 3, ("postgresql",)),
}


def main(
    faults: Annotated[list[Fault] | None, typer.Argument(help="Which kinds of fault; without any, all.")] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="Rounds of each; by default as many as there are to show.")
    ] = None,
    engine: Annotated[Engine, typer.Option(help="The database.")] = Engine.BOTH,
    writers: Annotated[int, typer.Option(min=2, max=40, help="Clients that write at the same time.")] = 16,
    seed: Annotated[int | None, typer.Option(help="Make the same choices again as a run that printed it.")] = None,
    keep: Annotated[
        Path | None, typer.Option(help="Keep histories and databases here, seen from the top of the tree.")
    ] = None,
) -> None:
    """Break what the gateway stands on while clients write, and hold what they were told against the log.

    Exits with 1, and names the operations, where the two do not agree.
    """
    seed = secrets.randbelow(10**6) if seed is None else seed
    say(f"seed {seed}, {writers} writers")
    with _folder(keep) as folder:
        reports = [
            report
            for fault in faults or list(Fault)
            for name in RUNS[fault].engines
            if engine in (name, Engine.BOTH) and (report := _run(fault, name, folder, seed, writers, rounds))
        ]
        summarize(reports)
        if not reports or any(report.site.problems for report in reports):
            kept = keep or _keep(folder)
            say(f"\nFAILED. Histories and logs are in {kept}; the same choices again: --seed {seed}")
            raise typer.Exit(1)
    say(f"\nNo problems. The same choices again: --seed {seed}")


def _run(fault: Fault, engine: str, folder: Path, seed: int, writers: int, rounds: int | None) -> Report | None:
    """Run one kind of fault, or skip it, loudly, where it can't be had here."""
    run = RUNS[fault]
    disk_mib = run.disk_mib.get(engine)
    try:
        with site(engine, folder / f"{fault}-{engine}", seed, writers, disk_mib=disk_mib) as here:
            return asyncio.run(run.work(here, rounds or run.rounds))
    except (CannotMount, PostgresqlMissing) as missing:
        if os.environ.get("CASEGATE_REQUIRE_POSTGRESQL") == "1" and isinstance(missing, PostgresqlMissing):
            raise
        typer.echo(f"\nSKIPPED: {fault} on {engine}: {missing}\n", err=True)
        return None


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Yield where the runs keep their files, which is gone afterwards unless somebody wants it."""
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="casegate-faults-") as folder:
        yield Path(folder)


def _keep(folder: Path) -> Path:
    kept = Path(tempfile.mkdtemp(prefix="casegate-faults-failed-"))
    return Path(shutil.copytree(folder, kept, dirs_exist_ok=True))


if __name__ == "__main__":
    typer.run(main)
