"""The migrations as alembic has them, and the steps that it takes; only who migrates loads it."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection

from app.db import revisions


def config(connection: Connection | None = None) -> Config:
    """Return alembic's configuration, bound to *connection*."""
    result = Config()
    result.set_main_option("script_location", str(revisions.SCRIPTS))
    result.attributes["connection"] = connection
    return result


def steps() -> list[Script]:
    """Return all migrations, the first one first."""
    return list(_read(revisions.SCRIPTS))


@cache
def _read(_scripts: Path) -> Sequence[Script]:
    """Return the migrations of a folder, the first one first; the files do not change."""
    return list(ScriptDirectory.from_config(config()).walk_revisions())[::-1]


def done(current: str | None) -> list[Script]:
    """Return the migrations that a database at this revision has behind it."""
    return steps()[: 0 if current is None else revisions.known().index(current) + 1]


def go_up(connection: Connection, target: str) -> None:
    """Do the migrations up to *target*."""
    command.upgrade(config(connection), target)


def go_down(connection: Connection, target: str) -> None:
    """Undo the migrations after *target*."""
    command.downgrade(config(connection), target)
