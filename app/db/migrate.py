"""Migrations from within the program: bring a database to a revision, and tell whether it is there.

The steps themselves are in `migrations/versions`. What they mean for a gateway that runs is `upgrades`' affair.
"""

import asyncio
import random
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.census import Loss, census, lost
from app.db.engines import Database
from app.db.errors import gave_up_waiting, is_retryable
from app.db.log_position import catch_up
from app.db.reindex import reindex
from app.db.upgrades import note_oldest_program, oldest_program

SCRIPTS = Path(__file__).parent / "migrations"
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


def config(connection: Connection | None = None) -> Config:
    """Return alembic's configuration, bound to *connection*."""
    result = Config()
    result.set_main_option("script_location", str(SCRIPTS))
    result.attributes["connection"] = connection
    return result


def head() -> str:
    """Return the newest revision."""
    return steps()[-1].revision


async def revision(database: Database) -> str | None:
    """Return the database's revision, None where it was never migrated, or says that it is at several.

    It takes the connection that is kept for it.
    """
    async with database.probe.lent() as connection:
        heads = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_heads())
    return heads[0] if len(heads) == 1 else None


def is_of_later_version(found: str | None) -> bool:
    """Tell whether the revision *found* is one that only a later version knows."""
    return found is not None and found not in _known()


async def can_serve(database: Database, found: str | None) -> bool:
    """Tell whether this program can serve a database at the revision *found*: its own, or a later one that lets it."""
    if found == head():
        return True
    if not is_of_later_version(found):
        return False
    async with database.probe.lent() as connection:
        oldest = await oldest_program(connection)
    return oldest is not None and oldest in _known()


async def readable(database: Database) -> str | None:
    """Return why this program can't read the database, None where it can."""
    async with database.probe.lent() as connection:
        heads = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_heads())
    if len(heads) > 1:
        return f"it is at several revisions: {', '.join(sorted(heads))}"
    found = heads[0] if heads else None
    if found is None:
        return "it holds no data of Casegate's"
    if found == head():
        return None
    if await can_serve(database, found):
        return None
    if found in _known():
        return f"it is at revision {found}, and this program reads {head()}: `casegate migrate` brings it there"
    return f"it is at revision {found}, which this program does not know: a later one has migrated it"


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
        if target == "head" and await _allows_this_program(connection):
            return False
        await connection.run_sync(_move, target, drop_rows)
        if target == "head":
            await catch_up(connection)
        await note_oldest_program(connection, _done(await connection.run_sync(_current)))
    return True


async def _allows_this_program(connection: AsyncConnection) -> bool:
    """Tell whether a later version has migrated the database, in a way that lets this one go on."""
    heads = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_heads())
    if len(heads) != 1 or heads[0] in _known():
        return False
    return await oldest_program(connection) in _known()


async def pending(database: Database) -> list[Script]:
    """Return the migrations that `migrate` would do, the first one first. Raises: MigrationRefused."""
    found = await revision(database)
    if found is not None and found not in _known() and await can_serve(database, found):
        return []
    async with database.read() as connection:
        current = await connection.run_sync(_current)
    return steps()[len(_done(current)) :]


def _done(current: str | None) -> list[Script]:
    """Return the migrations that a database at this revision has behind it."""
    return steps()[: 0 if current is None else _known().index(current) + 1]


def steps() -> list[Script]:
    """Return all migrations, the first one first."""
    return list(_read(SCRIPTS))


@cache
def _read(_scripts: Path) -> Sequence[Script]:
    """Return the migrations of a folder, the first one first; the files do not change."""
    return list(ScriptDirectory.from_config(config()).walk_revisions())[::-1]


async def goes_down(database: Database, target: str) -> bool:
    """Tell whether *target* is behind where the database is. Raises: MigrationRefused."""
    async with database.read() as connection:
        return await connection.run_sync(_is_downgrade, target)


def _move(connection: Connection, target: str, drop_rows: bool) -> None:
    bound = config(connection)
    if not _is_downgrade(connection, target):
        if target != "base":  # where it is already
            command.upgrade(bound, target)
    elif drop_rows:
        command.downgrade(bound, target)
    else:
        before = census(connection)
        command.downgrade(bound, target)
        losses = lost(before, census(connection, [name for name, found in before.items() if found.columns]))
        if losses:
            raise RowsWouldBeLost(target, losses)


def _is_downgrade(connection: Connection, target: str) -> bool:
    """Tell whether *target* is behind where the database is. Raises: MigrationRefused, where either is not known."""
    current = _current(connection)
    known = _known()
    if target not in ("head", "base", *known):
        raise MigrationRefused(f"there is no revision {target}: there are base, {known[0]} to {known[-1]}, and head")
    if current is None or target == "head":
        return False
    return target == "base" or known.index(target) < known.index(current)


def _current(connection: Connection) -> str | None:
    """Return the database's revision, None where it is empty. Raises: MigrationRefused."""
    heads = MigrationContext.configure(connection).get_current_heads()
    unknown = [head for head in heads if head not in _known()]
    if unknown:
        raise MigrationRefused(
            f"the database is at revision {unknown[0]}, and this version of Casegate knows none after {_known()[-1]}:"
            " use the version that has migrated it"
        )
    if len(heads) > 1:
        raise MigrationRefused(f"the database says that it is at several revisions: {', '.join(sorted(heads))}")
    if not heads and inspect(connection).has_table("accounts"):
        raise MigrationRefused("the database has tables, but does not say at which revision: alembic_version is empty")
    return heads[0] if heads else None


def _known() -> list[str]:
    """Return all revisions, the first one first."""
    return [step.revision for step in steps()]
