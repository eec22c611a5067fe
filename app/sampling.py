"""Decides which operations are traced where OpenTelemetry's own variables leave it open: all, up to so many a second.

A trace takes as long as a small read. While few come each is traced, and under load no more than can be spared.
"""

import time
from collections.abc import Callable, Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, get_current_span
from opentelemetry.trace.span import TraceState
from opentelemetry.util.types import Attributes

_NO = SamplingResult(Decision.DROP)


def at_most(per_second: float, clock: Callable[[], float] = time.monotonic) -> Sampler:
    """Return what samples so many operations a second: new traces, and those of clients who have theirs sampled."""
    bound = AtMost(per_second, clock)
    return ParentBased(bound, remote_parent_sampled=bound)


class AtMost(Sampler):
    """Samples all that comes, up to *per_second*; those of one second may come at once.

    After the generic cell rate algorithm (ITU-T I.371, annex A): `_due` is when the last one sampled would have come,
    had they come evenly.
    """

    def __init__(self, per_second: float, clock: Callable[[], float]) -> None:
        self._interval = 1 / per_second
        self._ahead = max(0.0, 1 - self._interval)
        self._per_second = per_second
        self._clock = clock
        self._due = -1.0

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
        now = self._clock()
        if self._due > now + self._ahead:
            return _NO
        self._due = max(self._due, now) + self._interval
        given = get_current_span(parent_context).get_span_context().trace_state
        return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, given)

    def get_description(self) -> str:
        return f"AtMost{{{self._per_second:g}/s}}"
