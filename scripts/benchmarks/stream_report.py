"""What streams take, and how soon events are delivered, as a table for people and as JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scripts.benchmarks.report import machine

COLUMNS = (
    ("", 12),
    ("streams", 9),
    ("KiB each", 10),
    ("µs/event", 10),
    ("p50 ms", 9),
    ("p99 ms", 9),
    ("1/s", 8),
    ("with", 8),
    ("ratio", 7),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a server's streams take. `rate_with` and `rate_without` are comments a second, of one who waits for each.

    `cpu_us`: of a core, for an event of a stream. `p50_ms`, `p99_ms`: from a comment's answer to its delivery.
    """

    server: str
    subscribers: int
    kib_a_stream: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    rate_without: float
    rate_with: float

    @property
    def ratio(self) -> float:
        return self.rate_with / self.rate_without


@dataclass(frozen=True, slots=True)
class Delivery:
    """From a commit of one gateway to the delivery by another, in milliseconds."""

    woken_by: str
    deliveries: int
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class StreamReport:
    """All of a run."""

    engine: str
    servers: Sequence[Figures]
    between_gateways: Sequence[Delivery]

    def as_json(self) -> dict[str, Any]:
        servers = [asdict(figures) | {"ratio": figures.ratio} for figures in self.servers]
        return {"machine": machine(), **asdict(self), "servers": servers}

    def as_text(self) -> str:
        return "\n".join(self._text())

    def _text(self) -> Iterator[str]:
        yield f"{self.engine} on {', '.join(f'{key} {value}' for key, value in machine().items())}"
        yield ""
        yield "".join(f"{name:>{width}}" for name, width in COLUMNS)
        for found in self.servers:
            yield (
                f"{found.server:12}{found.subscribers:9}{found.kib_a_stream:10.1f}{found.cpu_us:10.0f}{found.p50_ms:9.1f}"
                f"{found.p99_ms:9.1f}{found.rate_without:8.0f}{found.rate_with:8.0f}{found.ratio:7.2f}"
            )
        yield ""
        for delivery in self.between_gateways:
            yield (
                f"from one gateway to another, {delivery.woken_by}: p50 {delivery.p50_ms:.1f} ms,"
                f" p99 {delivery.p99_ms:.1f} ms of {delivery.deliveries} deliveries"
            )
