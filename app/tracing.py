"""OpenTelemetry, where it is installed and switched on: a span an operation, for its phases, and for its SQL.

The sampler is asked once an operation, and where it says no, there is nothing beneath. No span has a variable, a
document's literals, or a statement's values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from strawberry.extensions import SchemaExtension

from app.db.engine import Database
from app.db.watching import WATCH, let_watch

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.sampling import Sampler
    from opentelemetry.trace import Span

    from app.spans import Spans

_spans: Spans | None = None
_operation: ContextVar[Span | None] = ContextVar("operation", default=None)
"""The span of the operation under way, where somebody will look at it."""
_NO_SPAN = nullcontext()


class TracingMissing(Exception):
    """OpenTelemetry is not installed."""


def start(database: Database, processor: SpanProcessor | None = None, sampler: Sampler | None = None) -> None:
    """Trace this process from now on, as the OTEL_* variables say, or to *processor* and what *sampler* wants.

    Raises: TracingMissing.
    """
    global _spans  # noqa: PLW0603  # one for the process, as the schema is, whose extensions use it
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        from app.spans import Spans
    except ImportError as error:
        raise TracingMissing("install casegate[otel]") from error
    provider = TracerProvider(sampler, Resource.create({"service.name": "casegate"}))
    if processor is None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        processor = BatchSpanProcessor(OTLPSpanExporter())
    provider.add_span_processor(processor)
    for engine in (database.reader.engine, database.writer.engine):
        let_watch(engine)
    _spans = Spans(provider, "sqlite" if database.is_sqlite else "postgresql")


def stop() -> None:
    """Trace no more."""
    global _spans  # noqa: PLW0603  # see start
    _spans = None


def flush() -> None:
    """Send what is left to be sent."""
    if _spans is not None:
        _spans.flush()


def operation(headers: Mapping[str, str]) -> AbstractContextManager[Any]:
    """Return a span for one operation, in the trace that the client is in (W3C's traceparent)."""
    if _spans is None:
        return _NO_SPAN
    span = _spans.operation(headers)
    return _NO_SPAN if span is None else _under(span, _spans)


@contextmanager
def _under(span: Span, spans: Spans) -> Iterator[None]:
    operation, watch = _operation.set(span), WATCH.set(spans.statements)
    try:
        with spans.within(span):
            yield
    finally:
        WATCH.reset(watch)
        _operation.reset(operation)


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
    if _spans is None or not is_sampled():
        return _NO_SPAN
    return _spans.part(f"graphql.{name}")


def resolving(field: str) -> AbstractContextManager[Any]:
    """Return a span for a field that does more than hand out an attribute."""
    assert _spans is not None
    return _spans.part("graphql.resolve", {"graphql.field.name": field})


def extension() -> SchemaExtension:
    """Return the extension for one operation: the one with hooks only where its trace is sampled."""
    return Hooks() if is_sampled() else SchemaExtension()


class Hooks(SchemaExtension):
    """A span for each phase, and for each field that does more than hand out an attribute."""

    def on_parse(self) -> Iterator[None]:
        with phase("parse"):
            yield

    def on_validate(self) -> Iterator[None]:
        with phase("validate"):
            yield

    def on_execute(self) -> Iterator[None]:
        with phase("execute"):
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
