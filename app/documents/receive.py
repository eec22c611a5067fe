"""Receiving: bytes are counted and hashed as they go to a file, and the whole is looked at once it is there.

Memory stays flat whatever the size, and the event loop never waits for the disk.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import UUID

from app import clock
from app.documents.kinds import EXTENSIONS, content_type
from app.documents.names import normalised
from app.domain.commands import NewDocument
from app.domain.errors import DocumentEmpty, DocumentTooLarge, Refusal

SIZE_MAX = 10 * 1024 * 1024
PIECE = 65_536
STALL_S = 30


@dataclass(frozen=True, slots=True)
class Received:
    """A file that has arrived: what it is, or why it is no good. Until it is stored its bytes are at `path`."""

    path: Path
    document: NewDocument | None
    refusal: Refusal | None = None


class Arrival:
    """A file that is arriving."""

    def __init__(self, folder: Path) -> None:
        self.id: UUID = clock.new_id()
        self.path = folder / str(self.id)
        self.size = 0
        self._digest = hashlib.sha256()
        self._waiting = bytearray()
        self._file: BinaryIO | None = None

    async def write(self, data: bytes) -> None:
        """Take the next bytes. Raises: DocumentTooLarge, as soon as there are too many."""
        self.size += len(data)
        if self.size > SIZE_MAX:
            raise DocumentTooLarge(max=SIZE_MAX)
        if not self._waiting and len(data) >= PIECE:
            # What is large enough is not copied: twenty files that arrive at once would be copied at once.
            await asyncio.to_thread(self._append, data)
            return
        self._waiting += data
        if len(self._waiting) >= PIECE:
            await asyncio.to_thread(self._flush)

    async def finish(self, filename: str | None, *path: str) -> Received:
        """Return what has arrived; what is wrong with it is told in the result, about *path*."""
        return await asyncio.to_thread(self._finish, filename, path)

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
        sha256 = self._digest.hexdigest()
        document = NewDocument(id=self.id, filename=name, content_type=found, size_bytes=self.size, sha256=sha256)
        return Received(self.path, document)

    def _flush(self) -> None:
        self._append(self._waiting)
        self._waiting.clear()

    def _append(self, data: bytes | bytearray) -> None:
        if self._file is None:
            self._file = os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0)
        self._digest.update(data)
        self._file.write(data)

    def _discard(self) -> None:
        if self._file is not None:
            self._file.close()
        self.path.unlink(missing_ok=True)


@asynccontextmanager
async def arriving(folder: Path) -> AsyncIterator[Arrival]:
    """Yield a new arrival, of which nothing is left in *folder* afterwards."""
    arrival = Arrival(folder)
    try:
        yield arrival
    finally:
        await asyncio.shield(arrival.discard())


async def steady(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what arrives, however long the whole takes. Raises: TimeoutError, when nothing comes for STALL_S."""
    pieces = aiter(stream)
    while True:
        try:
            async with asyncio.timeout(STALL_S):
                piece = await anext(pieces)
        except StopAsyncIteration:
            return
        yield piece
