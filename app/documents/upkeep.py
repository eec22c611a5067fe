"""Maintenance of documents: sweeps those that were never attached, and verifies the others."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from uuid import UUID

import structlog
from obstore.exceptions import BaseError
from sqlalchemy import delete

from app import clock
from app.db import background, tables
from app.db.engines import Database
from app.db.repository import documents
from app.db.repository.documents import UNATTACHED_LIFETIME, StoredDocument
from app.db.repository.verifying import unlogged_among
from app.documents.erasures import finish_to_the_end
from app.documents.ownership import OwnedByAnother, claim
from app.documents.receive import arriving
from app.documents.store import Blob, BlobMissing, DocumentStore
from app.domain.model import DocumentWarning

SWEPT_EVERY_S = 600
WHOLE_EVERY = 144
"""After so many sweeps of what has expired, the store is looked through too: once a day."""

GRACE = timedelta(hours=1)
"""How old a blob without a row must be: a younger one may be on its way to a row."""

BATCH = 200

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Swept:
    """How much was removed: unattached documents, blobs without a row, arrivals that were cut off."""

    documents: int
    blobs: int
    arrivals: int


async def sweep_regularly(
    database: Database,
    store: DocumentStore,
    now: clock.Clock = clock.now,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    swept: asyncio.Event | None = None,
) -> None:
    """Sweep for as long as the gateway runs: all at its start and once a day, what has expired in between.

    *swept* is set once the first sweep is over.
    """
    for number in count():
        with background.LoggedFailures("sweep_failed", BaseError):  # no fault of the store is worth not serving
            await finish_to_the_end(database, store)
            await _sweep_in_turn(database, store, number, now)
        if swept is not None:
            swept.set()
        await pause(SWEPT_EVERY_S)


async def _sweep_in_turn(database: Database, store: DocumentStore, number: int, now: clock.Clock) -> None:
    if number % WHOLE_EVERY:
        await sweep_expired(database, store, now=now)
        return
    try:
        await sweep(database, store, now=now)
    except OwnedByAnother as error:
        log.error("sweep_refused", reason=str(error))


async def sweep(
    database: Database, store: DocumentStore, grace: timedelta = GRACE, now: clock.Clock = clock.now
) -> Swept:
    """Remove what can't be reached or attached any more. Rows go first, so that a row always has its blob.

    Raises: OwnedByAnother, where the place is another database's, whose blobs have no row here.
    """
    await claim(database, store)
    expired = await sweep_expired(database, store, grace, now)
    blobs = 0
    async for orphans in orphaned(database, store):
        keys = [blob.key for blob in orphans if blob.modified_at <= now() - grace]
        await store.delete_keys(keys)
        blobs += len(keys)
    return Swept(expired.documents, blobs, expired.arrivals)


async def sweep_expired(
    database: Database, store: DocumentStore, grace: timedelta = GRACE, now: clock.Clock = clock.now
) -> Swept:
    """Remove documents that were not attached in time, and uploads that were cut off; the store is not listed."""
    forgotten = await _forget(database, now())
    for account_id, document_id in forgotten:
        await store.delete(account_id, [document_id])
    arrivals = await asyncio.to_thread(_remove_arrivals, store.incoming, (now() - grace).timestamp())
    return Swept(len(forgotten), 0, arrivals)


async def _forget(database: Database, now: datetime) -> list[tuple[UUID, UUID]]:
    table = tables.documents
    statement = (
        delete(table)
        .where(table.c.comment_id.is_(None), table.c.created_at < now - UNATTACHED_LIFETIME)
        .returning(table.c.account_id, table.c.id)
    )
    async with database.write() as connection:
        return [(record[0], record[1]) for record in await connection.execute(statement)]


def _remove_arrivals(folder: Path, before: float) -> int:
    """Remove what a process left that was killed while it received."""
    removed = 0
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # it has come to its end meanwhile
            if path.stat().st_mtime <= before:
                path.unlink()
                removed += 1
    return removed


async def orphaned(database: Database, store: DocumentStore) -> AsyncIterator[list[Blob]]:
    """Yield the blobs that have no row, in batches."""
    async for batch in store.blobs():
        async with database.read() as connection:
            known = await documents.known_ids(connection, [blob.id for blob in batch if blob.id is not None])
        yield [blob for blob in batch if blob.id not in known]


@dataclass(frozen=True, slots=True)
class Checked:
    """One document, and what is wrong with its blob; None where nothing is."""

    stored: StoredDocument
    fault: str | None


async def verify(database: Database, store: DocumentStore) -> AsyncIterator[Checked]:
    """Yield each document of each account, once its blob was read and compared with its row."""
    after = None
    while True:
        async with database.read() as connection:
            batch = await documents.stored_documents(connection, after, BATCH)
            loose = await unlogged_among(connection, [stored.document.id for stored in batch])
        for stored in batch:
            unlogged = "no row of the log has it" if stored.document.id in loose else None
            yield Checked(stored, await _fault(store, stored) or unlogged)
        if len(batch) < BATCH:
            return
        after = batch[-1].document.id


@dataclass(frozen=True, slots=True)
class Examined:
    """One document, and the warnings that its bytes give today."""

    stored: StoredDocument
    warnings: tuple[DocumentWarning, ...]


async def examine(database: Database, store: DocumentStore, *, every: bool = False) -> AsyncIterator[Examined]:
    """Yield the documents that have not been examined, or *every* one, with their warnings; nothing is changed."""
    after = None
    while True:
        async with database.read() as connection:
            batch = await documents.stored_documents(connection, after, BATCH)
        for stored in batch:
            if every or DocumentWarning.NOT_EXAMINED in stored.document.warnings:
                yield Examined(stored, await _warnings(store, stored))
        if len(batch) < BATCH:
            return
        after = batch[-1].document.id


async def _warnings(store: DocumentStore, stored: StoredDocument) -> tuple[DocumentWarning, ...]:
    async with arriving(store.incoming) as arrival:
        try:
            async for piece in await store.read(stored.account_id, stored.document.id):
                await arrival.write(piece)
        except BlobMissing:
            return (DocumentWarning.NOT_EXAMINED,)
        return await arrival.examine(stored.document.content_type)


async def _fault(store: DocumentStore, stored: StoredDocument) -> str | None:
    document = stored.document
    digest, size = hashlib.sha256(), 0
    try:
        async for piece in await store.read(stored.account_id, document.id):
            digest.update(piece)
            size += len(piece)
    except BlobMissing:
        return "its blob is missing"
    if size != document.size_bytes:
        return f"its blob has {size} bytes instead of {document.size_bytes}"
    if digest.hexdigest() != document.sha256:
        return "its blob has another SHA-256"
    return None
