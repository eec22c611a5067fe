"""Whether other processes use a database, as a gateway that serves does."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import text

from app.db.engines import Database

# Each connection of a gateway says its name, and commands that run with the same URL say the same one.
_SESSIONS = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND application_name IN ('casegate', current_setting('application_name'))"
)


def is_open_elsewhere(path: Path) -> bool:
    """Tell whether another process has the SQLite file open; the process itself must not.

    A connection to a database with a write-ahead log holds a shared lock for as long as it lasts, and one that wants
    the whole file for itself gets it only where no other holds one (https://www.sqlite.org/wal.html, section 2.3).
    """
    if not path.is_file():
        return False
    with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as database:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        try:
            database.execute("BEGIN EXCLUSIVE")
            database.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                return True
            raise
    return False


async def sessions_elsewhere(database: Database) -> int:
    """Return how many sessions of gateways PostgreSQL has in the database, beside the one that asks."""
    async with database.read() as connection:
        return await connection.scalar(_SESSIONS) or 0
