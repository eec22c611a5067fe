"""The commands that back the embedded database up, and that restore it."""

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from app.backup import Advance, BackupError, back_up
from app.cli.terminal import AsJson, fail, progress, settings_or_fail
from app.db.engine import database_url
from app.documents.store import open_store
from app.restore import restore as restored
from app.settings import Settings
from app.written import WrittenAlready, written_whole

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
    try:
        store = open_store(settings.documents_url, settings.data_dir)
        with written_whole(file, overwrite=force) as output, _bars() as advance:
            done = asyncio.run(back_up(database, store, output, advance))
    except WrittenAlready:
        fail(f"{file} is there already: choose another name, or --force")
    except BackupError as error:
        fail(str(error))
    except OSError as error:
        fail(f"there is no backup: {os.strerror(error.errno or 0)}")
    if as_json:
        told = {"file": str(file), "bytes": done.size, "documents": done.documents, "faults": done.faults}
        typer.echo(json.dumps(told))
    else:
        for fault in done.faults:
            typer.echo(fault)
        typer.echo(f"{file}: {done.documents} documents, {done.size} bytes; {len(done.faults) or 'no'} bad")
    if done.faults:
        raise typer.Exit(1)


def restore(file: Annotated[Path, typer.Argument(help="A backup, as `casegate backup` writes it.")]) -> None:
    """Restore a backup into the place of the settings, where there must be no database yet."""
    settings = settings_or_fail()
    database = _sqlite_file(settings)
    try:
        documents = asyncio.run(restored(file, database, open_store(settings.documents_url, settings.data_dir)))
    except BackupError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{file} can't be restored: {os.strerror(error.errno or 0)}")
    typer.echo(
        f"{database}: restored, with {documents} documents; `casegate log verify` and `documents verify` check it"
    )


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
