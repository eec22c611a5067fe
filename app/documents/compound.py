"""OLE compound files ([MS-CFB]): which of the old Office formats one is, by the names in its directory.

They are never accepted; a refusal names them, a workbook behind a password among them.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO

MARK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
UNNAMED = "application/x-ole-storage"
SECTORS_MAX = 256
"""How many sectors of the directory are read."""

_END = 0xFFFFFFFA
"""Numbers of sectors are below it."""

_KINDS: tuple[tuple[str, str], ...] = (
    ("EncryptedPackage", "application/x-encrypted-office"),
    ("__properties_version1.0", "application/vnd.ms-outlook"),
    ("Workbook", "application/vnd.ms-excel"),
    ("Book", "application/vnd.ms-excel"),
    ("WordDocument", "application/msword"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("VisioDocument", "application/vnd.visio"),
    ("\u4840\u3f3f\u4577\u446c\u3b6a\u45e4\u4824", "application/x-msi"),
    ("\u4840\u3b3f\u43f2\u4438\u45b1", "application/x-msi"),
)
_ENCRYPTED = {".xlsx": "application/x-encrypted-xlsx", ".docx": "application/x-encrypted-docx"}


def kind(file: BinaryIO, extension: str) -> str:
    """Return the media type of the compound file; of what is behind a password only its name's *extension* tells."""
    try:
        names = set(_names(file))
    except struct.error:
        return UNNAMED
    found = next((found for name, found in _KINDS if name in names), UNNAMED)
    return _ENCRYPTED.get(extension, found) if found == "application/x-encrypted-office" else found


def _names(file: BinaryIO) -> Iterator[str]:
    """Yield the names of the directory's entries. Raises: struct.error for a file that is cut off."""
    file.seek(0)
    header = file.read(512)
    shift: int = struct.unpack_from("<H", header, 30)[0]
    if shift not in (9, 12):
        return
    size = 1 << shift
    tables = struct.unpack_from("<109L", header, 76)
    sector: int = struct.unpack_from("<L", header, 48)[0]
    for _ in range(SECTORS_MAX):
        if sector >= _END:
            return
        entries = _sector(file, sector, size)
        for at in range(0, len(entries) - 127, 128):
            length = struct.unpack_from("<H", entries, at + 64)[0]
            yield entries[at : at + min(max(length - 2, 0), 64)].decode("utf-16-le", "replace")
        place, index = divmod(sector, size // 4)
        if place >= len(tables) or tables[place] >= _END:
            return
        sector = struct.unpack_from("<L", _sector(file, tables[place], size), index * 4)[0]


def _sector(file: BinaryIO, number: int, size: int) -> bytes:
    file.seek((number + 1) * size)
    return file.read(size)
