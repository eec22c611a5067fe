"""Writing a file whole or not at all: beside its place first, then durably under its name."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class WrittenAlready(Exception):
    """There is a file of that name."""


@contextmanager
def written_whole(path: Path, *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """Yield a file to write to, which is *path* at the end; after an exception, nothing of it is left.

    It is its owner's alone. Raises: WrittenAlready, at once, and at the end if somebody else was faster; OSError.
    """
    if not overwrite and path.exists():
        raise WrittenAlready(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _put(draft, path, overwrite=overwrite)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def _put(draft: Path, path: Path, *, overwrite: bool) -> None:
    if overwrite:
        draft.replace(path)
        return
    try:
        os.link(draft, path)
    except FileExistsError:
        raise WrittenAlready(path) from None


def sync_folder(folder: Path) -> None:
    """Have the folder's names on the disk."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
