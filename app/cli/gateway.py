"""The commands of the gateway itself: serve, migrate, demo, schema."""

import json
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

import typer

from app.cli.terminal import AsJson, fail, open_configured, print_rows, reporting, run, settings_or_fail
from app.db import migrate as migrations
from app.db.engine import Database
from app.demo import Demo, load_demo
from app.documents.store import open_store
from app.settings import Settings


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 for any free one.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that serve.")] = 1,
) -> None:
    """Bring the database up to date, load the demo where it is switched on, and serve."""
    from app import server  # it starts slowly, and no other command needs it

    settings = settings_or_fail()
    people = run(_demo(settings)).people if settings.demo else ()
    if not settings.demo:
        run(_nothing)
    try:
        server.serve(settings, host=host, port=port, workers=workers, people=people)
    except OSError as error:
        fail(f"can't listen on {host}, port {port}: {error.strerror or error}")


def _demo(settings: Settings) -> Callable[[Database], Coroutine[Any, Any, Demo]]:
    """Return the work that loads the demo, documents and all."""
    return lambda database: load_demo(database, open_store(settings.documents_url, settings.data_dir))


async def _nothing(_database: Database) -> None:
    """Migrating is all there is to do."""


def migrate(
    to: Annotated[str, typer.Option(help="head, base, or a revision; up or down as needed.")] = "head",
) -> None:
    """Bring the database to a revision; several nodes may do so at once."""
    settings = settings_or_fail()

    async def run() -> str | None:
        database = await open_configured(settings)
        try:
            await migrations.migrate(database, to)
            return await migrations.revision(database)
        finally:
            await database.close()

    typer.echo(f"the database is at {reporting(run) or 'base'}")


def demo(as_json: AsJson = False) -> None:
    """Fill an empty database with the demo, or find it there; either way make new tokens and print them."""
    found = run(_demo(settings_or_fail()))
    if as_json:
        typer.echo(json.dumps(found.as_json(), ensure_ascii=False))
        return
    typer.echo(f"{found.account_name}: {len(found.cases)} cases")
    print_rows(({"name": p.display_name, "roles": p.roles, "token": p.token} for p in found.people), False)


def schema() -> None:
    """Print the API's schema in GraphQL's definition language."""
    from app.api.schema import sdl  # it takes half a second to build, and no other command needs it

    typer.echo(sdl(), nl=False)
