"""Office documents: which of them a ZIP archive is, and whether it could run something. It is not unpacked.

The archive's directory is looked at within bounds, the small parts are read that say what the others are
(ECMA-376-2: `[Content_Types].xml` and the relationships), and of the others the first bytes.
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat

from app.documents import compound
from app.documents.structures import damaged, followed, holding
from app.domain.errors import Detail, DocumentTypeUnsupported

_OFFICE = "application/vnd.openxmlformats-officedocument"
DOCX = f"{_OFFICE}.wordprocessingml.document"
XLSX = f"{_OFFICE}.spreadsheetml.sheet"
PPTX = f"{_OFFICE}.presentationml.presentation"
ZIP = "application/zip"
MACROS = "application/vnd.ms-office.macroEnabled"

_MAIN_TYPES = {
    f"{kind}.main+xml".lower(): kind
    for kind in (
        *(DOCX, XLSX, PPTX),
        f"{_OFFICE}.wordprocessingml.template",
        f"{_OFFICE}.spreadsheetml.template",
    )
}
_TYPES_PART = "[content_types].xml"
_END = struct.Struct("<4s4H2LH")  # the end of central directory record: APPNOTE.TXT, section 4.3.16
_END_64 = struct.Struct("<4sQ2H2L4Q")  # section 4.3.14
_LOCATOR_64 = struct.Struct("<4sLQL")

PARTS_MAX = 5_000
DIRECTORY_MAX = 2 * 1024 * 1024
TYPES_MAX = 1024 * 1024
UNPACKED_MAX = 200 * 1024 * 1024
RATIO_MAX = 200
"""How many times larger than packed the whole may be; XML packs well, but not as well as a bomb."""

# Content types and relationships of macros, controls, and embedded or linked objects, which may be any program.
_ACTIVE_TYPE = re.compile(
    "macroenabled|vba(?:project|data)|activex|oleobject|macrosheet|/control$|attachedtoolbars|ms-word.*keymap"
)
_ACTIVE_PART = re.compile(r"/(?:vbaproject\.bin|vbadata\.xml|activex/|embeddings/oleobject|macrosheets/)")
_PROGRAMS = (compound.MARK, b"MZ", b"\x7fELF")

# Archives that are no office document, by a part that each of them has.
_OTHERS = (
    ("meta-inf/manifest.mf", "application/java-archive"),
    ("androidmanifest.xml", "application/vnd.android.package-archive"),
)
_NAMED = re.compile(rb"application/(?:vnd\.oasis\.opendocument\.(?:text|spreadsheet|presentation)|epub\+zip)")

BROKEN = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, ValueError, OSError)


class _Hidden(ValueError):
    """A part declares entities, which no office document does, and which could say anything."""


def is_zip(head: bytes) -> bool:
    return head.startswith(b"PK\x03\x04")


def kind(path: Path) -> str:
    """Return the media type of the archive, DOCX or XLSX where it is one that runs nothing.

    Raises: DocumentTypeUnsupported for one that is broken, unpacks to far too much, or could run something.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        _demand_bounds(file, size)
    try:
        with zipfile.ZipFile(path) as archive:
            parts = {part.filename.replace("\\", "/").lstrip("/").lower(): part for part in archive.infolist()}
            if len(parts) < len(archive.infolist()):
                raise damaged(ZIP)
            _refuse_bomb(list(parts.values()), size)
            return _kind(archive, parts)
    except BROKEN:
        raise damaged(ZIP) from None


def _kind(archive: zipfile.ZipFile, parts: dict[str, zipfile.ZipInfo]) -> str:
    if _TYPES_PART not in parts:
        return _other(archive, parts)
    if any(_ACTIVE_PART.search(f"/{name}") for name in parts):
        raise _active()
    types = list(_attributes(_read(archive, parts[_TYPES_PART]), "contenttype"))
    relations = (parts[name] for name in parts if name.endswith(".rels"))
    kinds = [*types, *(found for part in relations for found in _attributes(_read(archive, part), "type"))]
    if any(_ACTIVE_TYPE.search(found) for found in kinds) or _has_program(archive, parts):
        raise _active()
    mains = {_MAIN_TYPES[found] for found in types if found in _MAIN_TYPES}
    if len(mains) > 1:
        raise holding(min(mains), max(mains))
    return mains.pop() if mains else ZIP


