"""Looking after documents: forgotten ones are swept away, and those that there should be are verified."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import delete

from app import clock
from app.db import models as tables
from app.db.engine import Database
from app.db.repository import documents
from app.db.repository.documents import UNATTACHED_LIFETIME, StoredDocument
from app.documents.store import Blob, BlobMissing, DocumentStore

GRACE = timedelta(hours=1)
"""How old a blob without a row must be: a younger one may be on its way to a row."""

BATCH = 200


@dataclass(frozen=True, slots=True)
class Swept:
    """How much was removed: unattached documents, blobs without a row, arrivals that were cut off."""

    documents: int
    blobs: int
    arrivals: int


async def sweep(
    database: Database, store: DocumentStore, grace: timedelta = GRACE, now: clock.Clock = clock.now
) -> Swept:
    """Remove what nobody can reach or attach any more. Rows go first, so that a row always has its blob."""
    forgotten = await _forget(database, now())
    for account_id, document_id in forgotten:
        await store.delete(account_id, [document_id])
    blobs = 0
    async for orphans in orphaned(database, store):
        keys = [blob.key for blob in orphans if blob.modified_at <= now() - grace]
        await store.delete_keys(keys)
        blobs += len(keys)
    arrivals = await asyncio.to_thread(_remove_arrivals, store.incoming, (now() - grace).timestamp())
    return Swept(len(forgotten), blobs, arrivals)


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
        if path.stat().st_mtime <= before:
            path.unlink(missing_ok=True)
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
        for stored in batch:
            yield Checked(stored, await _fault(store, stored))
        if len(batch) < BATCH:
            return
        after = batch[-1].document.id


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
