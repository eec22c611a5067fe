"""Chooses the server that a query reads from, by what its caller has seen; and keeps looking at all of them.

No read takes a statement more: replicas are looked at in the background. Who authenticates, writes, or follows the log
is not served from here: that is the primary's.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import String, literal_column, select, text
from sqlalchemy.engine import URL

from app.db import background
from app.db.batching import Batcher, BatchItem
from app.db.engines import Database
from app.db.errors import DATABASE_ERRORS
from app.db.prepared import Prepared
from app.db.replicas.callers import Callers
from app.db.replicas.replica import ANSWER_S, DatabaseIdentity, Replica, is_lost
from app.db.replicas.wal_positions import (
    CURRENT,
    PRIMARY_POSITION,
    PrimaryHistory,
    WalPosition,
    position_of,
    sent_position,
)
from app.db.timeouts import Timeouts
from app.observability import metrics

LOOK_S = 0.1
"""Seconds between two looks at a server."""

log = structlog.get_logger()

_PRIMARY_STATE = Prepared(
    select(
        literal_column("pg_walfile_name(lsn)", String),
        literal_column("CAST(lsn AS text)", String),
        literal_column("(SELECT CAST(system_identifier AS text) FROM pg_control_system())", String),
        literal_column("(SELECT oid FROM pg_database WHERE datname = current_database())"),
    ).select_from(text(CURRENT))
)


class Replicas:
    """The replicas of a primary; one that is more than *lag_max* seconds behind is not read from.

    *shared*: the file in which the workers of a server share what their callers have written.
    """

    def __init__(
        self,
        primary: Database,
        urls: Sequence[URL],
        lag_max: float,
        *,
        pool_size: int = 10,
        patience: Timeouts | None = None,
        behind_pooler: bool = False,
        shared: Path | None = None,
    ) -> None:
        self._primary = primary
        self._lag_max = lag_max
        self._history = PrimaryHistory()
        self._identity: DatabaseIdentity | None = None
        self._callers = Callers(shared)
        self._positions: Batcher[None, WalPosition] = Batcher(self._read_position, concurrent=2, size_max=1_000)
        timeouts = patience or Timeouts()
        self.servers = [
            Replica(number, url, primary, pool_size, timeouts, behind_pooler=behind_pooler)
            for number, url in enumerate(urls, 1)
        ]

    def choose(self, user_id: UUID, sent: str | None) -> Replica | None:
        """Return a replica for a query of somebody who *sent* a position, or none; None for the primary.

        They stay with one while that has a free connection, so that what they see goes forwards.
        """
        now = time.monotonic()
        seen, position, oldest = self._callers.seen(user_id), sent_position(sent), now - self._lag_max
        first = user_id.int % len(self.servers)
        in_turn = [*self.servers[first:], *self.servers[:first]]
        able = [replica for replica in in_turn if replica.serves(seen, position, self._history, oldest)]
        return next((replica for replica in able if replica.has_room), able[0] if able else None)

    async def note_write(self, user_id: UUID) -> WalPosition | None:
        """Return a position that covers what somebody has just written, None where the primary tells none."""
        with background.LoggedFailures("position_unknown"):
            async with asyncio.timeout(ANSWER_S):
                position = await self._positions.submit(None)
            self._callers.note_position(user_id, position)
            return position
        self.note_seen(user_id)  # it is written, and whoever wrote it reads the primary until a replica has it
        return None

    def note_seen(self, user_id: UUID) -> None:
        """Take note that somebody was shown, or may have written, what no replica need have yet."""
        self._callers.note_time(user_id)

    def note_failure(self, replica: Replica, error: BaseException) -> None:
        """Take note that a query failed on a replica, and is sent to the primary."""
        metrics.child(metrics.replica_failures, replica.name).inc()
        log.warning("replica_failed", replica=replica.name, server=replica.server, reason=type(error).__name__)
        if is_lost(error):
            before = replica.reason
            replica.put_out("has lost a connection")
            _note_change(replica, before)

    async def keep_watched(self) -> None:
        """Look at all servers again and again, until cancelled."""
        looks = [self._look_at_primary, *map(self._looking, self.servers)]
        await asyncio.gather(*map(self._keep, looks))

    def details(self) -> dict[str, Any]:
        """Return what `/ready` tells of them."""
        now = time.monotonic()
        return {"replicas": [_described(replica, replica.lag(now)) for replica in self.servers]}

    def connections_in_use(self) -> dict[str, int]:
        """Return how many connections to each are in use."""
        return {replica.name: replica.database.reader.lent_out for replica in self.servers}

    async def close(self) -> None:
        self._callers.close()
        for replica in self.servers:
            await replica.close()

    async def _keep(self, look: Callable[[], Awaitable[None]]) -> None:
        while True:
            await look()
            await asyncio.sleep(LOOK_S)

    def _looking(self, replica: Replica) -> Callable[[], Awaitable[None]]:
        async def look() -> None:
            before = replica.reason
            await replica.look(self._history, self._identity, self._lag_max)
            _note_change(replica, before)
            lag = replica.lag(time.monotonic())
            metrics.child(metrics.replica_lag, replica.name).set(float("inf") if lag is None else lag)

        return look

    async def _look_at_primary(self) -> None:
        try:
            self._identity = await look_at_primary(self._primary, self._history)
        except DATABASE_ERRORS:  # it is away: what replicas have grows old, until they are read from no more
            return

    async def _read_position(self, items: Sequence[BatchItem[None]]) -> list[WalPosition]:
        async with self._primary.point_reads() as connection:
            found = await PRIMARY_POSITION.first(connection)
        assert found is not None
        return [position_of(*found)] * len(items)


async def look_at_primary(primary: Database, history: PrimaryHistory) -> DatabaseIdentity:
    """Note in *history* how far the primary has come, and return which database it is.

    Raises: what SQLAlchemy raises, TimeoutError.
    """
    began = time.monotonic()
    async with asyncio.timeout(ANSWER_S), primary.probe.lent() as connection:
        found = await _PRIMARY_STATE.first(connection)
    assert found is not None
    file, lsn, *identity = found
    history.note(began, position_of(file, lsn))
    return DatabaseIdentity(*identity)


def _note_change(replica: Replica, before: str | None) -> None:
    """Log that a replica is read from now, or is not any more, if that is not as it was *before*."""
    if replica.reason == before:
        return
    if replica.reason is None:
        log.info("replica_in_use", replica=replica.name, server=replica.server)
    else:
        log.warning("replica_out", replica=replica.name, server=replica.server, reason=replica.reason)


def _described(replica: Replica, lag: float | None) -> dict[str, object]:
    described: dict[str, object] = {"name": replica.name, "inUse": replica.reason is None}
    if lag is not None:
        described["lagSeconds"] = round(lag, 3)
    if replica.reason is not None:
        described["reason"] = replica.reason
    return described
