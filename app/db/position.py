"""Places in an account's whole log, so that it can be followed without missing a row that is committed late.

A number from a sequence would not do: of two transactions, the one with the smaller number may commit last, when a
reader is past it. A counter in a locked row would do, and make all writers of an account wait for each other's commit.

On PostgreSQL the place is the number of the row's transaction. A reader looks no further than the oldest transaction
that is still under way (the snapshot's xmin): whatever commits later has a greater number. So nothing is missed, and
nobody waits; a long transaction in the same server holds back what was written after it began, and no longer than that.
A dump that is restored into another server meets smaller transaction numbers there: `catch_up`, which every migration
runs, adds what is missing. On SQLite, where one writes at a time, rows are counted.

Rows of one place are in the order of their ids. It reads no rows; `repository.log` does.
"""

from typing import Any

from sqlalchemy import BigInteger, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

OFFSET = "log_offset"
"""The row of `server_keys` with what is added to the transaction's number."""

_OFFSET = f"coalesce((SELECT CAST(value AS bigint) FROM server_keys WHERE name = '{OFFSET}'), 0)"  # noqa: S608


class NextPosition(FunctionElement[int]):
    """The place of a row that is being inserted."""

    inherit_cache = True
    type = BigInteger()


class SafePosition(FunctionElement[int]):
    """The first place that is not yet safe to be told: something below it is never still to come."""

    inherit_cache = True
    type = BigInteger()


@compiles(NextPosition, "postgresql")
def _transaction(_element: NextPosition, _compiler: SQLCompiler, **_kw: Any) -> str:
    return f"(CAST(CAST(pg_current_xact_id() AS text) AS bigint) + {_OFFSET})"


@compiles(NextPosition, "sqlite")
def _one_more(_element: NextPosition, _compiler: SQLCompiler, **_kw: Any) -> str:
    # Rows are never deleted, so that rowids, which a VACUUM may give anew, stay 1..n.
    return "(SELECT coalesce(max(rowid), 0) + 1 FROM case_actions)"


@compiles(SafePosition, "postgresql")
def _oldest(_element: SafePosition, _compiler: SQLCompiler, **_kw: Any) -> str:
    return f"(SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint) + {_OFFSET})"


@compiles(SafePosition, "sqlite")
def _any(_element: SafePosition, _compiler: SQLCompiler, **_kw: Any) -> str:
    return str(2**63 - 1)


CATCH_UP = f"""
INSERT INTO server_keys (name, value)
SELECT '{OFFSET}', CAST(last.position - this.number AS text)
FROM (
        SELECT max((
            SELECT position FROM case_actions WHERE account_id = accounts.id ORDER BY position DESC, id DESC LIMIT 1
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
