"""The commands of the gateway itself: serve, migrate, demo, schema."""

import json
import shlex
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer
from obstore.exceptions import BaseError

from app.cli.reading import read_any
from app.cli.terminal import AsJson, fail, open_configured, print_rows, reporting, run, settings_or_fail
from app.config.document_store import documents
from app.config.settings import SEED_MAX, Settings
from app.db import migrate as migrations
from app.db.engines import Database, database_url
from app.db.migrate import RowsWouldBeLost
from app.db.others import is_open_elsewhere, sessions_elsewhere
from app.db.revisions import revision
from app.db.upgrades import oldest_of, phase_of
from app.documents.ownership import claim
from app.observability import log_output

if TYPE_CHECKING:
    from alembic.script import Script

    from app.demo.load import Demo

log = structlog.get_logger()


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 for any free one.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that serve.")] = 1,
) -> None:
    """Bring the database up to date, load the demo where it is switched on, and serve."""
    from app.server import run as server  # it starts slowly, and no other command needs it

    log_output.start()
    settings = settings_or_fail()
    run(partial(_claim, settings))
    people = run(_demo(settings)).people if settings.demo else ()
    try:
        server.serve(settings, host=host, port=port, workers=workers, people=people)
    except OSError as error:
        fail(f"can't listen on {host}, port {port}: {error.strerror or error}")


def _demo(settings: Settings) -> Callable[[Database], Coroutine[Any, Any, "Demo"]]:
    """Return the work that loads the demo, documents and all."""
    from app.demo.load import load_demo

    return lambda database: load_demo(database, documents(settings), settings.demo_seed)


async def _claim(settings: Settings, database: Database) -> None:
    """See that the documents' place is this database's. A bucket that does not answer is seen to when it is swept."""
    store = documents(settings)
    try:
        await claim(database, store)
    except BaseError as error:
        log.warning("documents_unclaimed", reason=type(error).__name__)


def migrate(
    to: Annotated[str, typer.Option(help="head, base, or a revision; up or down as needed.")] = "head",
    drop_rows: Annotated[
        str | None,
        typer.Option(
            metavar="DATABASE",
            help="Let a downgrade delete what it has no place for, the log included. DATABASE is the name of the one"
            " that is meant: of PostgreSQL's database, or of SQLite's file.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing: say what is to be done, and whether gateways can stay.")
    ] = False,
) -> None:
    """Bring the database to a revision, whole or not at all; several nodes may do so at once.

    A downgrade is refused while a gateway serves, and where rows would go that nothing brings back.
    """
    settings = settings_or_fail()
    if check:
        if to != "head" or drop_rows is not None:
            fail("--check is about going to head: leave --to and --drop-rows out", 2)
        _check(settings)
        return
    url = database_url(settings.url)
    file = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
    if to == "base" and file is not None and not file.exists():
        fail(f"there is no database {file}")
    is_in_use = to != "head" and file is not None and is_open_elsewhere(file)

    async def run() -> str | None:
        database = await open_configured(settings)
        try:
            if await migrations.goes_down(database, to):
                others = is_in_use or (not database.is_sqlite and await sessions_elsewhere(database) > 0)
                await _go_down(database, to, drop_rows, others=others)
            elif drop_rows is not None:
                fail(f"going to {to} deletes nothing: leave --drop-rows out", 2)
            else:
                await migrations.migrate(database, to)
            return await revision(database)
        finally:
            await database.close()

    typer.echo(f"the database is at {reporting(run) or 'base'}")


def _check(settings: Settings) -> None:
    """Print the migrations that are to be done, and end with 1 where gateways that serve now must end before them."""
    current, steps = read_any(settings, _pending)
    if not steps:
        typer.echo(f"the database is at {current}: nothing is to be done, and gateways that can serve it can stay")
        return
    for step in steps:
        first = (step.doc or "").partition(".")[0]
        typer.echo(f"{step.revision}  {phase_of(step):8}  {first}")
    from app.db.migration_steps import steps as all_steps

    oldest = oldest_of(all_steps())
    if current is None or (oldest is not None and oldest > current):
        typer.echo(f"gateways that serve the database at {current or 'base'} can't stay: end them, then migrate")
        raise typer.Exit(1)
    typer.echo(f"gateways that serve the database at {current} can stay: migrate, then replace them one by one")


async def _pending(database: Database) -> "tuple[str | None, list[Script]]":
    return await revision(database), await migrations.pending(database)


async def _go_down(database: Database, to: str, drop_rows: str | None, *, others: bool) -> None:
    name = Path(database.name).name
    if drop_rows not in (None, name):
        fail(f"--drop-rows {drop_rows} is not the name of this database, which is {name}", 2)
    if others:
        fail(f"{name} is in use: end all gateways and commands that have it open, then go down")
    try:
        await migrations.migrate(database, to, drop_rows=drop_rows is not None)
    except RowsWouldBeLost as refused:
        fail(f"{refused}\n  Make a backup. Then `casegate migrate --to {to} --drop-rows {shlex.quote(name)}` does it.")


def demo(
    as_json: AsJson = False,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=SEED_MAX, help="Make the same ids and times in each database. [CASEGATE_DEMO_SEED]"),
    ] = None,
) -> None:
    """Fill an empty database with the demo, or find it there; either way make new tokens and print them."""
    settings = settings_or_fail()
    if seed is not None:
        settings = settings.model_copy(update={"demo_seed": seed})
    found = run(_demo(settings))
    if as_json:
        typer.echo(json.dumps(found.as_json(), ensure_ascii=False))
        return
    typer.echo(f"{found.account_name}: {len(found.cases)} cases")
    print_rows(({"name": p.display_name, "roles": p.roles, "token": p.token} for p in found.people), False)
