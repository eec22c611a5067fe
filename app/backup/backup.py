"""Backups of the embedded database: one tar with the database, all documents, and a manifest of their digests.

The database is copied first, from one moment, while others write on; a document's bytes are stored before its row,
so that all that the copy names are there. PostgreSQL has its own tools, and is none of this module's affair.
"""

import asyncio
import hashlib
import io
import json
import sqlite3
import tarfile
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from app import clock
from app.atomic_file import naming
from app.db.engines import open_database
from app.db.repository.documents import StoredDocument, stored_documents
from app.db.urls import sqlite_url
from app.documents.store import BlobMissing, DocumentStore

FORMAT = 1
DATABASE = "casegate.sqlite"
MANIFEST = "manifest.json"
PAGES = 2_000
BATCH = 200

Advance = Callable[[str, int, int], None]


class BackupError(Exception):
    """There can't be a backup, or it can't be restored; the message says why."""


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a backup holds; *faults* are attached documents that the store does not have as their rows say."""

    documents: int
    size: int
    faults: tuple[str, ...]


@dataclass(slots=True)
class _Tar:
    """The backup as it is written, with what its manifest will say."""

    tar: tarfile.TarFile
    digest: str = ""
    documents: list[dict[str, Any]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def add(self, name: str, content: BinaryIO, size: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mtime, member.mode = size, int(clock.now().timestamp()), 0o600
        self.tar.addfile(member, content)

    def add_document(self, stored: StoredDocument, content: bytes) -> None:
        digest, document = hashlib.sha256(content).hexdigest(), stored.document
        if digest != document.sha256 and document.comment_id is not None:
            self.faults.append(f"{document.id}: its bytes are not those that its row says")
        self.add(member_of(str(stored.account_id), str(document.id)), io.BytesIO(content), len(content))
        said = {"accountId": str(stored.account_id), "id": str(document.id), "sha256": digest}
        self.documents.append(said)


async def back_up(database: Path, store: DocumentStore, output: BinaryIO, advance: Advance) -> BackedUp:
    """Write a backup of the SQLite file to *output*; *advance* is told of what how much is done, and of how much.

    Raises: BackupError, OSError.
    """
    with naming(database.parent):
        temporary = tempfile.TemporaryDirectory(prefix="casegate-backup-", dir=database.parent)
    with temporary as folder:
        copy = Path(folder) / DATABASE
        await asyncio.to_thread(_copy, database, copy, advance)
        tar = _Tar(tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT))  # noqa: SIM115  # closed below
        await asyncio.to_thread(_add_file, tar, copy)
        total = await asyncio.to_thread(_count, copy)
        async for stored in _documents(copy):
            await _add_document(tar, store, stored)
            advance("documents", len(tar.documents), total)
        await asyncio.to_thread(_finish, tar)
    return BackedUp(len(tar.documents), output.tell(), tuple(tar.faults))


def _copy(source: Path, target: Path, advance: Advance) -> None:
    """Copy the database by SQLite's online backup, from the one moment that an open transaction sees.

    Without the transaction, each write of another process would make the backup begin anew.
    """
    if not source.is_file():
        raise BackupError(f"there is no database {source}")

    def progress(_status: int, remaining: int, total: int) -> None:
        advance("pages", total - remaining, total)

    with (
        closing(sqlite3.connect(source, isolation_level=None)) as database,
        closing(sqlite3.connect(target, isolation_level=None)) as copy,
    ):
        database.execute("BEGIN")
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        database.backup(copy, pages=PAGES, progress=progress)


def _add_file(tar: _Tar, path: Path) -> None:
    with path.open("rb") as file:
        tar.digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        tar.add(DATABASE, file, path.stat().st_size)


def _count(copy: Path) -> int:
    with closing(sqlite3.connect(copy)) as database:
        (count,) = database.execute("SELECT count(*) FROM documents WHERE erased_by_id IS NULL").fetchone()
    return int(count)


async def _documents(copy: Path) -> AsyncIterator[StoredDocument]:
    database = open_database(sqlite_url(copy))
    try:
        after = None
        while True:
            async with database.read() as connection:
                batch = await stored_documents(connection, after, BATCH)
            for stored in batch:
                yield stored
            if len(batch) < BATCH:
                return
            after = batch[-1].document.id
    finally:
        await database.close()


async def _add_document(tar: _Tar, store: DocumentStore, stored: StoredDocument) -> None:
    document = stored.document
    try:
        pieces = [piece async for piece in await store.read(stored.account_id, document.id)]
    except BlobMissing:
        if document.comment_id is not None:  # an unattached one may have been swept meanwhile
            tar.faults.append(f"{document.id}: its bytes are missing")
        return
    await asyncio.to_thread(tar.add_document, stored, b"".join(pieces))


def _finish(tar: _Tar) -> None:
    manifest = {
        "format": FORMAT,
        "createdAt": clock.now().isoformat(),
        "database": {"sha256": tar.digest},
        "documents": tar.documents,
        "faults": tar.faults,
    }
    content = json.dumps(manifest, indent=1).encode()
    tar.add(MANIFEST, io.BytesIO(content), len(content))
    tar.tar.close()


def member_of(account_id: str, document_id: str) -> str:
    return f"documents/{account_id}/{document_id}"
