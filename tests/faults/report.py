"""What a fault run tells those who watch it: a line for each round, and a table in the end."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import typer

from app.cli.terminal import print_rows
from tests.faults.site import Site


@dataclass(slots=True)
class Report:
    """One kind of fault on one engine; `measured` has the seconds of what was measured in each round."""

    fault: str
    site: Site
    measured: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    notes: dict[str, str] = field(default_factory=dict)

    def measure(self, what: str, seconds: float) -> None:
        self.measured[what].append(seconds)

    def row(self) -> Mapping[str, Any]:
        """Return the line of the table."""
        site, counts = self.site, self.site.counts()
        operations = {event.op for event in site.history.events}
        measured = [
            f"{what} {sorted(seconds)[len(seconds) // 2]:.1f} s, at most {max(seconds):.1f} s"
            for what, seconds in self.measured.items()
        ]
        return {
            "fault": self.fault,
            "engine": site.engine,
            "operations": len(operations),
            "acknowledged": counts["ok"],
            "refused": counts["fail"],
            "unknown": counts["unknown"],
            "rows": site.rows,
            "measured (median)": "; ".join(measured) or "-",
            "problems": len(site.problems),
        }


def say(line: str) -> None:
    typer.echo(line)


def summarize(reports: Sequence[Report]) -> None:
    """Print the table, and every problem."""
    say("")
    print_rows([report.row() for report in reports], as_json=False)
    for report in reports:
        for problem in report.site.problems:
            say(f"PROBLEM: {problem}")
