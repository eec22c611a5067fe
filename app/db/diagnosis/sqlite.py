"""Whether an SQLite file is whole, and is kept as Casegate keeps it."""

import asyncio
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.diagnosis.diagnosis import Diagnosis, fault, ok, warning

VERSIONS = 18
WRITE_AHEAD = b"\2\2"
"""What stands at `VERSIONS` where there is a write-ahead log: https://www.sqlite.org/fileformat.html, section 1.3.3."""


async def file_findings(connection: AsyncConnection, path: Path) -> list[Diagnosis]:
    """Return what there is to say of the file at *path*, which is read by *connection*."""
    header = await asyncio.to_thread(_header, path)  # who reads without locks is told nothing of the journal
    return [await _integrity(connection), _journal(header[VERSIONS:])]


def _header(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(VERSIONS + len(WRITE_AHEAD))


async def _integrity(connection: AsyncConnection) -> Diagnosis:
    result = await connection.exec_driver_sql("PRAGMA quick_check(3)")
    found = [str(row[0]) for row in result]
    if found != ["ok"]:
        return fault("file", "; ".join(found), "end the gateway, and restore the last backup into an empty folder")
    return ok("file", "whole")


def _journal(versions: bytes) -> Diagnosis:
    if versions != WRITE_AHEAD:
        return warning(
            "journal_mode",
            "not wal: another program has changed it, and readers wait for writers",
            "start the gateway, which sets it to wal, and have no other program write to the file",
        )
    return ok("journal_mode", "wal")
