"""Makes OpenTelemetry's spans of what was noted of an operation, after GraphQL's and databases' semantic conventions.

They are made when it is over, of the class that exporters read: to start and to end each, as OpenTelemetry's tracer
does, takes five times as long.
"""

from collections.abc import Mapping
from typing import NamedTuple

from opentelemetry.context import get_current
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, SamplingResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from app.observability.recorder import Part, Statement, Trace, TracedOperation
from app.observability.trace_budget import TraceBudget

OPERATION = "GraphQL Operation"
TRACE_HEADERS = ("traceparent", "tracestate")
_SCOPE = InstrumentationScope("casegate")
_SAMPLED, _DEFAULT = TraceFlags(TraceFlags.SAMPLED), TraceFlags(TraceFlags.DEFAULT)
_UNSET, _ERROR = Status(StatusCode.UNSET), Status(StatusCode.ERROR)
_PROPAGATOR = TraceContextTextMapPropagator()


class SampledTrace(NamedTuple):
    """A trace that is recorded, and the client's span that it is within, if there is one."""

    trace_id: int
    parent: SpanContext | None
    flags: TraceFlags
    result: SamplingResult


class Spans:
    """What makes spans for *processor* as *provider* is set up, for operations on a *database*.

    No more are traced than are in the *allowance*, if there is one, whatever the sampler says.
    """

    def __init__(
        self, provider: TracerProvider, processor: SpanProcessor, database: str, allowance: TraceBudget | None
    ) -> None:
        provider.add_span_processor(processor)  # which ends with it
        self._sampler = provider.sampler
        self._new_trace_id = provider.id_generator.generate_trace_id
        self._new_span_id = provider.id_generator.generate_span_id
        self._resource = provider.resource
        self._longest = SpanLimits().max_span_attribute_length
        self._end = processor.on_end
        self._database = database
        self._allowance = allowance

    def operation(self, headers: Mapping[str, str]) -> TracedOperation | None:
        """Return what is noted of one operation, in the trace that the client is in, where that is sampled."""
        if self._allowance is not None and self._allowance.is_spent():
            return None
        parent = get_current()
        if "traceparent" in headers:
            given = {name: headers[name] for name in TRACE_HEADERS if name in headers}
            parent = _PROPAGATOR.extract(given, parent)
        outside = get_current_span(parent).get_span_context() if parent else INVALID_SPAN_CONTEXT
        trace_id = outside.trace_id if outside.is_valid else self._new_trace_id()
        result = self._sampler.should_sample(parent, trace_id, OPERATION, SpanKind.SERVER)
        if result.decision is Decision.DROP:
            return None
        if self._allowance is not None:
            self._allowance.take()
        flags = _SAMPLED if result.decision is Decision.RECORD_AND_SAMPLE else _DEFAULT
        return TracedOperation(
            OPERATION, SampledTrace(trace_id, outside if outside.is_valid else None, flags, result), self._make
        )

    def _make(self, trace: Trace) -> None:
        wanted: SampledTrace = trace.origin
        contexts = {part: self._context(wanted) for part in trace.parts}
        for part in trace.parts:
            self._end(self._span(part, contexts, wanted))

    def _context(self, wanted: SampledTrace) -> SpanContext:
        return SpanContext(wanted.trace_id, self._new_span_id(), False, wanted.flags, wanted.result.trace_state)

    def _span(self, part: Part, contexts: Mapping[Part, SpanContext], wanted: SampledTrace) -> ReadableSpan:
        attributes: dict[str, AttributeValue] = {**part.attributes}
        kind, parent = SpanKind.INTERNAL, _parent(part, contexts) or wanted.parent
        if part.within is None:
            attributes |= wanted.result.attributes or {}
            kind = SpanKind.SERVER
        if isinstance(part, Statement):
            attributes |= {"db.system.name": self._database, "db.operation.name": part.name}
            kind = SpanKind.CLIENT
        if part.error is not None:
            attributes["error.type"] = part.error
        if self._longest is not None:
            attributes = {name: self._cut(value) for name, value in attributes.items()}
        return ReadableSpan(
            part.name,
            contexts[part],
            parent,
            self._resource,
            attributes,
            kind=kind,
            status=_UNSET if part.error is None else _ERROR,
            start_time=part.start,
            end_time=part.end,
            instrumentation_scope=_SCOPE,
        )

    def _cut(self, value: AttributeValue) -> AttributeValue:
        return value[: self._longest] if isinstance(value, str) else value


def _parent(part: Part, contexts: Mapping[Part, SpanContext]) -> SpanContext | None:
    """Return what *part* was done in, or what that was done in, where it goes on still."""
    within = part.within
    while within is not None and within not in contexts:
        within = within.within
    return None if within is None else contexts[within]
