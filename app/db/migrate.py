"""Migrations from within the program: bring a database to a revision, and tell whether it is there.

The steps themselves are in `migrations/versions`.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from app.db.engine import Database
from app.db.position import catch_up

_LOCK = 0x_CA5E_6A7E  # any number, as long as every node uses the same


def config(connection: Connection | None = None) -> Config:
    """Return alembic's configuration, bound to *connection*."""
    result = Config()
    result.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    result.attributes["connection"] = connection
    return result


def head() -> str:
    """Return the newest revision."""
    revision = ScriptDirectory.from_config(config()).get_current_head()
    assert revision is not None
    return revision


async def revision(database: Database) -> str | None:
    """Return the database's revision, None where it was never migrated."""
    async with database.read() as connection:
        return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


async def migrate(database: Database, target: str = "head") -> None:
    """Bring the database to *target*: `head`, `base` or a revision, up or down as needed.

    Several nodes may start at once: on PostgreSQL the others wait on an advisory lock, on SQLite on the write lock.
    """
    async with database.write() as connection:
        if not database.is_sqlite:
            await connection.execute(text("SET LOCAL statement_timeout = 0"))
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        await connection.run_sync(_move, target)
        if target == "head":
            await catch_up(connection)


def _move(connection: Connection, target: str) -> None:
    bound = config(connection)
    if target == "base" or (target != "head" and _is_behind(bound, connection, target)):
        command.downgrade(bound, target)
    else:
        command.upgrade(bound, target)


def _is_behind(bound: Config, connection: Connection, target: str) -> bool:
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None:
        return False
    script = ScriptDirectory.from_config(bound)
    return any(step.revision == target for step in script.walk_revisions("base", current))
