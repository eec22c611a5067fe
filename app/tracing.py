"""OpenTelemetry, where it is installed and switched on: a span an operation, for its phases, and for its SQL.

After GraphQL's and databases' semantic conventions. Resolvers have spans only in a trace that is sampled. No span has a
variable, a document's literals, or a statement's values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from strawberry.extensions import SchemaExtension

from app.db.engine import Database

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.trace import Tracer

_tracer: Tracer | None = None
_NO_SPAN = nullcontext()


class TracingMissing(Exception):
    """OpenTelemetry is not installed."""


def start(database: Database, processor: SpanProcessor | None = None) -> None:
    """Trace this process from now on, to where the OTEL_* variables say, or to *processor*. Raises: TracingMissing."""
    global _tracer  # noqa: PLW0603  # one for the process, as the schema is, whose extensions use it
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise TracingMissing("install casegate[otel]") from error
    provider = TracerProvider(resource=Resource.create({"service.name": "casegate"}))
    if processor is None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        processor = BatchSpanProcessor(OTLPSpanExporter())
    provider.add_span_processor(processor)
    _tracer = provider.get_tracer("casegate")
    _trace_sql(database, _tracer)


def stop() -> None:
    """Trace no more."""
    global _tracer  # noqa: PLW0603  # see start
    _tracer = None


def operation(headers: Mapping[str, str]) -> AbstractContextManager[Any]:
    """Return a span for one operation, in the trace that the client is in (W3C's traceparent)."""
    if _tracer is None:
        return _NO_SPAN
    from opentelemetry.trace import SpanKind
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    given = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
    parent = TraceContextTextMapPropagator().extract(given) if given else None
    return _tracer.start_as_current_span(
        "GraphQL Operation", context=parent, kind=SpanKind.SERVER, record_exception=False
    )


def describe(type_: str, name: str | None, document_hash: str) -> None:
    """Name the operation's span, once it is known which it is."""
    if _tracer is None:
        return
    from opentelemetry.trace import get_current_span

    span = get_current_span()
    span.update_name(type_)  # names are the client's, and too many to be one of a span
    span.set_attribute("graphql.operation.type", type_)
    span.set_attribute("graphql.document.hash", document_hash)
    if name is not None:
        span.set_attribute("graphql.operation.name", name)


def is_sampled() -> bool:
    """Tell whether the operation under way has a trace that somebody will look at."""
    if _tracer is None:
        return False
    from opentelemetry.trace import get_current_span

    return get_current_span().is_recording()


def phase(name: str) -> AbstractContextManager[Any]:
    """Return a span for a phase of the operation under way, where somebody will look at it."""
    if _tracer is None or not is_sampled():
        return _NO_SPAN
    return _tracer.start_as_current_span(f"graphql.{name}", record_exception=False)


def resolving(field: str) -> AbstractContextManager[Any]:
    """Return a span for a field that does more than hand out an attribute."""
    assert _tracer is not None
    attributes = {"graphql.field.name": field}
    return _tracer.start_as_current_span("graphql.resolve", attributes=attributes, record_exception=False)


def spans() -> SchemaExtension:
    """Return the extension for one operation: the one with a hook on each field only where its trace is sampled."""
    if _tracer is None:
        return SchemaExtension()
    return ResolverSpans(_tracer) if is_sampled() else PhaseSpans(_tracer)


class PhaseSpans(SchemaExtension):
    """A span for each phase."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def on_parse(self) -> Iterator[None]:
        with self._tracer.start_as_current_span("graphql.parse", record_exception=False):
            yield

    def on_validate(self) -> Iterator[None]:
        with self._tracer.start_as_current_span("graphql.validate", record_exception=False):
            yield

    def on_execute(self) -> Iterator[None]:
        with self._tracer.start_as_current_span("graphql.execute", record_exception=False):
            yield


class ResolverSpans(PhaseSpans):
    """A span for each field that does more than hand out an attribute, besides."""

    def resolve(self, _next: Any, root: Any, info: GraphQLResolveInfo[Any], *args: Any, **kwargs: Any) -> Any:
        if _is_attribute(info):
            return _next(root, info, *args, **kwargs)
        return self._resolve(_next, root, info, *args, **kwargs)

    async def _resolve(self, _next: Any, root: Any, info: GraphQLResolveInfo[Any], *args: Any, **kwargs: Any) -> Any:
        name = f"{info.parent_type.name}.{info.field_name}"
        with self._tracer.start_as_current_span("graphql.resolve", record_exception=False) as span:
            span.set_attribute("graphql.field.name", name)
            found = _next(root, info, *args, **kwargs)
            return await found if info.is_awaitable(found) else found


def _is_attribute(info: GraphQLResolveInfo[Any]) -> bool:
    """Tell whether the field only hands out what its object has already."""
    field = info.parent_type.fields.get(info.field_name)
    definition = field.extensions.get("strawberry-definition") if field else None
    return definition is None or bool(definition.is_basic_field)


def _trace_sql(database: Database, tracer: Tracer) -> None:
    """Trace each statement: its text has parameters, never values."""
    from opentelemetry.trace import SpanKind, get_current_span

    system = "sqlite" if database.is_sqlite else "postgresql"

    def before(_conn: Any, _cursor: Any, statement: str, _params: Any, context: Any, _many: bool) -> None:
        context.casegate_span = None
        if not get_current_span().is_recording():  # housekeeping is nobody's trace
            return
        verb = statement.split(None, 1)[0].upper()
        span = tracer.start_span(verb, kind=SpanKind.CLIENT, record_exception=False)
        span.set_attribute("db.system.name", system)
        span.set_attribute("db.operation.name", verb)
        span.set_attribute("db.query.text", statement)
        context.casegate_span = span

    def after(_conn: Any, _cursor: Any, _statement: str, _params: Any, context: Any, _many: bool) -> None:
        if context.casegate_span is not None:
            context.casegate_span.end()

    def failed(error: Any) -> None:
        span = getattr(error.execution_context, "casegate_span", None)
        if span is not None:
            span.set_attribute("error.type", type(error.original_exception).__name__)
            span.end()

    for engine in (database.reader.engine.sync_engine, database.writer.engine.sync_engine):
        event.listen(engine, "before_cursor_execute", before)
        event.listen(engine, "after_cursor_execute", after)
        event.listen(engine, "handle_error", failed)
