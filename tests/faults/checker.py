"""Hold a history against the final log, and name every operation for which the two do not agree.

It deliberately knows nothing of the workflow: that an action was allowed is for the domain and `casegate log verify`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from tests.faults.history import Event, Kind, Row


class Wrong(StrEnum):
    """In which way a history and a log do not agree."""

    LOST = "acknowledged, and not in the log"
    DOUBLED = "in the log more than once"
    REFUSED = "refused, and in the log"
    RECEIPT = "acknowledged with another case, seq or hash than the log has"
    OUTCOMES = "its requests had more than one outcome"
    KEYS = "its requests had more than one key, or its key was another's"
    ACTION = "in the log as another action"
    UNREQUESTED = "in the log, and nobody asked for it"
    ORDER = "in the log before one that was acknowledged before this was asked"
    GAP = "the case's seq is not 1 to n"


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong with one operation, or with one case for a gap."""

    wrong: Wrong
    op: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.op}: {self.wrong}" + (f" ({self.detail})" if self.detail else "")


def check(events: Iterable[Event], rows: Sequence[Row]) -> list[Violation]:
    """Return all that *events* and the whole log *rows* say that can't both be true; empty where they agree."""
    requested: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        requested[event.op].append(event)
    logged: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        logged[row.op].append(row)
    found = [wrong for op, own in requested.items() for wrong in _check_op(op, own, logged.get(op, []))]
    found += [Violation(Wrong.UNREQUESTED, op, _places(own)) for op, own in logged.items() if op not in requested]
    return [*found, *_check_keys(requested), *_check_cases(requested, rows)]


def _check_op(op: str, events: Sequence[Event], rows: Sequence[Row]) -> Iterator[Violation]:
    receipts = {(event.case, event.seq, event.hash) for event in events if event.kind is Kind.OK}
    refusals = {event.code for event in events if event.kind is Kind.FAIL}
    places = {(row.case, row.seq, row.hash) for row in rows}
    if receipts and not rows:
        yield Violation(Wrong.LOST, op, str(receipts))
    if len(rows) > 1:
        yield Violation(Wrong.DOUBLED, op, _places(rows))
    if refusals and rows:
        yield Violation(Wrong.REFUSED, op, f"{', '.join(map(str, refusals))}; {_places(rows)}")
    if len(receipts) > 1 or (receipts and refusals):
        yield Violation(Wrong.OUTCOMES, op, f"{receipts or ''} {refusals or ''}")
    if rows and not receipts <= places:
        yield Violation(Wrong.RECEIPT, op, f"{receipts - places}; {_places(rows)}")
    if {row.action for row in rows} - {event.action for event in events}:
        yield Violation(Wrong.ACTION, op, _places(rows))


def _check_keys(requested: dict[str, list[Event]]) -> Iterator[Violation]:
    """A key belongs to one operation, else a retry would not be one."""
    owners: dict[str, str] = {}
    for op, events in requested.items():
        keys = {event.key for event in events}
        if len(keys) > 1 or owners.setdefault(next(iter(keys)), op) != op:
            yield Violation(Wrong.KEYS, op, ", ".join(sorted(keys)))


def _check_cases(requested: dict[str, list[Event]], rows: Sequence[Row]) -> Iterator[Violation]:
    cases: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        cases[row.case].append(row)
    for case, own in cases.items():
        own.sort(key=lambda row: row.seq)
        seqs = [row.seq for row in own]
        if seqs != list(range(1, len(own) + 1)):
            yield Violation(Wrong.GAP, case, str(seqs))
        yield from _check_order(requested, own)


def _check_order(requested: dict[str, list[Event]], rows: Sequence[Row]) -> Iterator[Violation]:
    """Look from the case's last row back: what was asked after a later row was acknowledged can't stand before it."""
    acknowledged = inf
    for row in reversed(rows):
        events = requested.get(row.op, [])
        invoked = min((event.at for event in events if event.kind is Kind.INVOKE), default=inf)
        if events and invoked > acknowledged:
            yield Violation(Wrong.ORDER, row.op, _places([row]))
        acknowledged = min([acknowledged, *(event.at for event in events if event.kind is Kind.OK)])


def _places(rows: Sequence[Row]) -> str:
    return ", ".join(f"{row.action} at seq {row.seq} of {row.case}" for row in rows)
