"""The commands that back the embedded database up, and that restore it."""

import asyncio
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer
from obstore.exceptions import BaseError
from sqlalchemy.exc import SQLAlchemyError

from app.atomic_file import WrittenAlready, written_whole
from app.backup.backup import Advance, BackupError, back_up
from app.backup.restore import restore as restored
from app.cli.printing import say
from app.cli.reading import Unreadable, require_database
from app.cli.terminal import AsJson, fail, failure_of, progress, settings_or_fail, store_reason
from app.config.anchoring import HEADS
from app.config.document_store import documents as documents_of
from app.config.settings import Settings
from app.db.engines import database_url
from app.domain.counting import counted

POSTGRESQL = """this is PostgreSQL, which has its own tools. Dump it first, then copy the documents:
  pg_dump --format=custom --file=casegate.dump "$CASEGATE_DATABASE_URL"
  and all of CASEGATE_DOCUMENTS_URL, or of the folder `documents` in the data folder
A row's document is stored before the row, so a copy that is made after the dump has all that the dump names."""


def backup(
    file: Annotated[Path, typer.Argument(help="Where to write it: one tar.")],
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Back the SQLite database up with all documents, as of one moment, while it is in use.

    Exits with 1 where a document is missing or damaged; the backup is written all the same.
    """
    settings = settings_or_fail()
    database = _sqlite_file(settings)
    _look_at(file, database)
    with _reported("there is no backup", settings), written_whole(file, overwrite=force) as output, _bars() as advance:
        done = asyncio.run(back_up(database, documents_of(settings), output, advance))
    if as_json:
        reported = {"file": str(file), "bytes": done.size, "documents": done.documents, "faults": done.faults}
        say(json.dumps(reported))
    else:
        for fault in done.faults:
            say(fault)
        say(f"{file}: {counted(done.documents, 'document')}, {done.size} bytes; {len(done.faults) or 'no'} bad")
    if done.faults:
        raise typer.Exit(1)


def restore(file: Annotated[Path, typer.Argument(help="A backup, as `casegate backup` writes it.")]) -> None:
    """Restore a backup into the place of the settings, where there must be no database and no documents yet."""
    settings = settings_or_fail()
    database = _sqlite_file(settings)
    with _reported(f"{file} can't be restored", settings):
        _refuse_shared_folder(settings, database)
        documents = asyncio.run(restored(file, database, documents_of(settings)))
    number = counted(documents, "document")
    say(f"{database}: restored, with {number}; `casegate log verify` and `documents verify` check it")


def _refuse_shared_folder(settings: Settings, database: Path) -> None:
    """Refuse a data folder in which another database has its documents, its anchors or its key."""
    if (settings.documents_url and settings.anchors_url) or not settings.data_dir.is_dir():
        return
    for path in sorted(settings.data_dir.iterdir()):
        is_ours = path.suffix == ".restoring" or path.name == HEADS or path.resolve() == database.resolve()
        if not is_ours and _is_sqlite(path):
            fail(
                f"{path} is another database, whose documents and anchors are in this folder too:"
                " restore into a CASEGATE_DATA_DIR of its own"
            )


def _is_sqlite(path: Path) -> bool:
    """Tell whether it is a database, by the first bytes of SQLite's file format."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def _look_at(file: Path, database: Path) -> None:
    """Refuse what can't be the place of a backup, before anything is made."""
    if str(file) == "-":
        fail("a backup is a file that is there whole or not at all: name one, as in casegate.tar", 2)
    with suppress(OSError):  # which is reported when it is written to
        if file.exists() and not file.is_file():
            fail(f"{file} is a folder, a pipe or a device: a backup is written to a file of its own")
    try:
        require_database(database)
    except Unreadable as error:
        fail(str(error))
    except OSError as error:
        fail(f"there is no backup: {failure_of(error, 'read')}")


@contextmanager
def _reported(what: str, settings: Settings) -> Iterator[None]:
    """End with a line that says why *what* is so."""
    try:
        yield
    except WrittenAlready as error:
        fail(f"{error} is there already: choose another name, or --force")
    except BackupError as error:
        fail(str(error))
    except (sqlite3.Error, SQLAlchemyError) as error:
        fail(f"{what}: {getattr(error, 'orig', None) or error}")
    except BaseError as error:
        fail(f"{what}: {settings.documents_url or 'the documents'} can't be used: {store_reason(error)}")
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error) or type(error).__name__
        fail(f"{what}: {reason}" if error.filename is None else f"{what}: {error.filename}: {reason}")


def _sqlite_file(settings: Settings) -> Path:
    url = database_url(settings.url)
    if url.get_backend_name() != "sqlite":
        fail(POSTGRESQL)
    return Path(url.database or "")


@contextmanager
def _bars() -> Iterator[Advance]:
    """Yield what shows a bar for each thing that is counted, on a terminal only; both are of a hundred parts."""
    with progress("database", 100) as pages, progress("documents", 100) as documents:
        shown = {"pages": 0, "documents": 0}

        def advance(what: str, done: int, total: int) -> None:
            part = 100 * done // max(total, 1)
            (pages if what == "pages" else documents)(part - shown[what])
            shown[what] = part

        yield advance
