"""Atomic writes of files: under another name first, then durably under their own."""

import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class WrittenAlready(Exception):
    """There is a file of that name."""


class HeldElsewhere(Exception):
    """Another process has the file locked."""


@contextmanager
def written_whole(path: Path, *, overwrite: bool = False) -> Iterator[BinaryIO]:
    """Yield a file to write to, which is *path* at the end; after an exception, nothing of it is left.

    It is its owner's alone. Raises: WrittenAlready, at once, and at the end if somebody else was faster; OSError.
    """
    _look_at(path, overwrite=overwrite)
    draft = path.parent / f".{secrets.token_hex(8)}.part"
    with naming(path):
        handle = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            with naming(path):
                file.flush()
                os.fsync(file.fileno())
        with naming(path):
            _put(draft, path, overwrite=overwrite)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have an error name *path*, and not what is made for a moment, which its reader does not know."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from None


def _look_at(path: Path, *, overwrite: bool) -> None:
    """See what is at *path*: no folder, device or pipe is written over, not even where files may be."""
    if path.exists():
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not overwrite:
            raise WrittenAlready(path)
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP), str(path))


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
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # it may be written to, but not listed
        os.sync()
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Have *path* as a new file that nobody else holds; in the end it is gone. Raises: HeldElsewhere, OSError.

    A file that is there was left by a process that was killed: a lock ends with its process.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        _lock(handle, path)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
    finally:
        os.close(handle)


def _lock(handle: int, path: Path) -> None:
    if sys.platform == "win32":  # it has no such locks; there, one process has to be enough
        return
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise HeldElsewhere(path) from None
    if not path.exists() or not os.path.samestat(os.fstat(handle), path.stat()):
        raise HeldElsewhere(path)  # until a moment ago, by one who has taken it away
