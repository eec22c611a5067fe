"""Records an answered operation: a line in the log, and the metrics. Never what was sent with it.

It is written down for many operations at once, a moment later.
"""

import re
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from app.api.execution.budget import Budget
from app.api.execution.operations import PreparedOperation
from app.api.execution.slices import OperationSlices
from app.db.replicas.wal_positions import WalPosition
from app.observability import logging, metrics
from app.observability.deferred import DeferredQueue
from app.web.rate_limit import RateLimitStatus

CLIENT_HEADERS = ("x-graphql-client-name", "apollographql-client-name")
HASH_SHOWN = 16
NOTES_WAITING = 100

_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,63}")
_CLIENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,39}")


Noted = tuple[str, str | None, str, bool, Sequence[str]]
"""What is noted of an operation: its type, name, and document's hash, whether it has begun, and what it used of the
deprecated.
"""

Note = tuple[float, float, str, int | str, str | None, Sequence[str], Noted | None]
"""What is noted of a request: when it ended, in seconds since the epoch, how many it took, its id, its status, or over
what it was streamed, what the client calls itself, the codes it was refused with, and what it was.
"""


class Record:
    """Collects what is noted of one operation, and hands it on at its end.

    `standing`: how its token stood with the rate limit then, if it was counted again meanwhile. `position`: what covers
    what it wrote, where there are replicas. `slices`: those that it works in, if its request has arrived before it was
    known what it is.
    """

    __slots__ = ("_started", "budget", "codes", "has_begun", "operation", "position", "slices", "standing")

    def __init__(self, slices: OperationSlices | None = None) -> None:
        self._started = time.perf_counter()
        self.slices = slices
        self.operation: PreparedOperation | None = None
        self.budget: Budget | None = None
        self.codes: list[str] = []
        self.has_begun = False
        self.standing: RateLimitStatus | None = None
        self.position: WalPosition | None = None

    def finish(self, request_id: str, answered: int | str, client: str | None, codes: Sequence[str]) -> None:
        """Have it written down. What is picked up here is small: all else of the request makes room for the next.

        *answered*: the status of the response, or the transport that the result was streamed over.
        """
        taken = time.perf_counter() - self._started
        prepared, operation = self.operation, None
        if self.codes:
            codes = [*codes, *self.codes]
        if prepared is not None:
            name, document = prepared.name, prepared.document_hash
            operation = prepared.type_name, name, document, self.has_begun, prepared.deprecated
        _notes.add((time.time(), taken, request_id, answered, client, codes or (), operation))


def _write_down(notes: Sequence[Note]) -> None:
    """Count requests, operations and errors, and write a line for each request."""
    by_status: Counter[int] = Counter()
    by_code: Counter[str] = Counter()
    for _, seconds, _, answered, client, codes, operation in notes:
        if isinstance(answered, int):
            by_status[answered] += 1
        if codes:
            by_code.update(codes)
        if operation is not None:
            type_, _, hash_, has_begun, deprecated = operation
            # A document that never began is one of endlessly many, and so is its hash.
            document = metrics.operation_names.bounded(hash_[:HASH_SHOWN]) if has_begun else "invalid"
            known = metrics.client_names.bounded(_client(client))
            metrics.child(metrics.seconds, type_, document, known).observe(seconds)
            for coordinate in deprecated:
                metrics.child(metrics.deprecated_uses, coordinate, known).inc()
    for status, number in by_status.items():
        metrics.child(metrics.requests, str(status)).inc(number)
    for code, number in by_code.items():
        metrics.child(metrics.errors, code).inc(number)
    logging.write(map(_line, notes))


_notes = DeferredQueue(_write_down, NOTES_WAITING)


def _line(note: Note) -> dict[str, Any]:
    at, seconds, request_id, answered, client, codes, operation = note
    line: dict[str, Any] = {
        "request_id": request_id,
        "status" if isinstance(answered, int) else "transport": answered,
        "client": _client(client),
        "codes": codes,
        "milliseconds": int(seconds * 10_000 + 0.5) / 10,
        "timestamp": datetime.fromtimestamp(at, UTC),
        "event": "request",
        "level": "info",
    }
    if operation is not None:
        line["type"], name, hash_, _, deprecated = operation
        line["operation"], line["document"] = _name(name), hash_[:HASH_SHOWN]
        if deprecated:
            line["deprecated"] = deprecated
    return line


def _client(name: str | None) -> str:
    return "unknown" if name is None or not _CLIENT.fullmatch(name) else name


def _name(name: str | None) -> str | None:
    """Return an operation's name where it is one: it is the client's word, and not yet looked at."""
    return name if name is not None and _NAME.fullmatch(name) else None
