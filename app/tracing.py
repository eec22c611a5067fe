"""OpenTelemetry, where it is installed and switched on: a span an operation, for its phases, and for its SQL.

After GraphQL's and databases' semantic conventions. The sampler is asked once an operation, and where it says no, there
is nothing beneath. No span has a variable, a document's literals, or a statement's values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from strawberry.extensions import SchemaExtension

from app.db.engine import Database
from app.db.turns import Sent
from app.db.watching import WATCH, let_watch

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.sampling import Sampler
    from opentelemetry.trace import Span

OPERATION = "GraphQL Operation"

_tracing: Tracing | None = None
_operation: ContextVar[Span | None] = ContextVar("operation", default=None)
"""The span of the operation under way, where somebody will look at it."""
_NO_SPAN = nullcontext()


class TracingMissing(Exception):
    """OpenTelemetry is not installed."""


def start(database: Database, processor: SpanProcessor | None = None, sampler: Sampler | None = None) -> None:
    """Trace this process from now on, as the OTEL_* variables say, or to *processor* and what *sampler* wants.

    Raises: TracingMissing.
    """
    global _tracing  # noqa: PLW0603  # one for the process, as the schema is, whose extensions use it
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise TracingMissing("install casegate[otel]") from error
    provider = TracerProvider(sampler, Resource.create({"service.name": "casegate"}))
    if processor is None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        processor = BatchSpanProcessor(OTLPSpanExporter())
    provider.add_span_processor(processor)
    for engine in (database.reader.engine, database.writer.engine):
        let_watch(engine)
    _tracing = Tracing(provider, "sqlite" if database.is_sqlite else "postgresql")


def stop() -> None:
    """Trace no more."""
    global _tracing  # noqa: PLW0603  # see start
    _tracing = None


def operation(headers: Mapping[str, str]) -> AbstractContextManager[Any]:
    """Return a span for one operation, in the trace that the client is in (W3C's traceparent)."""
    return _NO_SPAN if _tracing is None else _tracing.operation(headers)


def describe(type_: str, name: str | None, document_hash: str) -> None:
    """Name the operation's span, once it is known which it is."""
    span = _operation.get()
    if span is None:
        return
    span.update_name(type_)  # names are the client's, and too many to be one of a span
    attributes = {"graphql.operation.type": type_, "graphql.document.hash": document_hash}
    span.set_attributes(attributes if name is None else attributes | {"graphql.operation.name": name})


def is_sampled() -> bool:
    """Tell whether the operation under way has a trace that somebody will look at."""
    span = _operation.get()
    return span is not None and span.is_recording()  # it has ended for what goes on behind an operation's back


def phase(name: str) -> AbstractContextManager[Any]:
    """Return a span for a phase of the operation under way, where somebody will look at it."""
    if _tracing is None or not is_sampled():
        return _NO_SPAN
    return _tracing.part(f"graphql.{name}")


def resolving(field: str) -> AbstractContextManager[Any]:
    """Return a span for a field that does more than hand out an attribute."""
    assert _tracing is not None
    return _tracing.part("graphql.resolve", {"graphql.field.name": field})


def spans() -> SchemaExtension:
    """Return the extension for one operation: the one with hooks only where its trace is sampled."""
    return SchemaExtension() if _tracing is None or not is_sampled() else Spans(_tracing)


class Tracing:
    """How spans are made, by what is loaded only where it is used."""

    def __init__(self, provider: TracerProvider, database: str) -> None:
        from opentelemetry.context import get_current
        from opentelemetry.trace import SpanKind, use_span
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        from app.sampling import Foresight

        self._foresight = Foresight(provider)
        self._tracer = provider.get_tracer("casegate")
        self._propagator = TraceContextTextMapPropagator()
        self._present, self._use = get_current, use_span
        self._server, self._client, self._internal = SpanKind.SERVER, SpanKind.CLIENT, SpanKind.INTERNAL
        self._database = database

    def operation(self, headers: Mapping[str, str]) -> AbstractContextManager[Any]:
        """Return a span for one operation, where its trace is sampled."""
        parent = self._present()
        if "traceparent" in headers:
            given = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
            parent = self._propagator.extract(given, parent)
        if not self._foresight.is_recorded(parent, OPERATION, self._server):
            return _NO_SPAN
        return self._under(self._tracer.start_span(OPERATION, parent, self._server, record_exception=False))

    @contextmanager
    def _under(self, span: Span) -> Iterator[None]:
        operation, watch = _operation.set(span), WATCH.set(self._watch)
        try:
            with self._use(span, end_on_exit=True, record_exception=False):
                yield
        finally:
            WATCH.reset(watch)
            _operation.reset(operation)

    def part(self, name: str, attributes: Mapping[str, str] | None = None) -> AbstractContextManager[Any]:
        """Return a span for a part of the operation under way."""
        span = self._tracer.start_span(name, None, self._internal, attributes, record_exception=False)
        return self._use(span, end_on_exit=True, record_exception=False)

    @contextmanager
    def _watch(self, sent: Sequence[Sent]) -> Iterator[None]:
        """Have a span for each statement: its text has parameters, never values."""
        spans = [self._statement(sql) for sql, _parameters in sent] if is_sampled() else []
        try:
            yield
        except BaseException as error:
            for span in spans:
                span.set_attribute("error.type", type(error).__name__)
            raise
        finally:
            for span in spans:
                span.end()

    def _statement(self, sql: str) -> Span:
        verb = sql.split(None, 1)[0].upper()
        attributes = {"db.system.name": self._database, "db.operation.name": verb, "db.query.text": sql}
        return self._tracer.start_span(verb, None, self._client, attributes, record_exception=False)


class Spans(SchemaExtension):
    """A span for each phase, and for each field that does more than hand out an attribute."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing

    def on_parse(self) -> Iterator[None]:
        with self._tracing.part("graphql.parse"):
            yield

    def on_validate(self) -> Iterator[None]:
        with self._tracing.part("graphql.validate"):
            yield

    def on_execute(self) -> Iterator[None]:
        with self._tracing.part("graphql.execute"):
            yield

    def resolve(self, _next: Any, root: Any, info: GraphQLResolveInfo[Any], *args: Any, **kwargs: Any) -> Any:
        if _is_attribute(info):
            return _next(root, info, *args, **kwargs)
        return self._resolve(_next, root, info, *args, **kwargs)

    async def _resolve(self, _next: Any, root: Any, info: GraphQLResolveInfo[Any], *args: Any, **kwargs: Any) -> Any:
        with resolving(f"{info.parent_type.name}.{info.field_name}"):
            found = _next(root, info, *args, **kwargs)
            return await found if info.is_awaitable(found) else found


def _is_attribute(info: GraphQLResolveInfo[Any]) -> bool:
    """Tell whether the field only hands out what its object has already."""
    field = info.parent_type.fields.get(info.field_name)
    definition = field.extensions.get("strawberry-definition") if field else None
    return definition is None or bool(definition.is_basic_field)
