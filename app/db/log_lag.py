"""The lag of the log: rows that are not shown yet, and on PostgreSQL the transactions that hold them back.

Followers and anchors go no further than the oldest transaction of this database that is under way: see `position`. It
reads sessions and numbers, and nothing that a statement says.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from app.db.engines import Database
from app.db.log_position import ELSEWHERE, OLDEST

MOST_ROWS = 10_000
MOST_HOLDERS = 5


@dataclass(frozen=True, slots=True)
class BlockingTransaction:
    """A transaction that holds the logs back: its session, or the name by which it was prepared."""

    pid: int | None
    application: str
    state: str
    seconds: int

    def plain(self) -> dict[str, object]:
        return {"pid": self.pid, "application": self.application, "state": self.state, "seconds": self.seconds}


@dataclass(frozen=True, slots=True)
class LogLag:
    """How many rows are committed and not shown yet, at most `MOST_ROWS`, and for how long the oldest of them is.

    `holders` are the oldest transactions that hold them back, none where nothing is held back.
    """

    rows: int = 0
    seconds: float = 0
    holders: tuple[BlockingTransaction, ...] = ()


# The accounts are named so that each one's part of the index is sought.
_WAITING = text(f"""
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0) FROM (
    SELECT created_at FROM case_actions
    WHERE account_id IN (SELECT id FROM accounts) AND position >= {OLDEST} AND position <= (
        SELECT CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint)
            + coalesce((SELECT CAST(value AS bigint) FROM server_keys WHERE name = 'log_offset'), 0)
    )
    LIMIT {MOST_ROWS}
) AS waiting
""")  # noqa: S608  # our own words

_HOLDERS = text(f"""
SELECT session.pid, session.application_name, session.state,
    extract(epoch FROM clock_timestamp() - coalesce(session.xact_start, session.query_start, session.backend_start)),
    prepared.gid, extract(epoch FROM clock_timestamp() - prepared.prepared)
FROM pg_snapshot_xip(pg_current_snapshot()) AS running
    LEFT JOIN pg_stat_get_activity(NULL) AS session ON session.backend_xid = CAST(running AS xid)
    LEFT JOIN pg_prepared_xacts AS prepared ON prepared.transaction = CAST(running AS xid)
WHERE NOT ({ELSEWHERE})
ORDER BY CAST(CAST(running AS text) AS bigint) LIMIT {MOST_HOLDERS}
""")  # noqa: S608


# The newest transaction is in no snapshot's list: it is looked for among the sessions.
_WRITING = text("""
SELECT * FROM (
    SELECT pid, application_name, state,
        extract(epoch FROM clock_timestamp() - coalesce(xact_start, query_start, backend_start)) AS age, NULL AS gid
    FROM pg_stat_get_activity(NULL)
    WHERE backend_xid IS NOT NULL AND datid = (SELECT oid FROM pg_database WHERE datname = current_database())
    UNION ALL
    SELECT NULL, NULL, NULL, extract(epoch FROM clock_timestamp() - prepared), gid
    FROM pg_prepared_xacts WHERE database = current_database()
) AS writing
ORDER BY age DESC NULLS LAST LIMIT :most
""")


async def log_lag(database: Database) -> LogLag:
    """Return what is held back now, and by whom; nothing on SQLite, where one writes at a time."""
    if database.is_sqlite:
        return LogLag()
    async with database.read() as connection:
        rows, seconds = (await connection.execute(_WAITING)).one()
        if not rows:
            return LogLag()
        holders = tuple([_holder(*record) for record in await connection.execute(_HOLDERS)])
    # A row may say any time, as one that was brought in; it waits for no longer than others are under way.
    longest = max((holder.seconds for holder in holders), default=0)
    return LogLag(rows, min(max(float(seconds), 0), longest), holders)


async def blocking_transactions(database: Database) -> list[BlockingTransaction]:
    """Return the oldest transactions that rows would wait for, whether or not any does; none on SQLite."""
    if database.is_sqlite:
        return []
    async with database.read() as connection:
        found = await connection.execute(_WRITING, {"most": MOST_HOLDERS})
        return [_holder(pid, name, state, age, gid, age) for pid, name, state, age, gid in found]


def _holder(
    pid: int | None, application: str | None, state: str | None, age: Any, gid: str | None, prepared: Any
) -> BlockingTransaction:
    if gid is not None:
        return BlockingTransaction(None, gid, "prepared", round(prepared))
    # Another role's state is not visible to every role, and a session that has just ended is not there any more.
    return BlockingTransaction(pid, application or "", state or "unknown", round(age or 0))
