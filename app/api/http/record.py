"""What is noted of a request once it is answered: a line in the log, and the metrics. Never what was sent with it."""

import re
import time

from starlette.responses import Response

from app import logs, metrics
from app.api.context import Context
from app.api.http.exchange import Exchange

CLIENT_HEADERS = ("x-graphql-client-name", "apollographql-client-name")
HASH_SHOWN = 16

_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,63}")
_CLIENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,39}")


class Record:
    """Collects what is noted of one request, and writes it down at its end."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._started = time.perf_counter()
        self.context: Context | None = None

    def finish(self, response: Response) -> None:
        """Write it down."""
        taken = time.perf_counter() - self._started
        metrics.child(metrics.requests, str(response.status_code)).inc()
        client, codes, context = self._client(), list(self._exchange.codes), self.context
        noted = {}
        if context is not None:
            codes.extend(context.codes)
            self._observe(context, client, taken)
            noted = {
                "type": context.operation_type,
                "operation": _name(context.operation_name),
                "document": context.document_hash[:HASH_SHOWN],
            }
        for code in codes:
            metrics.child(metrics.errors, code).inc()
        logs.info(
            "request",
            request_id=self._exchange.request_id,
            status=response.status_code,
            client=client,
            codes=codes,
            milliseconds=round(taken * 1000, 1),
            **noted,
        )

    def _observe(self, context: Context, client: str, taken: float) -> None:
        """Count the operation; a document that never ran is one of endlessly many, and so is its hash."""
        name = metrics.operation_names.bounded(context.document_hash[:HASH_SHOWN]) if context.has_begun else "invalid"
        client = metrics.client_names.bounded(client)
        metrics.child(metrics.seconds, context.operation_type, name, client).observe(taken)

    def _client(self) -> str:
        headers = self._exchange.request.headers
        for name in CLIENT_HEADERS:
            given = headers.get(name)
            if given is not None:
                return given if _CLIENT.fullmatch(given) else "unknown"
        return "unknown"


def _name(name: str | None) -> str | None:
    """Return an operation's name where it is one: it is the client's word, and not yet looked at."""
    return name if name is not None and _NAME.fullmatch(name) else None