def _other(archive: zipfile.ZipFile, parts: dict[str, zipfile.ZipInfo]) -> str:
    """Return what an archive is that is no office document of Microsoft's."""
    found = next((kind for name, kind in _OTHERS if name in parts), ZIP)
    if "mimetype" in parts and parts["mimetype"].file_size < 200:
        named = _NAMED.match(archive.read(parts["mimetype"]))
        found = named[0].decode() if named is not None else found
    return found


def _read(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> bytes:
    """Return the part. Raises: ValueError, for one that is larger than any such part."""
    with archive.open(part) as opened:
        content = opened.read(TYPES_MAX + 1)
    if len(content) > TYPES_MAX:
        raise ValueError
    if b"macroenabled" in content.lower():  # whatever else is wrong with it
        raise _active()
    return content


def _attributes(content: bytes, wanted: str) -> Iterator[str]:
    """Yield the values of the attribute *wanted* of any element, in lower case. Raises: DocumentTypeUnsupported."""
    found: list[str] = []

    def start(_name: str, attributes: dict[str, str]) -> None:
        found.extend(value.strip().lower() for name, value in attributes.items() if name.lower() == wanted)

    def declare(*_: object) -> None:
        raise _Hidden

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = declare
    try:
        parser.Parse(content, True)
    except _Hidden:
        raise _active() from None
    except expat.ExpatError:
        raise damaged(ZIP) from None
    yield from found


def _has_program(archive: zipfile.ZipFile, parts: dict[str, zipfile.ZipInfo]) -> bool:
    """Tell whether a part is a program, or a compound file, which may hold any, whatever the part is called."""
    for part in parts.values():
        if part.file_size >= 2:
            with archive.open(part) as opened:
                if opened.read(8).startswith(_PROGRAMS):
                    return True
    return False


def _active() -> DocumentTypeUnsupported:
    return DocumentTypeUnsupported(type=MACROS, problem=Detail("type_is_active"))


def _demand_bounds(file: BinaryIO, size: int) -> None:
    """Refuse, before anything is made of its directory, one that is large, and an archive that is not all of the file.

    Raises: DocumentTypeUnsupported.
    """
    file.seek(max(0, size - _END.size - 65_535))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise damaged(ZIP)
    _, _, _, _, parts, length, offset, comment = _END.unpack_from(tail, at)
    end = size - len(tail) + at
    if len(tail) - at > _END.size + comment:
        raise followed(ZIP)
    if parts == 0xFFFF or 0xFFFFFFFF in (length, offset):
        parts, length, offset, end = _demand_large(file, end)
    if parts > PARTS_MAX or length > DIRECTORY_MAX:
        raise _unpacking()
    if len(tail) - at != _END.size + comment or offset + length != end or parts == 0:
        raise damaged(ZIP)


def _demand_large(file: BinaryIO, end: int) -> tuple[int, int, int, int]:
    """Return parts, length and offset of the directory of a ZIP64 archive, and where its own end begins."""
    file.seek(max(0, end - _LOCATOR_64.size))
    locator = file.read(_LOCATOR_64.size)
    if end >= _LOCATOR_64.size and locator.startswith(b"PK\x06\x07"):
        at = _LOCATOR_64.unpack(locator)[2]
        if at + _END_64.size <= end:
            file.seek(at)
            found = _END_64.unpack(file.read(_END_64.size))
            if found[0] == b"PK\x06\x06" and at + _END_64.size + _LOCATOR_64.size == end:
                return found[7], found[8], found[9], at
    raise damaged(ZIP)


def _refuse_bomb(parts: list[zipfile.ZipInfo], size: int) -> None:
    """Refuse by what the directory says; parts that lie over each other say together more than the file has."""
    unpacked = sum(part.file_size for part in parts)
    packed = sum(part.compress_size for part in parts)
    if packed > size or unpacked > UNPACKED_MAX or unpacked > RATIO_MAX * max(size, 1):
        raise _unpacking()
    if any(part.flag_bits & 1 for part in parts):
        raise DocumentTypeUnsupported(type=ZIP, problem=Detail("type_encrypted"))
    if any(part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for part in parts):
        raise damaged(ZIP)


def _unpacking() -> DocumentTypeUnsupported:
    limits = {"max": UNPACKED_MAX // 1024**2, "parts": PARTS_MAX}
    return DocumentTypeUnsupported(type=ZIP, problem=Detail("type_unpacks", limits))
