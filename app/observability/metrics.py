"""Prometheus metrics: requests, durations, errors, and how full the process is.

Labels have bounded sets of values: an operation by its document's hash, a client by the name that it gives itself, and
`other` where there are too many of either. Nothing of an account is in them.

With several workers each writes into files of one folder, and whichever is asked answers for all. Prometheus' client
finds the folder in the environment, where `app.server.run` leaves it before a worker starts.
"""

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from app.observability.deferred import clear_all

OTHER = "other"
OPERATIONS_MAX = 200
CLIENTS_MAX = 20
LOOK_S = 0.5

REGISTRY = CollectorRegistry()

requests = Counter("casegate_requests", "Requests to /graphql, by HTTP status.", ["status"], registry=REGISTRY)
errors = Counter("casegate_errors", "Errors and refusals that clients were sent, by code.", ["code"], registry=REGISTRY)
seconds = Histogram(
    "casegate_operation_seconds",
    "How long operations take, by kind, hash of the document and client.",
    ["type", "operation", "client"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=REGISTRY,
)
batches = Histogram(
    "casegate_loader_batch_size",
    "How many things a dataloader asks for at once.",
    ["loader"],
    buckets=(1, 2, 5, 10, 25, 50, 100, 250, 1000),
    registry=REGISTRY,
)
plans = Counter(
    "casegate_plans",
    "Operations with a plan: followed; declined and left to graphql-core by design; or failed by a fault of ours.",
    ["outcome"],
    registry=REGISTRY,
)
deprecated_uses = Counter(
    "casegate_deprecated_uses",
    "Operations that used something deprecated, by its coordinate in the schema and by client.",
    ["coordinate", "client"],
    registry=REGISTRY,
)
dropped_lines = Counter(
    "casegate_log_lines_dropped",
    "Lines of the log that standard error did not take.",
    registry=REGISTRY,
)
in_hand = Gauge(
    "casegate_operations_in_hand",
    "Operations that are being worked on.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
connections = Gauge(
    "casegate_pool_connections_in_use",
    "Database connections that are in use.",
    ["pool"],
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
streams = Gauge(
    "casegate_streams",
    "Operations that are being streamed, by transport.",
    ["transport"],
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
streams_ended = Counter(
    "casegate_streams_ended",
    "Streams that have ended, by transport and by what ended them.",
    ["transport", "cause"],
    registry=REGISTRY,
)


webhook_deliveries = Counter(
    "casegate_webhook_deliveries",
    "Requests to webhooks, by why they were not taken; TAKEN for those that were.",
    ["outcome"],
    registry=REGISTRY,
)
webhooks_disabled = Counter(
    "casegate_webhooks_disabled",
    "Webhooks that this gateway has disabled, by why they did not take the last thing.",
    ["failure"],
    registry=REGISTRY,
)
webhooks_failing = Gauge(
    "casegate_webhooks_failing",
    "Webhooks that this gateway delivers to and that have not taken something, which is tried again.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
log_lag_seconds = Gauge(
    "casegate_log_lag_seconds",
    "For how long the oldest row of the logs waits to be shown to followers and anchored.",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
log_lag_rows = Gauge(
    "casegate_log_lag_rows",
    "Rows of the logs that wait to be shown to followers and anchored.",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)


listeners = Gauge(
    "casegate_log_listeners",
    "Who listens to a log: each stream, and each of what else follows one.",
    registry=REGISTRY,
    multiprocess_mode="livesum",
)
listener_lag_rows = Gauge(
    "casegate_log_listener_lag_rows",
    "Rows that the slowest listener has not taken yet, of those that a worker keeps in memory.",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
listener_lag_seconds = Gauge(
    "casegate_log_listener_lag_seconds",
    "The age of the oldest of these rows.",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
reads = Counter(
    "casegate_reads",
    "Queries by the server that they read from, where there are replicas.",
    ["server"],
    registry=REGISTRY,
)
replica_lag = Gauge(
    "casegate_replica_lag_seconds",
    "How old what a replica shows can be; +Inf where it is not read from.",
    ["server"],
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
replica_failures = Counter(
    "casegate_replica_failures",
    "Queries that failed on a replica and were sent to the primary.",
    ["server"],
    registry=REGISTRY,
)


def note_listeners(number: int, rows: int, waiting: float) -> None:
    """Note how many listen, how many rows the slowest of them is behind, and for how many seconds the first waits."""
    listeners.set(number)
    listener_lag_rows.set(rows)
    listener_lag_seconds.set(waiting)


def note_log_lag(rows: int, waiting: float) -> None:
    """Note how many rows of the logs are not shown yet, and for how many seconds the oldest waits."""
    log_lag_rows.set(rows)
    log_lag_seconds.set(waiting)


def note_fullness(operations: int, in_use: Mapping[str, int]) -> None:
    """Note how many operations are worked on now, and how many connections of each pool are in use."""
    in_hand.set(operations)
    for pool, number in in_use.items():
        child(connections, pool).set(number)


async def share_gauges(look: Callable[[], None]) -> None:
    """Let *look* note now and then how full this worker is: another may be asked for it.

    To note it with each request would take each request longer than to be counted.
    """
    while True:
        look()
        await asyncio.sleep(LOOK_S)


@lru_cache(maxsize=10_000)
def child(metric: Any, *values: str) -> Any:
    """Return *metric* with these labels: its own way there checks them, and locks, each time."""
    return metric.labels(*values)


class Names:
    """The values of a label: the first *maximum* that come, and `other` for the rest."""

    def __init__(self, maximum: int) -> None:
        self._maximum = maximum
        self._known: set[str] = set()

    def bounded(self, name: str) -> str:
        if name not in self._known:
            if len(self._known) >= self._maximum:
                return OTHER
            self._known.add(name)
        return name


operation_names = Names(OPERATIONS_MAX)
client_names = Names(CLIENTS_MAX)


def exposition(*, is_shared: bool) -> bytes:
    """Return all metrics in Prometheus' text format; *is_shared*: of all workers, of others as counted by now."""
    clear_all()
    if not is_shared:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library has left it without
    return generate_latest(registry)
