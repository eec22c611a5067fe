"""What was measured, as a table for people and as JSON; a ratio is always to the hand-written endpoint."""

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import psutil

from scripts.benchmarks.measuring import Figures

COLUMNS = ("", "rate", "ratio", "p50", "p99", "cpu", "sql")
UNITS = ("", "1/s", "", "ms", "ms", "ms", "")


@dataclass(frozen=True, slots=True)
class Line:
    """One server with one operation at one concurrency; `measure` is what others are compared to."""

    operation: str
    words: str
    concurrency: int
    server: str
    figures: Figures
    ratio: float | None
    statements: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """All of a run."""

    engine: str
    lines: Sequence[Line]
    peak_mib: dict[str, float]
    notes: Sequence[str]

    def as_json(self) -> dict[str, Any]:
        return {"machine": machine(), **asdict(self)}

    def as_text(self) -> str:
        return "\n".join(self._text())

    def _text(self) -> Iterator[str]:
        yield f"{self.engine} on {', '.join(f'{key} {value}' for key, value in machine().items())}"
        place = None
        for line in self.lines:
            if place != (line.operation, line.words, line.concurrency):
                place = (line.operation, line.words, line.concurrency)
                yield ""
                yield f"{line.operation} {line.words}, concurrency {line.concurrency}"
                yield _row(COLUMNS)
                yield _row(UNITS)
            yield _row(_cells(line))
        yield ""
        memory = (f"{name} {peak:.0f} MiB" for name, peak in self.peak_mib.items())
        if self.peak_mib:
            yield f"peak memory: {', '.join(memory)}"
        yield from self.notes


def _cells(line: Line) -> Sequence[str]:
    found = line.figures
    return (
        line.server,
        f"{found.rate:.0f}",
        "" if line.ratio is None else f"{line.ratio:.2f}",
        f"{found.p50:.2f}",
        f"{found.p99:.2f}",
        "" if found.cpu is None else f"{found.cpu:.2f}",
        "" if line.statements is None else f"{line.statements:.1f}".removesuffix(".0"),
    )


def _row(cells: Sequence[str]) -> str:
    first, *rest = cells
    return (f"  {first:14}" + "".join(f"{cell:>10}" for cell in rest)).rstrip()


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    return {
        "cores": os.cpu_count(),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
    }
