"""Revisions of the database: those that this program knows, and the one that a database is at.

Each migration's file is named for its revision. Neither these files nor alembic are loaded here: a gateway that has
nothing to migrate needs neither.
"""

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.engines import Database
from app.db.upgrades import oldest_program

SCRIPTS = Path(__file__).parent / "migrations"

_NAME = re.compile(r"(?:\d{4}_\d{2}_\d{2}_)?(\d{4})_\w+\.py")
_VERSIONS = text("SELECT version_num FROM alembic_version")


def head() -> str:
    """Return the newest revision."""
    return known()[-1]


def known() -> Sequence[str]:
    """Return all revisions, the first one first."""
    return _known(SCRIPTS)


@cache
def _known(scripts: Path) -> Sequence[str]:
    """Return the revisions in a folder, whose files do not change."""
    return sorted(name[1] for path in (scripts / "versions").iterdir() if (name := _NAME.fullmatch(path.name)))


def heads(connection: Connection) -> tuple[str, ...]:
    """Return the revisions that the database says it is at: one, or none where it was never migrated."""
    return tuple(connection.scalars(_VERSIONS)) if inspect(connection).has_table("alembic_version") else ()


async def revision(database: Database) -> str | None:
    """Return the database's revision, None where it was never migrated, or says that it is at several.

    It takes the connection that is kept for it.
    """
    async with database.probe.lent() as connection:
        found = await connection.run_sync(heads)
    return found[0] if len(found) == 1 else None


def is_of_later_version(found: str | None) -> bool:
    """Tell whether the revision *found* is one that only a later version knows."""
    return found is not None and found not in known()


async def can_serve(database: Database, found: str | None) -> bool:
    """Tell whether this program can serve a database at the revision *found*: its own, or a later one that lets it."""
    if found == head():
        return True
    if not is_of_later_version(found):
        return False
    async with database.probe.lent() as connection:
        oldest = await oldest_program(connection)
    return oldest is not None and oldest in known()


async def allows_this_program(connection: AsyncConnection) -> bool:
    """Tell whether a later version has migrated the database, in a way that lets this one go on."""
    found = await connection.run_sync(heads)
    if len(found) != 1 or found[0] in known():
        return False
    return await oldest_program(connection) in known()


async def readable(database: Database) -> str | None:
    """Return why this program can't read the database, None where it can."""
    async with database.probe.lent() as connection:
        at = await connection.run_sync(heads)
    if len(at) > 1:
        return f"it is at several revisions: {', '.join(sorted(at))}"
    found = at[0] if at else None
    if found is None:
        return "it holds no data of Casegate's"
    if found == head():
        return None
    if await can_serve(database, found):
        return None
    if found in known():
        return f"it is at revision {found}, and this program reads {head()}: `casegate migrate` brings it there"
    return f"it is at revision {found}, which this program does not know: a later one has migrated it"
