"""Where anchors are stored: a file that is only ever appended to, or a bucket with an object for each anchor.

A place reads and appends whole anchors; what they say is `checkpoint`'s. A file is locked by whoever goes on from its
end, and a bucket takes no object twice, so that nobody's anchor comes between another's.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore, S3Store

from app.atomic_file import sync_folder
from app.audit.anchors.checkpoint import Anchor, AnchorConflict, AnchorError, AnchorsUnusable

PIECE = 1 << 16


class AnchorStore(Protocol):
    """A place for anchors."""

    def held(self) -> AbstractAsyncContextManager[bool]:
        """Hold the place against others; yields False where somebody else has it."""
        ...

    async def last(self) -> Anchor | None:
        """Return the last anchor, None where there is none."""
        ...

    async def append(self, anchor: Anchor) -> None:
        """Write the anchor, durably. Raises: AnchorTaken, where somebody else wrote one of this number; AnchorError."""
        ...

    def anchors(self) -> AsyncIterator[Anchor]:
        """Yield all anchors, the first one first."""
        ...


def open_place(url: str, data_dir: Path, *, allow_http: bool = False) -> AnchorStore:
    """Return the place at *url*: `s3://bucket/prefix`, `file:///path`, a path, or empty for a file in *data_dir*.

    *allow_http*: a bucket is spoken to without TLS, where its endpoint is.
    """
    if url.startswith("s3://"):
        place = urlsplit(url)
        prefix = unquote(place.path).strip("/") or None
        # A bucket that keeps objects for a time (S3 Object Lock) takes none without a checksum.
        return Bucket(
            S3Store(place.netloc, prefix=prefix, client_options={"allow_http": allow_http}, checksum_algorithm="SHA256")
        )
    if not url:
        return AnchorFile(data_dir / "anchors.jsonl")
    return AnchorFile(Path(unquote(urlsplit(url).path)) if url.startswith("file:") else Path(url))


class AnchorFile:
    """A line of JSON for each anchor. Nothing is ever taken away; a line that a crash cut off is passed over."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @asynccontextmanager
    async def held(self) -> AsyncIterator[bool]:
        opening = asyncio.create_task(asyncio.to_thread(self._open))
        try:
            file = await asyncio.shield(opening)
        except asyncio.CancelledError:
            with suppress(AnchorsUnusable):
                (await opening).close()
            raise
        try:
            yield await asyncio.to_thread(_lock, file)
        finally:
            file.close()

    async def last(self) -> Anchor | None:
        return await asyncio.to_thread(self._last)

    async def append(self, anchor: Anchor) -> None:
        # Whoever is cancelled lets go of the lock, and must not while the line is still being written.
        writing = asyncio.create_task(asyncio.to_thread(self._append, anchor.line()))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await writing
            raise

    async def anchors(self) -> AsyncIterator[Anchor]:
        try:
            file = await asyncio.to_thread(self.path.open, "rb")
        except OSError as error:
            raise AnchorsUnusable(f"the anchors {self.path} can't be read: {error.strerror}") from None
        with file:
            while line := await asyncio.to_thread(file.readline):
                anchor = Anchor.parsed(line)
                if anchor is not None:
                    yield anchor

    def _open(self) -> BinaryIO:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            is_new = not self.path.exists()
            file = self.path.open("ab")
            if is_new:
                sync_folder(self.path.parent)
        except OSError as error:
            raise AnchorsUnusable(f"the anchors {self.path} can't be written: {error.strerror}") from None
        return file

    def _append(self, line: bytes) -> None:
        with self.path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            whole = end == 0 or (file.seek(end - 1), file.read(1))[1] == b"\n"
        try:
            with self.path.open("ab", buffering=0) as file:
                file.write((b"" if whole else b"\n") + line + b"\n")
                os.fsync(file.fileno())
        except OSError as error:
            raise AnchorsUnusable(f"the anchors {self.path} can't be written: {error.strerror}") from None

    def _last(self) -> Anchor | None:
        try:
            with self.path.open("rb") as file:
                return next((anchor for line in _lines_backward(file) if (anchor := Anchor.parsed(line))), None)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise AnchorsUnusable(f"the anchors {self.path} can't be read: {error.strerror}") from None


