"""Restoring a backup, into a place where there is no database yet; everything is held against the manifest first.

Documents come before the database, so that a row always has its bytes, and what was cut off leaves no database behind.
"""

import asyncio
import hashlib
import json
import os
import tarfile
from pathlib import Path
from typing import IO, Any

from app.backup import DATABASE, FORMAT, MANIFEST, BackupError, member_of
from app.documents.store import DocumentStore
from app.domain.shape import parse_id
from app.written import sync_folder

PIECE = 1 << 20


async def restore(backup: Path, database: Path, store: DocumentStore) -> int:
    """Restore *backup*, and return how many documents it had. Raises: BackupError, OSError."""
    for path in (database, *(database.with_name(database.name + end) for end in ("-wal", "-shm"))):
        if path.exists():
            raise BackupError(f"{path} is there already: move it away first, or name another place")
    draft = database.with_name(f".{database.name}.restoring")
    try:
        with tarfile.open(backup, "r:") as tar:
            manifest = await asyncio.to_thread(_manifest, tar)
            database.parent.mkdir(parents=True, exist_ok=True)
            await asyncio.to_thread(_extract, tar, DATABASE, draft, manifest["database"]["sha256"])
            for document in manifest["documents"]:
                await _restore_document(tar, document, store)
        os.link(draft, database)
        sync_folder(database.parent)
    except (tarfile.TarError, LookupError, ValueError, TypeError) as error:
        raise BackupError(f"{backup} is no whole backup: {error}") from None
    except FileExistsError:
        raise BackupError(f"{database} is there already") from None
    finally:
        draft.unlink(missing_ok=True)
    return len(manifest["documents"])


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
    target.unlink(missing_ok=True)
    with _opened(tar, name) as source, target.open("xb") as file:
        target.chmod(0o600)
        while piece := source.read(PIECE):
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != expected:
        target.unlink()
        raise BackupError(f"{name} in it is not what the manifest says: nothing was restored")


async def _restore_document(tar: tarfile.TarFile, document: dict[str, Any], store: DocumentStore) -> None:
    account_id, document_id = parse_id(document["accountId"]), parse_id(document["id"])
    if account_id is None or document_id is None:
        raise BackupError("a document in its manifest has no id")
    arrived = store.incoming / str(document_id)
    name = member_of(str(account_id), str(document_id))
    await asyncio.to_thread(_extract, tar, name, arrived, document["sha256"])
    await store.put(account_id, document_id, arrived)
    arrived.unlink(missing_ok=True)  # a bucket leaves it
