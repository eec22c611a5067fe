"""Restoring a backup, into a place of its own; everything is held against the manifest first.

Documents come before the database, so that a row always has its bytes. Nothing that is there is written over: documents
go where none are, since those may be another database's, which would lose what this one does not name when it sweeps.
What is cut off by an exception is taken back. What a killed process has left is gone on with by restoring again.
"""

import asyncio
import hashlib
import json
import os
import sqlite3
import tarfile
from collections.abc import Coroutine
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, TypeVar
from uuid import UUID

from app.atomic_file import HeldElsewhere, held, sync_folder
from app.backup.backup import DATABASE, FORMAT, MANIFEST, BackupError, member_of
from app.documents.ownership import IDENTITY
from app.documents.store import DocumentStore, RestoreMark
from app.domain.validation import parse_id

PIECE = 1 << 20

T = TypeVar("T")


async def restore(backup: Path, database: Path, store: DocumentStore) -> int:
    """Restore *backup*, and return how many documents it had. Raises: BackupError, OSError."""
    _look_at(backup, database)
    database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = database.with_name(f".{database.name}.restoring")
    try:
        with held(draft), tarfile.open(backup, "r:") as tar:
            return await _Restoring(backup, tar, database, draft, store).done()
    except HeldElsewhere:
        raise BackupError(f"another restore of {database} is under way") from None
    except (tarfile.TarError, LookupError, ValueError, TypeError) as error:
        raise BackupError(f"{backup} is no whole backup: {error}") from None


def _look_at(backup: Path, database: Path) -> None:
    if backup.exists() and not backup.is_file():
        raise BackupError(f"{backup} is no file: a backup can't be read from a folder, a pipe or a device")
    for end in ("", "-wal", "-shm", "-journal"):
        path = database.with_name(database.name + end)
        if path.exists() or path.is_symlink():
            raise BackupError(f"{path} is there already: move it away first, or name another place")


@dataclass(slots=True)
class _Restoring:
    """A restore that is under way: whether the place is marked as its own by it, and which documents it has stored."""

    backup: Path
    tar: tarfile.TarFile
    database: Path
    draft: Path
    store: DocumentStore
    marked: bool = False
    stored: list[tuple[UUID, UUID]] = field(default_factory=list)

    async def done(self) -> int:
        manifest = await _whole(asyncio.to_thread(_manifest, self.tar))
        digest = manifest["database"]["sha256"]
        await _whole(asyncio.to_thread(_extract, self.tar, DATABASE, self.draft, digest))
        await _whole(asyncio.to_thread(_forget_identity, self.draft))
        # By this, a restore that was killed knows its own documents when it is begun again.
        mark = hashlib.sha256(f"{self.database.resolve()} {json.dumps(manifest)}".encode()).hexdigest()
        try:
            await _whole(self._mark(mark))
            for document in manifest["documents"]:
                await _whole(self._store(document))
            await _whole(asyncio.to_thread(self._put_in_place))
        except BaseException:
            await asyncio.shield(self._take_back())
            raise
        await self.store.unmark_restoring()
        return len(manifest["documents"])

    async def _mark(self, mark: str) -> None:
        found = await self.store.mark_restoring(mark)
        if found is RestoreMark.REFUSED:
            raise BackupError(
                f"{self.store.name} has documents already, which may be another database's:"
                " name a place without any, by CASEGATE_DATA_DIR or CASEGATE_DOCUMENTS_URL"
            )
        self.marked = found is RestoreMark.MADE

    async def _store(self, document: dict[str, Any]) -> None:
        account_id, document_id = parse_id(document["accountId"]), parse_id(document["id"])
        if account_id is None or document_id is None:
            raise BackupError("a document in its manifest has no id")
        arrived = self.store.incoming / f"restoring-{document_id}"
        name, digest = member_of(str(account_id), str(document_id)), document["sha256"]
        try:
            await asyncio.to_thread(_extract, self.tar, name, arrived, digest)
            if await self.store.put_new(account_id, document_id, arrived):
                self.stored.append((account_id, document_id))
            elif await self._digest(account_id, document_id) != digest:
                raise BackupError(f"{self.store.name} has another document {document_id} already")
        finally:
            arrived.unlink(missing_ok=True)

    async def _digest(self, account_id: UUID, document_id: UUID) -> str:
        digest = hashlib.sha256()
        async for piece in await self.store.read(account_id, document_id):
            digest.update(piece)
        return digest.hexdigest()

    def _put_in_place(self) -> None:
        try:
            os.link(self.draft, self.database)
        except FileExistsError:
            raise BackupError(f"{self.database} is there already") from None
        sync_folder(self.database.parent)

    async def _take_back(self) -> None:
        for account_id, document_id in self.stored:
            await self.store.delete(account_id, [document_id])
        if self.marked:  # and not by an earlier one, whose documents are still there
            await self.store.unmark_restoring()


async def _whole(work: Coroutine[object, None, T]) -> T:
    """Do *work*, and be cancelled only once it has ended: a thread would go on, and write what was taken back."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with suppress(Exception):
            await task
        raise


def _forget_identity(database: Path) -> None:
    """Make a database of its own of a copy, which gets its own place for documents: the other one may go on."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection, suppress(sqlite3.OperationalError):
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute("DELETE FROM server_keys WHERE name = ?", (IDENTITY,))


def _manifest(tar: tarfile.TarFile) -> dict[str, Any]:
    manifest: dict[str, Any] = json.load(_opened(tar, MANIFEST))
    if manifest["format"] != FORMAT:
        raise BackupError(f"it is of format {manifest['format']}, and this version of Casegate knows {FORMAT}")
    return manifest


def _opened(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    """Open a member by its name. What else the tar may hold is never looked at, nor is any path in it used."""
    file = tar.extractfile(name)
    if file is None:
        raise BackupError(f"{name} in it is no file")
    return file


def _extract(tar: tarfile.TarFile, name: str, target: Path, expected: str) -> None:
    """Write a member to *target*, durably. Raises: BackupError, where its digest is another."""
    digest = hashlib.sha256()
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file, _opened(tar, name) as source:
        while piece := source.read(PIECE):
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != expected:
        target.unlink()
        raise BackupError(f"{name} in it is not what the manifest says: nothing was restored")