def _lock(file: BinaryIO) -> bool:
    """Take the file's lock, which ends when the file is closed; return False where somebody has it."""
    if sys.platform == "win32":  # it has no such locks; there, one process has to be enough
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lines_backward(file: BinaryIO) -> Iterator[bytes]:
    """Yield the file's lines, the last one first."""
    end, rest = file.seek(0, os.SEEK_END), b""
    while end:
        start = max(0, end - PIECE)
        file.seek(start)
        first, *lines = (file.read(end - start) + rest).split(b"\n")
        yield from reversed(lines)
        end, rest = start, first
    yield rest


class Bucket:
    """An object for each anchor, by its number. One that is there is never written again."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._known = 0

    @asynccontextmanager
    async def held(self) -> AsyncIterator[bool]:
        yield True

    async def last(self) -> Anchor | None:
        """Return the last anchor. Their numbers have no gap, so that the last one is found without listing all."""
        step = 1
        while await self._has(self._known + step):
            self._known, step = self._known + step, step * 2
        while step > 1:
            step //= 2
            if await self._has(self._known + step):
                self._known += step
        return await self._read(self._known) if self._known else None

    async def retention(self, number: int) -> tuple[str, str] | None:
        """Return the mode of the lock on the anchor of this *number*, and until when it lasts; None without a lock.

        Only a bucket with S3 Object Lock has any, and tells of it those who may see it (s3:GetObjectRetention).
        """
        import httpx2  # of all that serve and verify, `casegate doctor` alone asks

        with _reached():
            url = await obstore.sign_async(self._signer(), "HEAD", _key(number), timedelta(minutes=1))
        try:
            async with httpx2.AsyncClient() as client:
                headers = (await client.head(url)).raise_for_status().headers
        except httpx2.HTTPError as error:
            raise AnchorsUnusable(f"the anchors' bucket does not answer: {type(error).__name__}") from error
        mode = headers.get("x-amz-object-lock-mode")
        return None if mode is None else (mode, headers.get("x-amz-object-lock-retain-until-date", ""))

    def _signer(self) -> S3Store:
        if not isinstance(self._objects, S3Store):
            raise AnchorsUnusable("only S3 has locks")
        return self._objects

    async def append(self, anchor: Anchor) -> None:
        number = anchor.checkpoint.number
        with _reached():
            try:
                await obstore.put_async(self._objects, _key(number), anchor.line(), mode="create")
            except AlreadyExistsError:
                raise AnchorConflict(f"somebody else wrote anchor {number} meanwhile") from None
            except FileNotFoundError:
                raise AnchorsUnusable("the anchors' bucket is not there") from None

    async def anchors(self) -> AsyncIterator[Anchor]:
        last = await self.last()
        for number in range(1, last.checkpoint.number + 1 if last else 1):
            yield await self._read(number)

    async def _has(self, number: int) -> bool:
        with _reached():
            try:
                await obstore.head_async(self._objects, _key(number))
            except FileNotFoundError:
                return False
        return True

    async def _read(self, number: int) -> Anchor:
        with _reached():
            found = await obstore.get_async(self._objects, _key(number))
            anchor = Anchor.parsed(bytes(await found.bytes_async()))
        if anchor is None:
            raise AnchorError(f"{_key(number)} in the bucket is no anchor")
        return anchor


@contextmanager
def _reached() -> Iterator[None]:
    """Tell in a line what keeps the bucket from answering. Raises: AnchorsUnusable."""
    try:
        yield
    except BaseError as error:
        raise AnchorsUnusable(f"the anchors' bucket does not answer: {type(error).__name__}") from error


def _key(number: int) -> str:
    return f"{number:012}.json"
