"""The commands for the action log."""

import json
from typing import Annotated
from uuid import UUID

import typer

from app.audit.account_logs import PIECE
from app.audit.anchors.checkpoint import AnchorError, Checkpoint, public_key
from app.audit.anchors.keys import read_or_make_key
from app.cli.exporting import export
from app.cli.following import follow
from app.cli.printing import say
from app.cli.reading import read
from app.cli.sampling import sample
from app.cli.terminal import AsJson, fail, run, settings_or_fail
from app.cli.verifying import verify
from app.config.anchoring import anchorer
from app.db.engines import Database
from app.db.repository.administration import account_log_piece
from app.domain.account_log import canonical
from app.domain.counting import counted

log = typer.Typer(help="The action log.", no_args_is_help=True)
log.command()(verify)
log.command()(export)
log.command()(follow)
log.command()(sample)


@log.command()
def anchor(as_json: AsJson = False) -> None:
    """Write a signed checkpoint of all logs to the place of CASEGATE_ANCHORS_URL, where there is something new."""
    settings = settings_or_fail()

    async def work(database: Database) -> list[Checkpoint] | None:
        return await anchorer(database, settings).anchor()

    written = run(work)
    if as_json:
        say(json.dumps([checkpoint.plain() for checkpoint in written or ()]))
    elif written is None:
        say("somebody else is anchoring")
    else:
        for checkpoint in written:
            logs = f"{counted(checkpoint.cases, 'case')} and {counted(checkpoint.account_count or 0, 'account')}"
            rows = f"{counted(checkpoint.size, 'row')} of {logs}"
            say(f"anchor {checkpoint.number}: {rows}, {checkpoint.root}")
        if not written:
            say("nothing is new")


@log.command()
def account(account: Annotated[UUID, typer.Option(help="The account's id.")]) -> None:
    """Print an account's own log as lines of JSON, the oldest row first: each as its hash covers it, and the hash."""

    async def work(database: Database) -> None:
        async with database.snapshot() as connection:
            after, links = 0, await account_log_piece(connection, account, 0, PIECE)
            while links:
                for link in links:
                    say(f'{{"entry":{canonical(link.entry).decode()},"hash":"{link.hash}"}}')
                after = links[-1].entry.seq
                links = await account_log_piece(connection, account, after, PIECE)

    read(settings_or_fail(), work)


@log.command()
def key(as_json: AsJson = False) -> None:
    """Print the public key of the anchors, for those who verify them; the key is made where there is none yet.

    Its folder must be there: a key in a mistyped one would be another than the server's.
    """
    path = settings_or_fail().anchors_key
    if not path.parent.is_dir():
        fail(f"there is no folder {path.parent}: `casegate migrate` makes the data folder", 2)
    try:
        found, is_new = read_or_make_key(path)
    except AnchorError as error:
        fail(str(error))
    if is_new:
        say(f"made {path}: keep a copy where the database's owner can't reach it", err=True)
    say(json.dumps({"key": public_key(found)}) if as_json else public_key(found))
