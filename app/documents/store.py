"""The store: a document's bytes under its id, in a local folder or in S3. It knows nothing of accounts' rights.

A blob is written whole and durably before its row, so that a row implies its blob. S3 is spoken to by obstore, with the
usual AWS variables.
"""

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from uuid import UUID

import obstore
from obstore.exceptions import AlreadyExistsError
from obstore.store import LocalStore, ObjectStore, S3Store

from app.domain.validation import parse_id

if TYPE_CHECKING:
    from obstore import GetResult  # it is a type alone, of which there is nothing when the program runs

PIECE = 65_536

_MARK = "restoring"
_OWNER = "owner"


class BlobMissing(Exception):
    """The store has no such blob, which a row said it has."""


@dataclass(frozen=True, slots=True)
class Blob:
    """What the store says of one blob; `id` is None for a thing that is no document's."""

    key: str
    id: UUID | None
    modified_at: datetime


class RestoreMark(Enum):
    """What came of marking a store as one that a backup is being restored to."""

    MADE = "made"
    FOUND = "found"
    REFUSED = "refused"


class DocumentStore:
    """Blobs by account and document; `incoming` is the folder where they arrive, `name` what people know it by."""

    def __init__(self, objects: ObjectStore, incoming: Path, folder: Path | None, name: str) -> None:
        self.name = name
        self._objects = objects
        self._folder = folder
        self.incoming = incoming

    async def put(self, account_id: UUID, document_id: UUID, path: Path) -> None:
        """Store the file at *path*, durably; the file itself is used up."""
        key = _key(account_id, document_id)
        if self._folder is not None:
            await asyncio.to_thread(_move_durably, path, self._folder / key)
            return
        await obstore.put_async(self._objects, key, path)

    async def put_new(self, account_id: UUID, document_id: UUID, path: Path) -> bool:
        """Store the file at *path*, durably, unless there is a blob of that name; tell whether it was stored."""
        key = _key(account_id, document_id)
        if self._folder is not None:
            return await asyncio.to_thread(_link_durably, path, self._folder / key)
        return await self._create(key, path)

    async def _create(self, key: str, content: Path | bytes) -> bool:
        try:
            await obstore.put_async(self._objects, key, content, mode="create")
        except AlreadyExistsError:
            return False
        return True

    async def mark_restoring(self, mark: str) -> RestoreMark:
        """Note that a backup is being restored to here, if nothing is here that it did not bring.

        *mark* tells one restore from all others. One that was cut off finds its own.
        """
        if await self.owner() is not None:  # a database that has no document there yet
            return RestoreMark.REFUSED
        if not await self._create(_MARK, mark.encode()):
            found = await obstore.get_async(self._objects, _MARK)
            return RestoreMark.FOUND if bytes(await found.bytes_async()) == mark.encode() else RestoreMark.REFUSED
        async for batch in self.blobs():
            if any(blob.key != _MARK for blob in batch):
                await self.unmark_restoring()
                return RestoreMark.REFUSED
        return RestoreMark.MADE

    async def owner(self) -> str | None:
        """Return which database the place is marked as; None where it is not marked."""
        try:
            found = await obstore.get_async(self._objects, _OWNER)
        except FileNotFoundError:
            return None
        return bytes(await found.bytes_async()).decode("utf-8", "replace")

    async def own(self, owner: str, *, overwrite: bool = False) -> str:
        """Mark the place as *owner*'s, and return whose it is: another process may have been faster."""
        if overwrite:
            await obstore.put_async(self._objects, _OWNER, owner.encode())
        else:
            await self._create(_OWNER, owner.encode())
        return await self.owner() or ""

    async def unmark_restoring(self) -> None:
        await self.delete_keys([_MARK])

    async def read(
        self, account_id: UUID, document_id: UUID, part: tuple[int, int] | None = None
    ) -> AsyncIterator[bytes]:
        """Return the bytes, or those of *part* (start, end), in pieces. Raises: BlobMissing."""
        try:
            found = await obstore.get_async(
                self._objects, _key(account_id, document_id), options={"range": part} if part else None
            )
        except FileNotFoundError as error:
            raise BlobMissing from error
        return _pieces(found)

    async def delete(self, account_id: UUID, document_ids: Iterable[UUID]) -> None:
        """Delete blobs, where they are there."""
        await self.delete_keys([_key(account_id, document_id) for document_id in document_ids])

    async def delete_keys(self, keys: list[str]) -> None:
        for key in keys:
            with suppress(FileNotFoundError):
                await obstore.delete_async(self._objects, key)

    async def blobs(self) -> AsyncIterator[list[Blob]]:
        """Yield all blobs, in batches; the mark of the place's owner is none."""
        async for batch in obstore.list(self._objects, chunk_size=500):
            yield [
                Blob(meta["path"], parse_id(meta["path"].rpartition("/")[2]), meta["last_modified"])
                for meta in batch
                if meta["path"] != _OWNER
            ]


async def _pieces(found: "GetResult") -> AsyncIterator[bytes]:
    async for piece in found.stream(min_chunk_size=PIECE):
        yield bytes(piece)


def open_store(url: str, data_dir: Path, *, make: bool = True, allow_http: bool = False) -> DocumentStore:
    """Return the store at *url*: `s3://bucket/prefix`, `file:///path`, or empty for a folder in *data_dir*.

    *make*: its folders are made where they are missing; without, it can be read alone. *allow_http*: a bucket is spoken
    to without TLS, where its endpoint is.

    Raises: OSError, when a folder can't be made, or is missing.
    """
    if url.startswith("s3://"):
        incoming = data_dir / "incoming"
        if make:
            _make(incoming)
        place = urlsplit(url)
        prefix = unquote(place.path).strip("/") or None
        bucket = S3Store(place.netloc, prefix=prefix, client_options={"allow_http": allow_http})
        return DocumentStore(bucket, incoming, None, url)
    root = Path(unquote(urlsplit(url).path)) if url else data_dir / "documents"
    folder, incoming = root / "blobs", root / "incoming"
    if make:
        _make(folder)
        _make(incoming)
    elif not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no folder of documents", str(folder))
    return DocumentStore(LocalStore(folder), incoming, folder, str(root))


def check_url(url: str) -> str:
    """Return *url*. Raises: ValueError, for one that is neither a folder's nor a bucket's."""
    parts = urlsplit(url)
    if parts.query or parts.fragment:
        raise ValueError("it takes no parameters; where a ? or a # is part of a name, write %3F or %23")
    if "\0" in unquote(url):
        raise ValueError("it has a NUL, which no name has")
    # A path from where a process happens to run would be another place for each.
    is_path = parts.scheme == "file" and not parts.netloc and parts.path.startswith("/")
    if (parts.scheme == "s3" and parts.netloc) or is_path:
        return url
    raise ValueError("not a place for them, as in s3://bucket/prefix or file:///path")


def _key(account_id: UUID, document_id: UUID) -> str:
    return f"{account_id}/{document_id}"


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def _move_durably(path: Path, target: Path) -> None:
    """Rename *path* once its bytes are on the disk, and have the new name there too before anything relies on it."""
    _sync(path)
    _make_durably(target.parent)
    path.replace(target)
    _sync(target.parent)


def _link_durably(path: Path, target: Path) -> bool:
    """Do as `_move_durably`, but leave what is there, and tell whether nothing was."""
    _sync(path)
    _make_durably(target.parent)
    try:
        os.link(path, target)
    except FileExistsError:
        return False
    _sync(target.parent)
    return True


def _make_durably(folder: Path) -> None:
    if not folder.is_dir():
        _make(folder)
        _sync(folder.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
