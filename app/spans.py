"""Makes OpenTelemetry's spans, after GraphQL's and databases' semantic conventions, where that is switched on.

What failed is told by its type alone: OpenTelemetry's own way to leave a span would write down what it says.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from opentelemetry.context import attach, detach, get_current
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app.db.turns import Sent
from app.sampling import Foresight

OPERATION = "GraphQL Operation"
TRACE_HEADERS = ("traceparent", "tracestate")
_ERROR = Status(StatusCode.ERROR)
_PROPAGATOR = TraceContextTextMapPropagator()


@dataclass(slots=True)
class Current:
    """Has what is inside be in a span, and ends it."""

    span: Span
    _token: Any = None

    def __enter__(self) -> None:
        self._token = attach(set_span_in_context(self.span))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _at: TracebackType | None
    ) -> None:
        detach(self._token)
        if isinstance(error, Exception):  # nobody's fault is what was cancelled
            fail(self.span, error)
        self.span.end()


class Spans:
    """What makes spans by *provider*, which must not have given out a tracer yet, for operations on a *database*."""

    def __init__(self, provider: TracerProvider, database: str) -> None:
        self.flush = provider.force_flush
        self._foresight = Foresight(provider)
        self._tracer = provider.get_tracer("casegate")
        self._database = database

    def operation(self, headers: Mapping[str, str]) -> Span | None:
        """Return a span for one operation, in the trace that the client is in, where that is sampled."""
        parent = get_current()
        if "traceparent" in headers:
            given = {name: headers[name] for name in TRACE_HEADERS if name in headers}
            parent = _PROPAGATOR.extract(given, parent)
        if not self._foresight.is_recorded(parent, OPERATION, SpanKind.SERVER):
            return None
        return self._tracer.start_span(OPERATION, parent, SpanKind.SERVER)

    def part(self, name: str, attributes: Mapping[str, str] | None = None) -> Current:
        """Return a span for a part of the operation under way."""
        return Current(self._tracer.start_span(name, attributes=attributes))

    def within(self, span: Span) -> Current:
        """Return what has all that is inside be in *span*, and ends it."""
        return Current(span)

    @contextmanager
    def statements(self, sent: Sequence[Sent]) -> Iterator[None]:
        """Have a span for each statement: its text has parameters, never values."""
        is_wanted = get_current_span().is_recording()  # it has ended for what goes on behind an operation's back
        spans = [self._statement(sql) for sql, _parameters in sent] if is_wanted else []
        try:
            yield
        except BaseException as error:
            for span in spans:
                fail(span, error)
            raise
        finally:
            for span in spans:
                span.end()

    def _statement(self, sql: str) -> Span:
        verb = sql.split(None, 1)[0].upper()
        attributes = {"db.system.name": self._database, "db.operation.name": verb, "db.query.text": sql}
        return self._tracer.start_span(verb, kind=SpanKind.CLIENT, attributes=attributes)


def fail(span: Span, error: BaseException) -> None:
    """Note in a span that it failed."""
    span.set_attribute("error.type", type(error).__name__)
    span.set_status(_ERROR)
