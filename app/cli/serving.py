"""The command `serve`. What it imports stays for as long as the process, so that it imports no other command."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Annotated

import structlog
import typer
from obstore.exceptions import BaseError

from app.cli.terminal import fail, new_program, run, settings_or_fail
from app.config.document_store import documents
from app.config.settings import Settings
from app.db.engines import Database
from app.documents.ownership import claim
from app.observability import log_output

if TYPE_CHECKING:
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
    people = run(loading_demo(settings)).people if settings.demo else ()
    try:
        server.serve(settings, host=host, port=port, workers=workers, people=people)
    except OSError as error:
        fail(f"can't listen on {host}, port {port}: {error.strerror or error}")


def loading_demo(settings: Settings) -> Callable[[Database], Coroutine[object, None, "Demo"]]:
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


program = new_program()
program.command()(serve)


@program.callback()
def _alone() -> None:
    """Have the command called by its name, although there is no other."""
