"""One replica: the connections to it, and what is known of it by the last look."""

import asyncio
import time
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.coalescing import Coalescer
from app.db.connections import Connections
from app.db.engines import Database
from app.db.postgresql.engines import reader_engine
from app.db.replicas.callers import Seen
from app.db.replicas.urls import server_name
from app.db.replicas.wal_positions import PrimaryHistory, WalPosition, lsn_of
from app.db.timeouts import Timeouts

_STARTED = "SELECT CAST(pg_postmaster_start_time() AS text)"

# The control file has the timeline as of the last restartpoint, the receiver at once, where the role may see it.
_STATE = text("""
SELECT pg_is_in_recovery(), CAST(pg_last_wal_replay_lsn() AS text), CAST(pg_postmaster_start_time() AS text),
    greatest(control.timeline_id, (SELECT received_tli FROM pg_stat_wal_receiver)),
    CAST(system.system_identifier AS text), (SELECT oid FROM pg_database WHERE datname = current_database())
FROM pg_control_checkpoint() AS control, pg_control_system() AS system
""")

# query_canceled: a statement that took too long would take as long on the primary.
_TOO_LONG = "57014"
ANSWER_S = 2
"""Seconds after which a server counts as one that does not answer."""
_NOT_LOOKED_AT = "was not looked at yet"
TOO_FAR_BEHIND = "is too far behind"


class DatabaseIdentity(NamedTuple):
    """What a database and its replicas have in common: the cluster's number, and the database's in it."""

    cluster: str
    database: int


class ReplicaRestarted(ConnectionError):
    """A connection leads to another run of a server than the one that was looked at."""


class Replica:
    """A server that follows the primary. `reason`: why it is not read from, None where it is."""

    def __init__(
        self, number: int, url: URL, primary: Database, size: int, timeouts: Timeouts, *, behind_pooler: bool
    ) -> None:
        self.name = f"replica_{number}"
        self.server = server_name(url)
        self.reason: str | None = _NOT_LOOKED_AT
        self.replayed: WalPosition | None = None
        self.covered_until = 0.0
        self._started: str | None = None
        engine = reader_engine(url, size, timeouts, behind_pooler=behind_pooler)
        self._demand_same_server(engine)
        probe = reader_engine(url, 1, timeouts, behind_pooler=behind_pooler)
        self._probe = Connections(probe, 1, timeouts.pool)
        self.database = replace(
            primary, reader=Connections(engine, size, timeouts.pool), coalescer=Coalescer(), is_replica=True
        )

    @property
    def has_room(self) -> bool:
        """Whether a connection is free."""
        return self.database.reader.lent_out < self.database.reader.size

    def lag(self, now: float) -> float | None:
        """Return how many seconds old its data can be, at most; None where that is not known."""
        return now - self.covered_until if self.covered_until else None

    def serves(self, seen: Seen, sent: WalPosition | None, history: PrimaryHistory, oldest: float) -> bool:
        """Tell whether it has what a caller has *seen* and *sent* back, and all that was acknowledged by *oldest*."""
        replayed = self.replayed
        if self.reason is not None or replayed is None or self.covered_until < max(oldest, seen.by):
            return False
        return all(position is None or history.covers(replayed, position) for position in (seen.position, sent))

    async def look(self, history: PrimaryHistory, identity: DatabaseIdentity | None, lag_max: float) -> None:
        """Look how far it has come, and whether it can be read from."""
        try:
            async with asyncio.timeout(ANSWER_S), self._probe.lent() as connection:
                state = (await connection.execute(_STATE)).one()
        except Exception as error:  # whatever it is, it is read from no more
            self.put_out(f"does not answer ({type(error).__name__})")
            return
        is_standby, replayed, started, timeline, cluster, database = state
        if not is_standby or replayed is None:
            self.put_out("is no standby")
        elif identity is None or history.timeline is None:
            self.put_out("the primary was not looked at yet")
        elif (cluster, database) != identity:
            self.put_out("is a replica of another database")
        elif timeline != history.timeline:
            self.put_out(f"is on timeline {timeline}, the primary on {history.timeline}")
        else:
            self._note(WalPosition(timeline, lsn_of(replayed)), started, history, lag_max)

    def put_out(self, reason: str) -> None:
        """Read from it no more until a look finds that it can be."""
        if reason != self.reason:
            self.reason, self.replayed, self.covered_until = reason, None, 0.0
            self.database.reader.renew()

    async def close(self) -> None:
        for connections in (self._probe, self.database.reader):
            await connections.close()
            await connections.engine.dispose()

    def _note(self, replayed: WalPosition, started: str, history: PrimaryHistory, lag_max: float) -> None:
        if started != self._started:
            self._started = started
            self.database.reader.renew()
        self.replayed = replayed
        self.covered_until = history.covered_until(replayed) or self.covered_until
        lag = self.lag(time.monotonic())
        self.reason = None if lag is not None and lag <= lag_max else TOO_FAR_BEHIND

    def _demand_same_server(self, engine: AsyncEngine) -> None:
        """Let no connection lead to another server, or run of it, than the one whose position is known."""

        @event.listens_for(engine.sync_engine, "connect")
        def connect(dbapi_connection: Any, _record: object) -> None:
            cursor = dbapi_connection.cursor()
            cursor.execute(_STARTED)
            (started,) = cursor.fetchone()
            cursor.close()
            if started != self._started:
                raise ReplicaRestarted(f"{self.name} was started again, or its address leads to several servers")


FAILURES = (DBAPIError, OSError, PoolExhausted)
"""What is raised where a replica fails, and not by it alone."""


def is_replica_failure(error: BaseException) -> bool:
    """Tell whether a replica failed where the primary may not: it is gone, or has to replay what a query reads."""
    if isinstance(error, DBAPIError):
        return getattr(error.orig, "sqlstate", None) != _TOO_LONG
    return isinstance(error, FAILURES)


def is_lost(error: BaseException) -> bool:
    """Tell whether the connection to a replica was lost with it."""
    return error.connection_invalidated if isinstance(error, DBAPIError) else isinstance(error, OSError)
