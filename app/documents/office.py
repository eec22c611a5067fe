"""Office documents: which of them a ZIP archive is, found without unpacking it.

The archive's directory is looked at within bounds, and one small part is read: `[Content_Types].xml` (ECMA-376-2).
"""

import struct
import zipfile
import zlib
from pathlib import Path

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
ZIP = "application/zip"
MACROS = "application/vnd.ms-office.macroEnabled"

_MAIN_PARTS = {f"{DOCX}.main+xml".encode(): DOCX, f"{XLSX}.main+xml".encode(): XLSX}
_TYPES_PART = "[Content_Types].xml"
_END = struct.Struct("<4s4H2LH")  # the end of central directory record: APPNOTE.TXT, section 4.3.16

PARTS_MAX = 5_000
DIRECTORY_MAX = 2 * 1024 * 1024
TYPES_MAX = 1024 * 1024
UNPACKED_MAX = 200 * 1024 * 1024
RATIO_MAX = 200
"""How many times larger than packed the whole may be; XML packs well, but not as well as a bomb."""


def is_zip(head: bytes) -> bool:
    return head.startswith(b"PK\x03\x04")


def kind(path: Path) -> str:
    """Return DOCX or XLSX; MACROS for one that may run something; ZIP for any other archive, and for a broken one."""
    if not _is_bounded(path):
        return ZIP
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            if _is_bomb(parts, path.stat().st_size) or _TYPES_PART not in archive.NameToInfo:
                return ZIP
            if any(_is_active(part.filename) for part in parts):
                return MACROS
            with archive.open(_TYPES_PART) as types_part:
                types = types_part.read(TYPES_MAX + 1)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError, OSError):
        return ZIP
    if b"macroEnabled" in types or len(types) > TYPES_MAX:
        return MACROS
    return next((found for main_part, found in _MAIN_PARTS.items() if main_part in types), ZIP)


def _is_bounded(path: Path) -> bool:
    """Tell whether the directory is small, and the archive is all of the file, before anything is made of it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _END.size - 65_535))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        return False
    _, _, _, _, parts, length, offset, comment = _END.unpack_from(tail, at)
    end = size - len(tail) + at
    return bool(
        len(tail) - at == _END.size + comment
        and offset + length == end
        and 0 < parts <= PARTS_MAX
        and length <= DIRECTORY_MAX
    )


def _is_bomb(parts: list[zipfile.ZipInfo], size: int) -> bool:
    """Tell by what the directory says; parts that lie over each other say together more than the file has."""
    unpacked = sum(part.file_size for part in parts)
    packed = sum(part.compress_size for part in parts)
    encrypted = any(part.flag_bits & 1 for part in parts)
    return encrypted or packed > size or unpacked > UNPACKED_MAX or unpacked > RATIO_MAX * max(size, 1)


def _is_active(name: str) -> bool:
    """Tell whether a part is a macro, a control, or an embedded object, which may be any program."""
    lowered = f"/{name.lower()}"
    return any(sign in lowered for sign in ("/vbaproject.bin", "/vbadata.xml", "/activex/", "/embeddings/oleobject"))
