"""What clients asked and were told, one JSON object a line, and what the log says in the end.

It deliberately judges nothing: `checker` does.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TextIO


class Kind(StrEnum):
    """What a line of a history tells."""

    INVOKE = "invoke"  # the request is on its way
    OK = "ok"  # the action is acknowledged
    FAIL = "fail"  # it is refused: nothing was written
    UNKNOWN = "unknown"  # no answer, or a fault: it may have been written


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line: a request that was sent for an operation, or what came of it.

    All requests of an operation carry its key, if it has one, and its id as `X-Request-ID`, which the log keeps. `at`
    is in seconds.
    """

    kind: Kind
    at: float
    client: str
    op: str
    key: str
    action: str
    case: str | None = None
    seq: int | None = None
    hash: str | None = None
    code: str | None = None
    status: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row of the log; `op` is the request id that it keeps."""

    case: str
    seq: int
    action: str
    hash: str
    op: str


@dataclass(slots=True)
class History:
    """Takes events down, in memory and in a file, as they happen."""

    file: TextIO
    events: list[Event] = field(default_factory=list)

    def note(self, event: Event) -> None:
        self.events.append(event)
        self.file.write(as_line(event))
        self.file.flush()

    def acknowledged_since(self, moment: float) -> float | None:
        """Return when an action that was asked for after *moment* was first acknowledged, None where none was."""
        requested: set[str] = set()
        for event in self.events:
            if event.at > moment and event.kind is Kind.INVOKE:
                requested.add(event.op)
            if event.kind is Kind.OK and event.op in requested:
                return event.at
        return None


def now() -> float:
    """Return the time that events are stamped with: it only grows, and says nothing about the day."""
    return time.monotonic()


def as_line(record: Event | Row) -> str:
    """Return *record* as a line of JSON, without what it does not know."""
    return json.dumps({name: value for name, value in asdict(record).items() if value is not None}) + "\n"


def read_events(path: Path) -> list[Event]:
    lines = map(json.loads, path.read_text().splitlines())
    return [Event(**line | {"kind": Kind(line["kind"])}) for line in lines]


def read_rows(path: Path) -> list[Row]:
    return [Row(**json.loads(line)) for line in path.read_text().splitlines()]


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    path.write_text("".join(map(as_line, rows)))
