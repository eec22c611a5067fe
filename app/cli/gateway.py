"""The commands that prepare a database: migrate and demo."""

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.printing import say
from app.cli.reading import read_any
from app.cli.serving import loading_demo
from app.cli.terminal import AsJson, fail, open_configured, print_rows, reporting, run, settings_or_fail
from app.config.settings import SEED_MAX, Settings
from app.db import migrate as migrations
from app.db.engines import Database, database_url
from app.db.migrate import RowsWouldBeLost
from app.db.others import is_open_elsewhere, sessions_elsewhere
from app.db.revisions import revision
from app.db.upgrades import oldest_of, phase_of
from app.domain.counting import counted

if TYPE_CHECKING:
    from alembic.script import Script


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

    say(f"the database is at {reporting(run) or 'base'}")


def _check(settings: Settings) -> None:
    """Print the migrations that are to be done, and end with 1 where gateways that serve now must end before them."""
    current, steps = read_any(settings, _pending)
    if not steps:
        say(f"the database is at {current}: nothing is to be done, and gateways that can serve it can stay")
        return
    for step in steps:
        first = (step.doc or "").partition(".")[0]
        say(f"{step.revision}  {phase_of(step):8}  {first}")
    from app.db.migration_steps import steps as all_steps

    oldest = oldest_of(all_steps())
    if current is None or (oldest is not None and oldest > current):
        say(f"gateways that serve the database at {current or 'base'} can't stay: end them, then migrate")
        raise typer.Exit(1)
    say(f"gateways that serve the database at {current} can stay: migrate, then replace them one by one")


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
    found = run(loading_demo(settings))
    if as_json:
        say(json.dumps(found.as_json(), ensure_ascii=False))
        return
    say(f"{found.account_name}: {counted(len(found.cases), 'case')}")
    print_rows(({"name": p.display_name, "roles": p.roles, "token": p.token} for p in found.people), False)
