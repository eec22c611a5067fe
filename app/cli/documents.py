"""The commands for the documents' bytes."""

import json
from datetime import timedelta
from functools import partial
from typing import Annotated, NamedTuple

import typer

from app.cli.printing import say
from app.cli.reading import Unreadable, read
from app.cli.terminal import AsJson, progress, run, settings_or_fail
from app.config.document_store import documents as store_of
from app.config.settings import Settings
from app.db.engines import Database
from app.db.repository.documents import document_count
from app.db.repository.verifying import Missing, missing_documents
from app.documents import upkeep
from app.documents.ownership import adopt as adopted
from app.documents.ownership import check
from app.documents.store import Blob, DocumentStore
from app.documents.upkeep import GRACE, Checked, Examined, Swept
from app.domain.counting import counted

GRACE_MAX_S = 10 * 366 * 86_400

documents = typer.Typer(help="The documents' bytes.", no_args_is_help=True)


@documents.command()
def verify(as_json: AsJson = False) -> None:
    """Read every document and compare it with its row, and its row with the log; list blobs without a document.

    Nothing is made or changed. A document that no row of the log has is bad, and so is a comment that lacks one.

    Exits with 0 where all are whole, 1 where one is not, 2 where it can't be told.
    """
    settings = settings_or_fail()
    found = read(settings, partial(_verified, settings))
    if as_json:
        faults = [*map(_fault, found.bad), *map(_lacking, found.missing)]
        orphans = [blob.key for blob in found.orphans]
        say(json.dumps({"documents": found.number, "faults": faults, "orphans": orphans}))
    else:
        _report(found)
    if found.bad or found.missing:
        raise typer.Exit(1)


class _Findings(NamedTuple):
    """What verifying found."""

    number: int
    bad: list[Checked]
    orphans: list[Blob]
    missing: list[Missing]


def _lost(number: int) -> str:
    return f"{counted(number, 'document')} of this comment {'is' if number == 1 else 'are'} missing"


def _report(found: _Findings) -> None:
    for checked in found.bad:
        say(f"{checked.stored.document.id}: {checked.fault}")
    for missing in found.missing:
        say(f"{missing.comment_id}: {_lost(missing.number)}")
    for blob in found.orphans:
        say(f"{blob.key}: no document has this blob; `casegate documents sweep` removes it")
    bad = len(found.bad) + len(found.missing)
    say(f"{counted(found.number, 'document')}: {bad or 'no'} bad; blobs without one: {len(found.orphans)}")


@documents.command()
def examine(
    every: Annotated[bool, typer.Option("--all", help="Also those that were examined when they came.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what documents could do to whoever opens them that came before warnings were looked for; change nothing."""

    settings = settings_or_fail()

    async def work(database: Database) -> list[Examined]:
        async with database.read() as connection:
            store = await _there(settings, await document_count(connection))
        return [] if store is None else [found async for found in upkeep.examine(database, store, every=every)]

    found = read(settings, work)
    if as_json:
        reported = [_examined(examined) for examined in found]
        say(json.dumps({"documents": len(found), "warnings": [item for item in reported if item["warnings"]]}))
        return
    for examined in found:
        if examined.warnings:
            say(f"{examined.stored.document.id}: {', '.join(examined.warnings)}")
    say(f"{counted(len(found), 'document')} examined")


@documents.command()
def sweep(
    grace: Annotated[
        int,
        typer.Option(
            min=0, max=GRACE_MAX_S, help="Seconds that a blob without a row is left: it may be on its way to one."
        ),
    ] = int(GRACE.total_seconds()),
    as_json: AsJson = False,
) -> None:
    """Remove documents that nobody attached within 24 hours, and bytes that no document has."""

    async def work(database: Database) -> Swept:
        return await upkeep.sweep(database, _store(), timedelta(seconds=grace))

    swept = run(work)
    if as_json:
        say(json.dumps({"documents": swept.documents, "blobs": swept.blobs, "arrivals": swept.arrivals}))
    else:
        arrivals = counted(swept.arrivals, "unfinished arrival")
        say(f"removed {counted(swept.documents, 'document')}, {counted(swept.blobs, 'blob')}, {arrivals}")


@documents.command()
def adopt() -> None:
    """Make the documents' place this database's, where it is marked as another's that is gone for good.

    The next sweep removes the documents that this database does not name.
    """

    async def work(database: Database) -> str:
        store = _store()
        await adopted(database, store)
        return store.name

    say(f"{run(work)} is this database's now")


async def _verified(settings: Settings, database: Database) -> _Findings:
    bad, count = list[Checked](), 0
    async with database.read() as connection:
        total = await document_count(connection)
        missing = await missing_documents(connection)
    store = await _there(settings, total)
    if store is None:
        return _Findings(0, [], [], missing)
    await check(database, store)
    with progress("documents", total) as advance:
        async for checked in upkeep.verify(database, store):
            count += 1
            advance(1)
            if checked.fault is not None:
                bad.append(checked)
    orphans = [blob async for batch in upkeep.orphaned(database, store) for blob in batch]
    return _Findings(count, bad, orphans, missing)


async def _there(settings: Settings, documents: int) -> DocumentStore | None:
    """Return the store, once it answers; None where there is none yet, and no document. Raises: Unreadable."""
    try:
        store = store_of(settings, make=False)
        async for _ in store.blobs():
            break
    except FileNotFoundError:
        if documents:
            where = settings.documents_url or settings.data_dir / "documents"
            raise Unreadable(f"there are no documents in {where}, and the database has {documents}") from None
        return None
    return store


def _store() -> DocumentStore:
    return store_of(settings_or_fail())


def _examined(examined: Examined) -> dict[str, object]:
    stored = examined.stored
    warnings = [warning.value for warning in examined.warnings]
    return {"accountId": str(stored.account_id), "documentId": str(stored.document.id), "warnings": warnings}


def _fault(checked: Checked) -> dict[str, object]:
    stored = checked.stored
    return {"accountId": str(stored.account_id), "documentId": str(stored.document.id), "reason": checked.fault}


def _lacking(missing: Missing) -> dict[str, object]:
    reason = f"{missing.number} documents of comment {missing.comment_id} are missing"
    return {"accountId": str(missing.account_id), "documentId": None, "reason": reason}
