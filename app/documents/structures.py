"""The structure of PDF, JPEG, PNG and WEBP files: each begins where the file begins, and ends where it should.

What is inside is not looked at. A file that is another one too, as an archive is by its end, is refused.
"""

import re
import struct
from typing import BinaryIO

from app.documents.formats import PROGRAM
from app.domain.errors import Detail, DocumentTypeUnsupported, MessageWord

PDF, JPEG, PNG, WEBP = "application/pdf", "image/jpeg", "image/png", "image/webp"

PIECE = 65_536
PARTS_MAX = 100_000
"""How many segments or chunks a picture may have; one is some kilobytes."""

_PDF = re.compile(rb"%PDF-\d\.\d")
_ZIP_TAIL = 65_557
"""The longest end of an archive: 22 bytes and a comment."""
_ZIP_END = struct.Struct("<4s4H2LH")  # APPNOTE.TXT, section 4.3.16

# What could be appended to a picture to attack its reader; what cameras and telephones append begins otherwise.
_BEHIND = (
    (b"Rar!\x1a\x07", "application/x-rar-compressed"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"PK\x03\x04", "application/zip"),
    (b"MZ", PROGRAM),
    (b"\x7fELF", "application/x-executable"),
    (b"%PDF-", PDF),
    (b"#!", "application/x-sh"),
)
_MARKUP = re.compile(rb"\s*<(?:!doctype|html|head|body|script|iframe|svg|\?xml|\?php|!--)", re.IGNORECASE)

# The data of a scan ends at a marker that is neither a stuffed zero, nor a restart, nor a fill byte.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_ALONE = {0x01, 0xD8, *range(0xD0, 0xD8)}
_FILL_MAX = 64


def is_pdf(head: bytes) -> bool:
    return _PDF.match(head) is not None


def demand_pdf(file: BinaryIO, _head: bytes) -> None:
    """Refuse a PDF without its end, or that is an archive too. Raises: DocumentTypeUnsupported."""
    _refuse_archive(file, PDF)
    tail = _tail(file, 2048)
    if b"%%EOF" not in tail[-1024:] or b"startxref" not in tail:
        raise damaged(PDF)


def demand_jpeg(file: BinaryIO, _head: bytes) -> None:
    """Refuse a JPEG without its end; cameras write more behind it. Raises: DocumentTypeUnsupported."""
    _refuse_archive(file, JPEG)
    end = _jpeg_end(file)
    if end is None:
        raise damaged(JPEG)
    file.seek(end)
    behind = file.read(256)
    other = next((kind for mark, kind in _BEHIND if behind.startswith(mark)), None)
    if other is not None or _MARKUP.match(behind):
        raise holding(JPEG, other or "text/html")


def demand_png(file: BinaryIO, head: bytes) -> None:
    """Walk the chunks (PNG specification, section 5.3) up to IEND, which must be the file's end.

    Raises: DocumentTypeUnsupported.
    """
    _refuse_archive(file, PNG)
    size = file.seek(0, 2)
    at = 8
    for _ in range(PARTS_MAX):
        file.seek(at)
        prefix = file.read(8)
        at += 12 + int.from_bytes(prefix[:4], "big")
        if at > size or head[12:16] != b"IHDR":
            break
        if prefix[4:] == b"IEND":
            if at < size:
                raise followed(PNG)
            return
    raise damaged(PNG)


def demand_webp(file: BinaryIO, head: bytes) -> None:
    """Compare the length that the file says it has with its own. Raises: DocumentTypeUnsupported."""
    _refuse_archive(file, WEBP)
    length = int.from_bytes(head[4:8], "little") + 8
    size = file.seek(0, 2)
    if size > length + length % 2:
        raise followed(WEBP)
    if size < length or head[12:16] not in (b"VP8 ", b"VP8L", b"VP8X"):
        raise damaged(WEBP)


def damaged(kind: str) -> DocumentTypeUnsupported:
    return DocumentTypeUnsupported(type=kind, problem=Detail("type_damaged"))


def followed(kind: str) -> DocumentTypeUnsupported:
    return DocumentTypeUnsupported(type=kind, problem=Detail("type_has_more_after"))


def holding(kind: str, other: str) -> DocumentTypeUnsupported:
    """Return the refusal of what looks like *kind*, and is *other* too."""
    return DocumentTypeUnsupported(type=other, problem=Detail("type_holds", {"other": MessageWord(kind)}))


def _refuse_archive(file: BinaryIO, kind: str) -> None:
    """Refuse a file that is an archive too, as its end says.

    Markup inside is left alone: a browser looks for none in what is served as a picture with `nosniff`.
    """
    if _ends_as_zip(_tail(file, _ZIP_TAIL)):
        raise holding(kind, "application/zip")


def _ends_as_zip(tail: bytes) -> bool:
    """Tell whether the end of an archive is there, of one disk and with parts: the mark alone is met by chance."""
    at = tail.rfind(b"PK\x05\x06")
    while at >= 0:
        if len(tail) - at >= _ZIP_END.size:
            _, disk, first, here, parts, length, _, _ = _ZIP_END.unpack_from(tail, at)
            if disk in (0, 0xFFFF) and first == disk and here == parts and (length >= 46 or parts == 0xFFFF):
                return True
        at = tail.rfind(b"PK\x05\x06", 0, at)
    return False


def _jpeg_end(file: BinaryIO) -> int | None:
    """Return where the picture ends, by its segments (ITU-T T.81, annex B); None where it does not."""
    at: int | None = 2
    for _ in range(PARTS_MAX):
        if at is None:
            return None
        file.seek(at)
        prefix = file.read(_FILL_MAX)
        filled = len(prefix) - len(prefix.lstrip(b"\xff")) - 1
        marker = prefix[filled + 1 : filled + 4]
        if filled < 0 or not marker:
            return None
        if marker[0] == 0xD9:
            return at + filled + 2
        at += filled + 2
        if marker[0] not in _ALONE:
            length = int.from_bytes(marker[1:], "big")
            at = None if len(marker) < 3 or length < 2 else at + length
        if marker[0] == 0xDA and at is not None:
            at = _scan_end(file, at)
    return None


def _scan_end(file: BinaryIO, at: int) -> int | None:
    """Return where the marker is that ends the data of a scan that begins at *at*."""
    file.seek(at)
    rest = b""
    while piece := file.read(PIECE):
        data = rest + piece
        found = _MARKER.search(data)
        if found is not None:
            return at + found.start()
        rest = data[-1:]
        at += len(data) - 1
    return None


def _tail(file: BinaryIO, length: int) -> bytes:
    size = file.seek(0, 2)
    file.seek(max(0, size - length))
    return file.read(length)
