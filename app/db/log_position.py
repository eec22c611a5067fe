"""Positions in an account's whole log, so that following it misses no row that is committed late.

A number from a sequence would not do: of two transactions, the one with the smaller number may commit last, when a
reader is past it. A counter in a locked row would do, and make all writers of an account wait for each other's commit.

On PostgreSQL the place is the number of the row's transaction. A reader looks no further than the oldest transaction of
this database that is still under way. That is sound: a row that a snapshot does not show and that commits later is of a
transaction which the snapshot lists as under way, or whose number is the snapshot's xmax or greater. Of those that it
lists, only such are left out as are seen to be of a session, or to be a prepared transaction, of another database. A
session stays in its database, a number belongs to one transaction for ever, and who is in another database can't write
here; so it does not matter when that is looked at. One that is not found any more, because it has ended meanwhile, or
because there are too many to tell, counts as one of ours. Subtransactions have their top transaction's place. What only
holds VACUUM back, as replication slots and readers do, is not listed and holds nothing back here. A standby lists none
one by one: there the snapshot's xmin counts, as it does for all of a server.

So nothing is missed, no reader waits; a long transaction of this database that has written something, or locked a row,
holds back what was written after it began, and no longer than that: `log_lag` tells which. A dump that is restored into
another server meets smaller transaction numbers there: `catch_up`, which every migration runs, adds what is missing. On
SQLite, where one writes at a time, rows are counted.

Rows of one place are in the order of their ids. No reader goes to a place that can't be yet, so that a row with a
made-up place is passed over, and hinders nothing. It reads no rows; `repository.log` does.
"""

from sqlalchemy import BigInteger, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

OFFSET = "log_offset"
"""The row of `server_keys` with what is added to the transaction's number."""

LAST = 2**48
"""The last place that can be: more than a server counts in its life, and far from where a number overflows."""

_OFFSET = f"coalesce((SELECT CAST(value AS bigint) FROM server_keys WHERE name = '{OFFSET}'), 0)"  # noqa: S608


class NextPosition(FunctionElement[int]):
    """The place of a row that is being inserted."""

    inherit_cache = True
    type = BigInteger()


class SafePosition(FunctionElement[int]):
    """The first place that may not be shown yet: below it nothing is still to come."""

    inherit_cache = True
    type = BigInteger()


class NextPossible(FunctionElement[int]):
    """The first place that no row can have yet, committed or not."""

    inherit_cache = True
    type = BigInteger()


@compiles(NextPosition, "postgresql")
def _transaction(_element: NextPosition, _compiler: SQLCompiler, **_kw: object) -> str:
    return f"(CAST(CAST(pg_current_xact_id() AS text) AS bigint) + {_OFFSET})"


@compiles(NextPosition, "sqlite")
def _one_more(_element: NextPosition, _compiler: SQLCompiler, **_kw: object) -> str:
    # Rows are never deleted, so that rowids, which a VACUUM may give anew, stay 1..n.
    return "(SELECT coalesce(max(rowid), 0) + 1 FROM case_actions)"


ELSEWHERE = """
EXISTS (
    SELECT 1 FROM pg_stat_get_activity(NULL) AS session
    WHERE session.backend_xid = CAST(running AS xid)
        AND session.datid <> (SELECT oid FROM pg_database WHERE datname = current_database())
) OR EXISTS (
    SELECT 1 FROM pg_prepared_xacts AS prepared
    WHERE prepared.transaction = CAST(running AS xid) AND prepared.database <> current_database()
)
"""
"""The condition that the transaction *running*, which a snapshot lists, is seen to be of another database."""

_NUMBER = "CAST(CAST({} AS text) AS bigint)"

OLDEST = f"""
(SELECT least(
    CASE WHEN pg_is_in_recovery() THEN {_NUMBER.format("pg_snapshot_xmin(pg_current_snapshot())")} END,
    {_NUMBER.format("pg_current_xact_id_if_assigned()")},
    (
        SELECT min({_NUMBER.format("running")}) FROM pg_snapshot_xip(pg_current_snapshot()) AS running
        WHERE NOT ({ELSEWHERE})
    ),
    {_NUMBER.format("pg_snapshot_xmax(pg_current_snapshot())")}
) + {_OFFSET})
"""  # noqa: S608  # our own words


@compiles(NextPossible, "postgresql")
def _last(_element: NextPossible, _compiler: SQLCompiler, **_kw: object) -> str:
    # Within the snapshot, whose rows are of transactions below its xmax, but for the transaction's own.
    return f"(SELECT {_NUMBER.format('pg_snapshot_xmax(pg_current_snapshot())')} + {_OFFSET})"


@compiles(SafePosition, "postgresql")
def _oldest(_element: SafePosition, _compiler: SQLCompiler, **_kw: object) -> str:
    return OLDEST


@compiles(SafePosition, "sqlite")
def _next(_element: SafePosition, _compiler: SQLCompiler, **_kw: object) -> str:
    return "(SELECT coalesce(max(rowid), 0) + 1 FROM case_actions)"


CATCH_UP = f"""
INSERT INTO server_keys (name, value)
SELECT '{OFFSET}', CAST(last.position - this.number AS text)
FROM (
        SELECT max((
            SELECT position FROM case_actions WHERE account_id = accounts.id AND position <= {LAST}
            ORDER BY position DESC, id DESC LIMIT 1
        )) AS position FROM accounts
    ) AS last,
    (SELECT CAST(CAST(pg_current_xact_id() AS text) AS bigint) AS number) AS this
WHERE last.position > this.number + {_OFFSET}
ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""  # noqa: S608  # nothing here comes from outside


async def catch_up(connection: AsyncConnection) -> None:
    """See to it that new rows come after all that there are, whatever server the data was restored into."""
    if connection.dialect.name == "postgresql":
        await connection.execute(text(CATCH_UP))
