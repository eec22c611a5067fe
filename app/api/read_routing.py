"""Routes queries to the primary or to a replica, and takes note of what its callers have seen of the primary."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.api.execution.log_order import reads_log_order
from app.api.execution.operations import PreparedOperation
from app.api.record import Record
from app.db.engines import Database
from app.db.replicas.replica import FAILURES, is_replica_failure
from app.db.replicas.routing import Replicas
from app.domain.facts import Actor
from app.observability import metrics

PRIMARY = "primary"
"""What the server is called in metrics that is not a replica."""

T = TypeVar("T")


class ReadRouting:
    """Routes queries among the primary and its *replicas*, if it has any."""

    def __init__(self, replicas: Replicas | None) -> None:
        self._replicas = replicas

    @property
    def has_replicas(self) -> bool:
        return self._replicas is not None

    def note_seen(self, actor: Actor) -> None:
        """Take note that *actor* was shown, or may have written, what no replica need have yet."""
        if self._replicas is not None:
            self._replicas.note_seen(actor.user_id)

    async def note_write(self, actor: Actor, record: Record) -> None:
        """Take note in *record* of a position that covers what *actor* has just written, where there are replicas."""
        if self._replicas is not None:
            record.position = await self._replicas.note_write(actor.user_id)

    async def read(
        self,
        prepared: PreparedOperation,
        actor: Actor,
        position: str | None,
        run: Callable[[Database | None], Awaitable[T]],
        begin_again: Callable[[], None],
    ) -> T:
        """Return what *run* gives of a query: on a replica that has what *actor* has seen, else on the primary (None).

        *position*: what the client sent back of its last write. `begin_again` comes before the second of two runs.
        """
        assert self._replicas is not None
        in_log_order = reads_log_order(prepared)
        replica = None if in_log_order else self._replicas.choose(actor.user_id, position)
        if replica is not None:
            metrics.child(metrics.reads, replica.name).inc()
            try:
                return await run(replica.database)
            except FAILURES as error:
                if not is_replica_failure(error):
                    raise
                self._replicas.note_failure(replica, error)
                begin_again()
        metrics.child(metrics.reads, PRIMARY).inc()
        result = await run(None)
        if in_log_order:  # as with an event of a stream: what the log names is to be found by the next query
            self.note_seen(actor)
        return result
