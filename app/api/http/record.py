"""What is noted of a request once it is answered: a line in the log, and the metrics. Never what was sent with it.

It is written down for many requests at once, a moment later.
"""

import re
import time
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

from starlette.responses import Response

from app import clock, logs, metrics
from app.api.context import Context
from app.api.http.exchange import Exchange
from app.backlog import Backlog

CLIENT_HEADERS = ("x-graphql-client-name", "apollographql-client-name")
HASH_SHOWN = 16
NOTES_WAITING = 200

_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,63}")
_CLIENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,39}")


class Operation(NamedTuple):
    """What is noted of an operation. A document that never began is one of endlessly many, and so is its hash."""

    type: str
    name: str | None
    document: str
    has_begun: bool


class Note(NamedTuple):
    """What is noted of one request; `seconds` is how long its answer took, and `client` what it calls itself."""

    at: datetime
    seconds: float
    request_id: str
    status: int
    client: str | None
    codes: Sequence[str]
    operation: Operation | None


class Record:
    """Collects what is noted of one request, and hands it on at its end."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._started = time.perf_counter()
        self.context: Context | None = None

    def finish(self, response: Response) -> None:
        """Have it written down."""
        taken = time.perf_counter() - self._started
        exchange, context = self._exchange, self.context
        operation, codes = None, exchange.codes
        if context is not None:
            codes = [*codes, *context.codes]
            hash_ = context.document_hash[:HASH_SHOWN]
            operation = Operation(context.operation_type, context.operation_name, hash_, context.has_begun)
        _notes.add(
            Note(clock.now(), taken, exchange.request_id, response.status_code, self._client(), codes, operation)
        )

    def _client(self) -> str | None:
        headers = self._exchange.request.headers
        given: Sequence[str | None] = [headers.get(name) for name in CLIENT_HEADERS]
        return next((name for name in given if name is not None), None)


def _write_down(notes: Sequence[Note]) -> None:
    for status, number in Counter([note.status for note in notes]).items():
        metrics.child(metrics.requests, str(status)).inc(number)
    for code, number in Counter(chain.from_iterable([note.codes for note in notes])).items():
        metrics.child(metrics.errors, code).inc(number)
    logs.write([_counted(note) for note in notes])


_notes = Backlog(_write_down, NOTES_WAITING)


def _counted(note: Note) -> dict[str, Any]:
    """Return the line of a request, whose operation is counted."""
    client = note.client if note.client is not None and _CLIENT.fullmatch(note.client) else "unknown"
    line = {
        "request_id": note.request_id,
        "status": note.status,
        "client": client,
        "codes": note.codes,
        "milliseconds": round(note.seconds * 1000, 1),
        "event": "request",
        "timestamp": note.at,
    }
    if note.operation is not None:
        type_, name, document, has_begun = note.operation
        known = metrics.operation_names.bounded(document) if has_begun else "invalid"
        metrics.child(metrics.seconds, type_, known, metrics.client_names.bounded(client)).observe(note.seconds)
        line |= {"type": type_, "operation": _name(name), "document": document}
    return line


def _name(name: str | None) -> str | None:
    """Return an operation's name where it is one: it is the client's word, and not yet looked at."""
    return name if name is not None and _NAME.fullmatch(name) else None
