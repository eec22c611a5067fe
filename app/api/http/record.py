"""What is noted of a request once it is answered: a line in the log, and the metrics. Never what was sent with it.

It is written down for many requests at once, a moment later.
"""

import re
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response

from app import logs, metrics
from app.api.context import Context
from app.api.http.exchange import Exchange
from app.backlog import Backlog

CLIENT_HEADERS = ("x-graphql-client-name", "apollographql-client-name")
HASH_SHOWN = 16
NOTES_WAITING = 200

_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,63}")
_CLIENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,39}")


Noted = tuple[str, str | None, str, bool]
"""What is noted of an operation: its type, name, and hash, and whether it has begun."""

Note = tuple[float, float, str, int, Headers, list[str], Noted | None]
"""What is noted of a request: when it ended, in seconds since the epoch, how many it took, its id, and what it was."""


class Record:
    """Collects what is noted of one request, and hands it on at its end."""

    __slots__ = ("_exchange", "_started", "context")

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._started = time.perf_counter()
        self.context: Context | None = None

    def finish(self, response: Response) -> None:
        """Have it written down. No more is done than to pick up what will not be there any more."""
        taken = time.perf_counter() - self._started
        exchange, context = self._exchange, self.context
        headers, codes, operation = exchange.request.headers, exchange.codes, None
        if context is not None:
            codes = codes + context.codes if context.codes else codes
            operation = context.operation_type, context.operation_name, context.document_hash, context.has_begun
        _notes.add((time.time(), taken, exchange.request_id, response.status_code, headers, codes, operation))


def _write_down(notes: Sequence[Note]) -> None:
    """Count requests, operations and errors, and write a line for each request."""
    by_status: Counter[int] = Counter()
    by_code: Counter[str] = Counter()
    lines = []
    for at, seconds, request_id, status, headers, codes, operation in notes:
        by_status[status] += 1
        if codes:
            by_code.update(codes)
        client = _client(headers)
        line: dict[str, Any] = {
            "request_id": request_id,
            "status": status,
            "client": client,
            "codes": codes,
            "milliseconds": int(seconds * 10_000 + 0.5) / 10,
            "timestamp": datetime.fromtimestamp(at, UTC),
            "event": "request",
        }
        if operation is not None:
            type_, name, hash_, has_begun = operation
            document = hash_[:HASH_SHOWN]
            # A document that never began is one of endlessly many, and so is its hash.
            known = metrics.operation_names.bounded(document) if has_begun else "invalid"
            metrics.child(metrics.seconds, type_, known, metrics.client_names.bounded(client)).observe(seconds)
            line["type"], line["operation"], line["document"] = type_, _name(name), document
        lines.append(line)
    for status, number in by_status.items():
        metrics.child(metrics.requests, str(status)).inc(number)
    for code, number in by_code.items():
        metrics.child(metrics.errors, code).inc(number)
    logs.write(lines)


_notes = Backlog(_write_down, NOTES_WAITING)


def _client(headers: Headers) -> str:
    for name in CLIENT_HEADERS:
        given = headers.get(name)
        if given is not None:
            return given if _CLIENT.fullmatch(given) else "unknown"
    return "unknown"


@lru_cache(maxsize=1_000)
def _name(name: str | None) -> str | None:
    """Return an operation's name where it is one: it is the client's word, and not yet looked at."""
    return name if name is not None and _NAME.fullmatch(name) else None
