"""The key that anchors are signed with: Ed25519 (RFC 8032), in a file of its own that nobody else may read."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from app.atomic_file import WrittenAlready, written_whole
from app.audit.anchors.checkpoint import AnchorError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def read_key(path: Path) -> "Ed25519PrivateKey":
    """Return the key in the file. Raises: AnchorError, where there is none, or others may read it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # as in `checkpoint`
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        others = path.stat().st_mode & 0o077
        content = path.read_bytes()
    except OSError as error:
        raise AnchorError(f"the anchors' key {path} can't be read: {error.strerror}") from None
    if others and os.name == "posix":
        raise AnchorError(f"the anchors' key {path} may be read by others: chmod 600 it, or make a new one")
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise AnchorError(f"{path} holds no Ed25519 key in PEM")
    return key


def read_or_make_key(path: Path) -> "tuple[Ed25519PrivateKey, bool]":
    """Return the key in the file, and whether it was made just now. Of several who make it, one does.

    Raises: AnchorError.
    """
    try:
        if path.exists():
            return read_key(path), False
        made = _make(path)
    except OSError as error:
        raise AnchorError(f"the anchors' key {path} can't be made: {error.strerror}") from None
    return read_key(path), made


def _make(path: Path) -> bool:
    """Write a new key; return False where somebody else was faster."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    path.parent.mkdir(parents=True, exist_ok=True)
    content = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        with written_whole(path) as file:
            file.write(content)
    except WrittenAlready:
        return False
    return True
