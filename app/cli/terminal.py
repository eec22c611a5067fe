"""What the commands share: settings, the database, exit codes, and printing rows for people or for programs."""

import asyncio
import json
import os
import re
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, NoReturn, TypeVar

import typer
from obstore.exceptions import BaseError
from sqlalchemy.exc import SQLAlchemyError

from app.admin import accounts
from app.audit.anchors.checkpoint import AnchorError
from app.audit.evidence import EvidenceError
from app.auth.links import LinkError
from app.cli.modes import warn_of_modes
from app.cli.printing import say
from app.config.settings import Settings, SettingsError, load_settings, unknown_settings
from app.db import migrate as migrations
from app.db.engines import Database, database_url, open_database
from app.db.migrate import MigrationRefused
from app.documents.ownership import OwnedByAnother
from app.live.notices import announcing
from app.observability import logging

T = TypeVar("T")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def new_program() -> typer.Typer:
    """Return the program, without any command."""
    return typer.Typer(
        name="casegate",
        help="A GraphQL gateway over the cases of payment-fraud teams. Settings come from CASEGATE_* variables.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )


def fail(message: str, code: int = 1) -> NoReturn:
    say(*f"casegate: {message}".split("\n"), err=True)
    raise typer.Exit(code)


def settings_or_fail() -> Settings:
    try:
        settings = load_settings()
    except SettingsError as error:
        faults = [*error.faults, *unknown_settings()]
        fail("the settings are not usable:\n" + "\n".join(f"  {fault}" for fault in faults), 2)
    for line in unknown_settings():
        say(f"casegate: {line}", err=True)
    logging.configure(settings.log_level)
    return settings


def run(work: Callable[[Database], Coroutine[object, None, T]]) -> T:
    """Run *work* on the database of the settings, brought up to date first; end with a clear line where it can't be."""
    settings = settings_or_fail()

    async def run() -> T:
        database = await open_configured(settings)
        try:
            await migrations.migrate(database)
            async with announcing(database):
                return await work(database)
        finally:
            await database.close()

    return reporting(run)


async def open_configured(settings: Settings) -> Database:
    if not settings.database_url:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    url = database_url(settings.url)
    if url.get_backend_name() == "sqlite" and url.database:
        # SQLite would not say why it can't, and would let others read what it makes.
        os.close(os.open(url.database, os.O_RDWR | os.O_CREAT, 0o600))
    warn_of_modes(settings)
    return open_database(settings.url, patience=settings.patience, behind_pooler=settings.database_pooler)


def reporting(run: Callable[[], Coroutine[object, None, T]]) -> T:
    try:
        return asyncio.run(run())
    except (
        accounts.AdminError,
        LinkError,
        AnchorError,
        EvidenceError,
        MigrationRefused,
        OwnedByAnother,
    ) as error:
        fail(str(error))
    except (BaseError, SQLAlchemyError, OSError) as error:
        fail(failure_of(error, "used"))


def failure_of(error: Exception, purpose: str) -> str:
    """Return a line that says what can't be used, or read, and why: a file by its name, the documents, the database."""
    if isinstance(error, BaseError):
        return f"the documents can't be {purpose}: {store_reason(error)}"
    if isinstance(error, OSError) and error.errno and error.filename:
        return f"{error.filename} can't be {purpose}: {error.strerror}"
    cause = getattr(error, "orig", None) or error
    words = " ".join(str(cause).split()) or type(cause).__name__
    is_silent = isinstance(cause, TimeoutError) and not str(cause)
    return f"the database can't be {purpose}: {'it does not answer' if is_silent else words}"


def store_reason(error: BaseError) -> str:
    """Return why documents can't be used: a folder's by the system's words, a bucket's by its error's name.

    What else a bucket's error says may have a credential in it.
    """
    found = re.search(r"\(os error (\d+)\)", str(error))
    return os.strerror(int(found[1])) if found else type(error).__name__


def print_rows(rows: Iterable[Mapping[str, object]], as_json: bool) -> None:
    """Print rows as a JSON array, or as aligned columns."""
    listed = [dict(row) for row in rows]
    if as_json:
        say(json.dumps(listed, default=str, ensure_ascii=False))
        return
    if not listed:
        say("none", err=True)
        return
    lines = [list(listed[0]), *([str(_shown(value)) for value in row.values()] for row in listed)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _shown(value: object) -> object:
    match value:
        case None:
            return "-"
        case tuple():
            return " ".join(map(str, value)) or "-"
        case datetime():
            return value.isoformat(timespec="seconds")
    return value


def print_one(row: Mapping[str, object], as_json: bool) -> None:
    if as_json:
        say(json.dumps(row, default=str, ensure_ascii=False))
        return
    for key, value in row.items():
        say(f"{key}: {_shown(value)}")


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that counts so many more, shown as a bar on a terminal only."""
    stream = typer.get_text_stream("stderr")
    with typer.progressbar(length=total, file=stream, label=label, hidden=not stream.isatty()) as bar:
        yield bar.update
