"""Asks OpenTelemetry's sampler about an operation before there is a span of it, so that most need none.

It decides nothing itself. What was answered holds for the span that is started next, in the same turn of the loop.
"""

from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import INVALID_SPAN_CONTEXT, Link, SpanKind, get_current_span
from opentelemetry.trace.span import TraceState
from opentelemetry.util.types import Attributes


class Foresight:
    """What is asked for *provider*, which must not have given out a tracer yet."""

    def __init__(self, provider: TracerProvider) -> None:
        self._ask = provider.sampler.should_sample
        self._sampler = provider.sampler = _Once(provider.sampler)
        self._ids = provider.id_generator = _Ids()

    def is_recorded(self, parent: Context, name: str, kind: SpanKind) -> bool:
        """Tell whether a span would be, as the sampler decides; if so, it is to be started at once."""
        outside = get_current_span(parent).get_span_context() if parent else INVALID_SPAN_CONTEXT
        trace_id = outside.trace_id if outside.is_valid else self._ids.generate_trace_id()
        result = self._ask(parent, trace_id, name, kind)
        if result.decision is Decision.DROP:
            return False
        self._ids.next = None if outside.is_valid else trace_id
        self._sampler.answer = result
        return True


class _Ids(RandomIdGenerator):
    """Ids, of which the next trace's can be given."""

    next: int | None = None

    def generate_trace_id(self) -> int:
        given, self.next = self.next, None
        return super().generate_trace_id() if given is None else given


class _Once(Sampler):
    """A sampler whose next answer can be given: one that counts, as some do, would count twice."""

    answer: SamplingResult | None = None

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        given, self.answer = self.answer, None
        if given is not None:
            return given
        return self._sampler.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        return self._sampler.get_description()
