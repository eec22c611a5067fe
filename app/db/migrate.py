"""Migrations from within the program: bring a database to a revision, and tell whether it is there.

The steps themselves are in `migrations/versions`. What they mean for a gateway that runs is `upgrades`' affair.
"""

import asyncio
import random
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.census import Loss, census, lost
from app.db.engines import Database
from app.db.errors import gave_up_waiting, is_retryable
from app.db.log_position import catch_up
from app.db.reindex import reindex
from app.db.revisions import allows_this_program, can_serve, head, heads, known, revision
from app.db.upgrades import note_oldest_program

if TYPE_CHECKING:
    from alembic.script import Script

LOCK = 0x_CA5E_6A7E
"""The advisory lock of migrations: any number, as long as every node uses the same."""
TABLE_WAIT_S = 0.5
"""For how long a step waits for a table, while others wait behind it. PostgreSQL looks for deadlocks after 1 s."""
TRIES, PAUSE_S = 60, 1

log = structlog.get_logger()


class MigrationRefused(Exception):
    """The database can't be brought there; the message says why."""


class RowsWouldBeLost(MigrationRefused):
    """A downgrade has no place for rows that are kept for good."""

    def __init__(self, target: str, losses: list[Loss]) -> None:
        what = ", ".join(map(str, losses))
        super().__init__(f"going down to {target} would delete or change what nothing brings back: {what}")


async def migrate(database: Database, target: str = "head", *, drop_rows: bool = False) -> None:
    """Bring the database to *target*: `head`, `base` or a revision, up or down as needed, whole or not at all.

    Several nodes may start at once: on PostgreSQL the others wait on an advisory lock, on SQLite on the write lock.
    What reads and writes meanwhile goes on. Where a table is in use for long, it is tried again after a pause, since
    everybody waits who comes to a table after one that waits for it.

    Raises: MigrationRefused, also where rows would go that nothing brings back, unless *drop_rows*.
    """
    is_ours = False
    for left in reversed(range(TRIES)):
        try:
            is_ours = await _migrate(database, target, drop_rows=drop_rows)
            break
        except DBAPIError as error:
            if database.is_sqlite or not left or not (gave_up_waiting(error) or is_retryable(error)):
                raise
        log.warning("migration_waits", tries_left=left)
        await asyncio.sleep(PAUSE_S * random.uniform(0.5, 1.5))
    if target == "head" and is_ours:
        await reindex(database)


async def _migrate(database: Database, target: str, *, drop_rows: bool) -> bool:
    """Go to *target* in one transaction; return whether it is there, and not left as a later version has it.

    Raises: MigrationRefused; DBAPIError, where a lock can't be had.
    """
    async with database.write() as connection:
        if not database.is_sqlite:
            await connection.execute(text("SET LOCAL statement_timeout = 0"))
            await connection.execute(text("SET LOCAL lock_timeout = 0"))  # another node's migration may take long
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
            await connection.execute(text(f"SET LOCAL lock_timeout = {round(TABLE_WAIT_S * 1000)}"))
        if target == "head" and await allows_this_program(connection):
            return False
        if target != "head" or await connection.run_sync(_current) != head():
            await _take_steps(connection, target, drop_rows=drop_rows)
        if target == "head":
            await catch_up(connection)
    return True


async def _take_steps(connection: AsyncConnection, target: str, *, drop_rows: bool) -> None:
    """Go to *target*, and note which programs can serve the database then. Raises: MigrationRefused."""
    from alembic.util import CommandError  # 10 MiB with all that it imports: what has nothing to migrate does without

    from app.db.migration_steps import done

    try:
        await connection.run_sync(_move, target, drop_rows)
    except CommandError as error:
        raise MigrationRefused(str(error)) from error
    await note_oldest_program(connection, done(await connection.run_sync(_current)))


async def pending(database: Database) -> "list[Script]":
    """Return the migrations that `migrate` would do, the first one first. Raises: MigrationRefused."""
    from app.db.migration_steps import done, steps

    found = await revision(database)
    if found is not None and found not in known() and await can_serve(database, found):
        return []
    async with database.read() as connection:
        current = await connection.run_sync(_current)
    return steps()[len(done(current)) :]


async def goes_down(database: Database, target: str) -> bool:
    """Tell whether *target* is behind where the database is. Raises: MigrationRefused."""
    async with database.read() as connection:
        return await connection.run_sync(_is_downgrade, target)


def _move(connection: Connection, target: str, drop_rows: bool) -> None:
    from app.db.migration_steps import go_down, go_up

    if not _is_downgrade(connection, target):
        if target != "base":  # where it is already
            go_up(connection, target)
    elif drop_rows:
        go_down(connection, target)
    else:
        before = census(connection)
        go_down(connection, target)
        losses = lost(before, census(connection, [name for name, found in before.items() if found.columns]))
        if losses:
            raise RowsWouldBeLost(target, losses)


def _is_downgrade(connection: Connection, target: str) -> bool:
    """Tell whether *target* is behind where the database is. Raises: MigrationRefused, where either is not known."""
    current = _current(connection)
    all_known = known()
    if target not in ("head", "base", *all_known):
        first, last = all_known[0], all_known[-1]
        raise MigrationRefused(f"there is no revision {target}: there are base, {first} to {last}, and head")
    if current is None or target == "head":
        return False
    return target == "base" or all_known.index(target) < all_known.index(current)


def _current(connection: Connection) -> str | None:
    """Return the database's revision, None where it is empty. Raises: MigrationRefused."""
    found = heads(connection)
    unknown = [revision for revision in found if revision not in known()]
    if unknown:
        raise MigrationRefused(
            f"the database is at revision {unknown[0]}, and this version of Casegate knows none after {head()}:"
            " use the version that has migrated it"
        )
    if len(found) > 1:
        raise MigrationRefused(f"the database says that it is at several revisions: {', '.join(sorted(found))}")
    if not found and inspect(connection).has_table("accounts"):
        raise MigrationRefused("the database has tables, but does not say at which revision: alembic_version is empty")
    return found[0] if found else None
