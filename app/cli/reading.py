"""Commands that only read: they make, migrate and change nothing, and exit with 2 where something can't be read."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TypeVar

from obstore.exceptions import BaseError
from sqlalchemy.exc import SQLAlchemyError

from app.admin import accounts
from app.audit.anchors.checkpoint import AnchorError, AnchorsUnusable
from app.audit.evidence import EvidenceError
from app.cli.terminal import fail, failure_of
from app.config.settings import Settings
from app.db.engines import Database, database_url, is_in_use, open_to_read
from app.db.migrate import MigrationRefused
from app.db.revisions import readable
from app.documents.ownership import OwnedByAnother

T = TypeVar("T")
Work = Callable[[Database], Coroutine[object, None, T]]


class Unreadable(Exception):
    """The database can't be read; the message says why."""


def read(settings: Settings, work: Work[T]) -> T:
    """Do *work* on the database of the settings, which stays as it is; end with a clear line where that can't be.

    With 1 where something is bad, else with 2: that nothing can be told says nothing of the data.
    """
    return _reporting(settings, work, of_any_revision=False)


def read_any(settings: Settings, work: Work[T]) -> T:
    """Do as `read`, at whatever revision the database is."""
    return _reporting(settings, work, of_any_revision=True)


def _reporting(settings: Settings, work: Work[T], *, of_any_revision: bool) -> T:
    try:
        return asyncio.run(_read(settings, work, of_any_revision))
    except (EvidenceError, AnchorError) as error:
        fail(str(error), 2 if isinstance(error, AnchorsUnusable) else 1)
    except (accounts.AdminError, MigrationRefused, OwnedByAnother, Unreadable) as error:
        fail(str(error), 2)
    except (BaseError, SQLAlchemyError, OSError) as error:
        fail(failure_of(error, "read"), 2)


async def _read(settings: Settings, work: Work[T], of_any_revision: bool) -> T:
    url = database_url(settings.url)
    if url.get_backend_name() != "sqlite":
        return await _done(settings, work, of_any_revision)
    path = Path(url.database or "")
    await asyncio.to_thread(require_database, path)
    if is_in_use(path):
        return await _done(settings, work, of_any_revision)
    before = _state(path)
    try:
        result = await _done(settings, work, of_any_revision)
    except Exception:
        if before == _state(path):
            raise
    else:
        if before == _state(path):
            return result
    # Another process wrote meanwhile: a read without locks may be wrong.
    return await _done(settings, work, of_any_revision)


async def _done(settings: Settings, work: Work[T], of_any_revision: bool) -> T:
    database = open_to_read(settings.url, patience=settings.patience, behind_pooler=settings.database_pooler)
    try:
        reason = None if of_any_revision else await readable(database)
        if reason is not None:
            raise Unreadable(f"the database can't be read: {reason}")
        return await work(database)
    finally:
        await database.close()


def require_database(path: Path) -> None:
    """See that there is a file that may be read: SQLite would not say why it can't. Raises: Unreadable, OSError."""
    if not path.is_file():
        raise Unreadable(f"there is no database {path}")
    path.open("rb").close()


def _state(path: Path) -> list[tuple[int, int]]:
    """Return what changes with each write: sizes and times of the file and its write-ahead log."""
    files = path, path.with_name(f"{path.name}-wal")
    return [
        (found.st_size, found.st_mtime_ns) if file.exists() and (found := file.stat()) else (0, 0) for file in files
    ]
