"""Asks OpenTelemetry's sampler about traces before they begin, many at a time: most are not wanted, and need nothing.

It decides nothing itself.
"""

from collections.abc import Iterator
from typing import NamedTuple

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, SamplingResult
from opentelemetry.trace import INVALID_SPAN_CONTEXT, SpanContext, SpanKind, TraceFlags, get_current_span

DRAWN = 64
_SAMPLED, _DEFAULT = TraceFlags(TraceFlags.SAMPLED), TraceFlags(TraceFlags.DEFAULT)


class Wanted(NamedTuple):
    """A trace that somebody will look at: what its first span is to have, and within what, if the client has one."""

    trace_id: int
    parent: SpanContext | None
    flags: TraceFlags
    result: SamplingResult


class Foresight:
    """What *provider*'s sampler says of spans of this name and kind."""

    def __init__(self, provider: TracerProvider, name: str, kind: SpanKind) -> None:
        self._sampler = provider.sampler
        self._new_trace_id = provider.id_generator.generate_trace_id
        self._name = name
        self._kind = kind
        self._drawn = self._draw()

    def look(self, parent: Context) -> Wanted | None:
        """Return the trace that comes next; None where nobody wants it. It is a new one where *parent* is empty."""
        if not parent:
            return next(self._drawn)
        outside = get_current_span(parent).get_span_context()
        return self._asked(parent, outside if outside.is_valid else INVALID_SPAN_CONTEXT)

    def _draw(self) -> Iterator[Wanted | None]:
        while True:
            yield from [self._asked(Context(), INVALID_SPAN_CONTEXT) for _ in range(DRAWN)]

    def _asked(self, parent: Context, outside: SpanContext) -> Wanted | None:
        trace_id = outside.trace_id if outside.is_valid else self._new_trace_id()
        result = self._sampler.should_sample(parent, trace_id, self._name, self._kind)
        if result.decision is Decision.DROP:
            return None
        flags = _SAMPLED if result.decision is Decision.RECORD_AND_SAMPLE else _DEFAULT
        return Wanted(trace_id, outside if outside.is_valid else None, flags, result)
