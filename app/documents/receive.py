"""Receiving: bytes are counted and hashed as they go to a file, and the whole is looked at once it is there.

Memory stays flat whatever the size, and the event loop never waits for the disk.
"""

import asyncio
import hashlib
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from starlette.datastructures import Headers

from app import clock
from app.documents.digests import BodyDigest
from app.documents.examination import examined
from app.documents.extensions import EXTENSIONS
from app.documents.forms import PartStart
from app.documents.kinds import content_type
from app.documents.names import normalised
from app.documents.transfers import Transfer
from app.domain.commands import NewDocument
from app.domain.errors import DocumentEmpty, DocumentTooLarge, InvalidInput, Refusal
from app.domain.model import DocumentWarning

SIZE_MAX = 10 * 1024 * 1024
PIECE = 65_536


@dataclass(frozen=True, slots=True)
class Received:
    """A file that has arrived: what it is, or why it is no good. Until it is stored its bytes are at `path`.

    Of one that is refused there may be none.
    """

    path: Path | None
    document: NewDocument | None
    refusal: Refusal | None = None


class Arrival:
    """A file that is arriving, as a part of *transfer*."""

    def __init__(self, folder: Path, transfer: Transfer | None) -> None:
        self.id: UUID = clock.new_id()
        self.path = folder / str(self.id)
        self.size = 0
        self._digest = hashlib.sha256()
        self._transfer = transfer
        self._waiting = bytearray()
        self._file: BinaryIO | None = None
        # A thread that was waited for no more may still be about to write.
        self._writing = threading.Lock()
        self._is_over = False

    async def write(self, data: bytes) -> None:
        """Take the next bytes. Raises: DocumentTooLarge, as soon as there are too many; RateLimited."""
        self.size += len(data)
        if self.size > SIZE_MAX:
            raise DocumentTooLarge(max=SIZE_MAX)
        if self._transfer is not None:
            self._transfer.take(len(data))
        if not self._waiting and len(data) >= PIECE:
            # What is large enough is not copied: twenty files that arrive at once would be copied at once.
            await asyncio.to_thread(self._append, data)
            return
        self._waiting += data
        if len(self._waiting) >= PIECE:
            await asyncio.to_thread(self._flush)

    async def finish(self, filename: str | None, *path: str) -> Received:
        """Return what has arrived; the result has what is wrong with it, about *path*."""
        return await asyncio.to_thread(self._finish, filename, path)

    async def examine(self, content_type: str) -> tuple[DocumentWarning, ...]:
        """Return the warnings of what has arrived."""
        return await asyncio.to_thread(self._examine, content_type)

    async def discard(self) -> None:
        """Leave nothing behind; a file that was stored meanwhile lies elsewhere."""
        await asyncio.to_thread(self._discard)

    def _finish(self, filename: str | None, path: tuple[str, ...]) -> Received:
        if self.size == 0:
            return Received(self.path, None, DocumentEmpty(*path))
        self._flush()
        assert self._file is not None
        self._file.close()
        try:
            name = normalised(filename or "", *path) if filename else ""
            found = content_type(self.path, name)
        except Refusal as refusal:
            refusal.path = path
            return Received(self.path, None, refusal)
        name = name or f"document{EXTENSIONS[found][0]}"
        document = NewDocument(
            id=self.id,
            filename=name,
            content_type=found,
            size_bytes=self.size,
            sha256=self._digest.hexdigest(),
            warnings=examined(self.path, found),
        )
        return Received(self.path, document)

    def _examine(self, content_type: str) -> tuple[DocumentWarning, ...]:
        self._flush()
        return examined(self.path, content_type)

    def _flush(self) -> None:
        self._append(self._waiting)
        self._waiting.clear()

    def _append(self, data: bytes | bytearray) -> None:
        with self._writing:
            if self._is_over:
                return
            if self._file is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
                self._file = os.fdopen(os.open(self.path, flags, 0o600), "wb", buffering=0)
            self._digest.update(data)
            self._file.write(data)

    def _discard(self) -> None:
        with self._writing:
            self._is_over = True
            if self._file is not None:
                self._file.close()
            self.path.unlink(missing_ok=True)


class FormFile:
    """A file that arrives in a part of a form, whose headers may have a digest of it."""

    def __init__(self, part: PartStart, arrival: Arrival) -> None:
        self.filename = part.filename
        self._arrival = arrival
        self._refusal = part.refusal
        try:
            self._digest = BodyDigest(part.headers)
        except InvalidInput as refusal:
            self._digest, self._refusal = BodyDigest(Headers()), refusal

    async def write(self, data: bytes) -> None:
        """Take the next bytes. Raises: as the arrival's."""
        await self._arrival.write(data)
        self._digest.update(data)

    def broken(self) -> Refusal | None:
        """Return what is wrong with how the file was sent, None where nothing is."""
        return self._refusal or self._digest.broken_promise()


@asynccontextmanager
async def arriving(folder: Path, transfer: Transfer | None = None) -> AsyncIterator[Arrival]:
    """Yield a new arrival, of which nothing is left in *folder* afterwards."""
    arrival = Arrival(folder, transfer)
    try:
        yield arrival
    finally:
        await asyncio.shield(arrival.discard())
