"""What verifying and anchoring an archive's logs takes: rows a second, and memory as they go on."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from scripts.benchmarks.archives import SizedArchive, SizedArchives
from scripts.benchmarks.compare import Say
from scripts.benchmarks.driver import WrongAnswer
from scripts.benchmarks.servers import ROOT, casegate_environment

LOOK_S = 0.2
COMMANDS = (("log", "verify"), ("log", "anchor"))


@dataclass(slots=True)
class CommandRun:
    """How long a command took, the time of a core in it, and its memory in MiB as often as it was looked at."""

    seconds: float = 0.0
    cpu: float = 0.0
    memory: list[float] = field(default_factory=list)

    def at(self, share: float) -> float:
        """Return the memory after this *share* of the time."""
        return self.memory[min(len(self.memory) - 1, int(share * len(self.memory)))]


def logs(archives: SizedArchives, folder: Path, say: Say) -> Iterator[str]:
    """Yield a line for each command and archive. Raises: WrongAnswer, where a log is bad."""
    for arguments in COMMANDS:
        for archive in archives.both:
            name = f"{' '.join(arguments)}, {archive.rows} rows"
            say(name)
            taken = _taken(arguments, archive, archive.folder(folder))
            memory = ", ".join(f"{taken.at(share):.0f}" for share in (0.25, 0.5, 0.75))
            yield (
                f"{name}: {taken.seconds:.1f} s, {archive.rows / taken.seconds:.0f} rows a second,"
                f" {taken.cpu / taken.seconds:.2f} of a core; at most {max(taken.memory):.0f} MiB"
                f" ({memory} at a quarter, a half and three quarters of the time)"
            )


def _taken(arguments: Sequence[str], archive: SizedArchive, folder: Path) -> CommandRun:
    """Do a command, with a data folder of its own. Raises: WrongAnswer."""
    environment = casegate_environment(archive.data.url, folder, {})
    log, began, taken = folder / "printed", time.perf_counter(), CommandRun()
    with log.open("wb") as output:
        command = [sys.executable, "-m", "app", *arguments]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
        _watch(process, taken)
    taken.seconds = time.perf_counter() - began
    if process.returncode:
        raise WrongAnswer(f"{' '.join(arguments)}: {log.read_text(errors='replace')[-4000:]}")
    return taken


def _watch(process: "subprocess.Popen[bytes]", taken: CommandRun) -> None:
    watched = psutil.Process(process.pid)
    while True:
        with suppress(psutil.Error):  # it has ended
            taken.memory.append(watched.memory_info().rss / 2**20)
            times = watched.cpu_times()
            taken.cpu = times.user + times.system
        with suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_S)
            return
