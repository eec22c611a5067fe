"""The command behind scripts/faults: run each kind of fault on each engine, and say what was found."""

import secrets
import shutil
import signal
import sys
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tests.faults.report import say, summarize
from tests.faults.runs import RUNS, Fault, run


class Engine(StrEnum):
    """What it is broken on."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"
    BOTH = "both"


def main(
    faults: Annotated[list[Fault] | None, typer.Argument(help="Which kinds of fault; without any, all.")] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="Rounds of each; by default as many as there are to show.")
    ] = None,
    engine: Annotated[Engine, typer.Option(help="The database.")] = Engine.BOTH,
    writers: Annotated[int, typer.Option(min=2, max=40, help="Clients that write at the same time.")] = 16,
    seed: Annotated[int | None, typer.Option(help="Make the same choices again as a run that printed it.")] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            help="Keep histories and databases here, not only where there are problems; seen from the top of the tree."
        ),
    ] = None,
    released: Annotated[
        str | None, typer.Option(metavar="COMMIT", help="With upgrade: begin with this commit, not with this tree.")
    ] = None,
) -> None:
    """Break what the gateway stands on while clients write, and hold what they were told against the log.

    Exits with 1, and names the operations, where the two do not agree.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # what was started has to be ended
    seed = secrets.randbelow(10**6) if seed is None else seed
    if released and faults != [Fault.UPGRADE]:
        raise typer.BadParameter("--released goes with upgrade")
    if keep and keep.exists() and any(keep.iterdir()):
        raise typer.BadParameter(f"{keep} holds something already: the log of another run is none of this one")
    folder = keep or Path(tempfile.mkdtemp(prefix="casegate-faults-"))
    say(f"seed {seed}, {writers} writers; histories and logs are in {folder}")
    reports = [
        report
        for fault in faults or list(Fault)
        for name in RUNS[fault].engines
        if engine in (name, Engine.BOTH)
        and (report := run(fault, name, folder.resolve(), seed, writers, rounds, released=released))
    ]
    if not reports:
        say("nothing of this could be run here")
        raise typer.Exit(1)
    summarize(reports)
    problems = sum(len(report.site.problems) for report in reports)
    say(f"\n{problems or 'No'} problems. The same choices again: --seed {seed}")
    if problems:
        raise typer.Exit(1)
    if keep is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    typer.run(main)
