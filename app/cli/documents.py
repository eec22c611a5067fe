"""The commands for the documents' bytes."""

import json
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

import typer

from app.cli.reading import Unreadable, read
from app.cli.terminal import AsJson, progress, run, settings_or_fail
from app.db.engine import Database
from app.db.repository.documents import document_count
from app.documents import upkeep
from app.documents.store import Blob, DocumentStore, open_store
from app.documents.upkeep import GRACE, Checked, Examined, Swept
from app.settings import Settings

documents = typer.Typer(help="The documents' bytes.", no_args_is_help=True)


@documents.command()
def verify(as_json: AsJson = False) -> None:
    """Read every document and compare it with its row; list blobs without one. Nothing is made or changed.

    Exits with 0 where all are whole, 1 where one is not, 2 where it can't be told.
    """
    settings = settings_or_fail()
    count, bad, orphans = read(settings, partial(_verified, settings))
    if as_json:
        faults = [_fault(checked) for checked in bad]
        typer.echo(json.dumps({"documents": count, "faults": faults, "orphans": [blob.key for blob in orphans]}))
    else:
        for checked in bad:
            typer.echo(f"{checked.stored.document.id}: {checked.fault}")
        for blob in orphans:
            typer.echo(f"{blob.key}: no document has this blob; `casegate documents sweep` removes it")
        typer.echo(f"{count} documents: {len(bad) or 'no'} bad; {len(orphans) or 'no'} blobs without one")
    if bad:
        raise typer.Exit(1)


@documents.command()
def examine(
    every: Annotated[bool, typer.Option("--all", help="Also those that were examined when they came.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what documents could do to whoever opens them that came before warnings were looked for; change nothing."""

    async def work(database: Database) -> list[Examined]:
        return [examined async for examined in upkeep.examine(database, _store(), every=every)]

    found = run(work)
    if as_json:
        told = [_examined(examined) for examined in found]
        typer.echo(json.dumps({"documents": len(found), "warnings": [item for item in told if item["warnings"]]}))
        return
    for examined in found:
        if examined.warnings:
            typer.echo(f"{examined.stored.document.id}: {', '.join(examined.warnings)}")
    typer.echo(f"{len(found)} documents examined")


@documents.command()
def sweep(
    grace: Annotated[
        int, typer.Option(min=0, help="Seconds that a blob without a row is left: it may be on its way to one.")
    ] = int(GRACE.total_seconds()),
    as_json: AsJson = False,
) -> None:
    """Remove documents that nobody attached within 24 hours, and bytes that no document has."""

    async def work(database: Database) -> Swept:
        return await upkeep.sweep(database, _store(), timedelta(seconds=grace))

    swept = run(work)
    if as_json:
        typer.echo(json.dumps({"documents": swept.documents, "blobs": swept.blobs, "arrivals": swept.arrivals}))
    else:
        typer.echo(f"removed {swept.documents} documents, {swept.blobs} blobs, {swept.arrivals} unfinished arrivals")


async def _verified(settings: Settings, database: Database) -> tuple[int, list[Checked], list[Blob]]:
    bad, count = list[Checked](), 0
    async with database.read() as connection:
        total = await document_count(connection)
    store = await _there(settings, total)
    if store is None:
        return 0, [], []
    with progress("documents", total) as advance:
        async for checked in upkeep.verify(database, store):
            count += 1
            advance(1)
            if checked.fault is not None:
                bad.append(checked)
    orphans = [blob async for batch in upkeep.orphaned(database, store) for blob in batch]
    return count, bad, orphans


async def _there(settings: Settings, documents: int) -> DocumentStore | None:
    """Return the store, once it answers; None where there is none yet, and no document. Raises: Unreadable."""
    try:
        store = open_store(settings.documents_url, settings.data_dir, make=False)
        async for _ in store.blobs():
            break
    except FileNotFoundError:
        if documents:
            where = settings.documents_url or settings.data_dir / "documents"
            raise Unreadable(f"there are no documents in {where}, and the database has {documents}") from None
        return None
    return store


def _store() -> DocumentStore:
    settings = settings_or_fail()
    return open_store(settings.documents_url, settings.data_dir)


def _examined(examined: Examined) -> dict[str, Any]:
    stored = examined.stored
    warnings = [warning.value for warning in examined.warnings]
    return {"accountId": str(stored.account_id), "documentId": str(stored.document.id), "warnings": warnings}


def _fault(checked: Checked) -> dict[str, Any]:
    stored = checked.stored
    return {"accountId": str(stored.account_id), "documentId": str(stored.document.id), "reason": checked.fault}
