"""OpenTelemetry, where it is installed and switched on: a span an operation, for its phases, and for its SQL.

The sampler is asked about each operation, not about its parts, and where it says no, nothing is noted. No span has a
variable, a document's literals, or a statement's values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from strawberry.extensions import SchemaExtension

from app.observability.recorder import part, under_way

if TYPE_CHECKING:
    from graphql import GraphQLResolveInfo
    from opentelemetry.sdk.trace import SpanProcessor
    from opentelemetry.sdk.trace.sampling import Sampler

    from app.observability.otel import Spans
    from app.observability.trace_budget import TraceBudget

_spans: Spans | None = None
_NO_SPAN = nullcontext()


class TracingMissing(Exception):
    """OpenTelemetry is not installed."""


def start(
    system: str,
    processor: SpanProcessor | None = None,
    sampler: Sampler | None = None,
    allowance: TraceBudget | None = None,
) -> bool:
    """Trace this process from now on, as the OTEL_* variables say, or to *processor* and what *sampler* wants.

    *system* is the database's, as OpenTelemetry calls it. Returns whether anything is traced: OTEL_SDK_DISABLED may
    say no. No more operations are traced than are in the *allowance*, if there is one.

    Raises: TracingMissing.
    """
    global _spans  # noqa: PLW0603  # one for the process, as the schema is, whose extensions use it
    try:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import NoOpTracer

        from app.observability.otel import Spans
    except ImportError as error:
        raise TracingMissing("install casegate[otel]") from error
    provider = TracerProvider(sampler, Resource.create({"service.name": "casegate"}))
    if isinstance(provider.get_tracer("casegate"), NoOpTracer):  # as OTEL_SDK_DISABLED says
        return False
    if processor is None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        processor = BatchSpanProcessor(OTLPSpanExporter())
    _spans = Spans(provider, processor, system, allowance)
    return True


def stop() -> None:
    """Trace no more."""
    global _spans  # noqa: PLW0603  # see start
    _spans = None


def operation(headers: Mapping[str, str]) -> AbstractContextManager[None]:
    """Return what notes one operation, in the trace that the client is in (W3C's traceparent)."""
    return (None if _spans is None else _spans.operation(headers)) or _NO_SPAN


def describe(type_: str, name: str | None, document_hash: str) -> None:
    """Name the operation's span, once it is known which it is."""
    if _spans is None:
        return
    operation = under_way()  # all that was done in it has ended
    if operation is None:
        return
    operation.name = type_  # names are the client's, and too many to be one of a span
    attributes = {"graphql.operation.type": type_, "graphql.document.hash": document_hash}
    operation.attributes = attributes if name is None else attributes | {"graphql.operation.name": name}


def is_sampled() -> bool:
    """Tell whether the operation under way has a trace that is recorded."""
    return _spans is not None and under_way() is not None


def phase(name: str) -> AbstractContextManager[None]:
    """Return a span for a phase of the operation under way, where its trace is recorded."""
    return (None if _spans is None else part(f"graphql.{name}", {})) or _NO_SPAN


def resolving(field: str) -> AbstractContextManager[None]:
    """Return a span for a field that does more than hand out an attribute."""
    return part("graphql.resolve", {"graphql.field.name": field}) or _NO_SPAN


def extension() -> SchemaExtension:
    """Return the extension for one operation: the one with hooks only where its trace is sampled."""
    return TracingExtension() if is_sampled() else SchemaExtension()


class TracingExtension(SchemaExtension):
    """A span for the execution, and for each field that does more than hand out an attribute."""

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
