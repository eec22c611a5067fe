"""What a file is, by its content: the allow-list of DOMAIN.md, section 7, and what makes a file no good.

A name may only confirm what the content says. The file is read in pieces and never unpacked, but for the one part of an
office document that tells its kind, and that within bounds.
"""

import codecs
import re
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.errors import MessageError
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import filetype

from app.documents import office
from app.domain.errors import DocumentTypeUnsupported

HEAD = 4096
PIECE = 65_536
UNKNOWN = "application/octet-stream"

EXTENSIONS: dict[str, tuple[str, ...]] = {
    "application/pdf": (".pdf",),
    "image/jpeg": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "image/png": (".png",),
    "image/webp": (".webp",),
    "text/plain": (".txt", ".text", ".log", ".md"),
    "text/csv": (".csv",),
    office.DOCX: (".docx",),
    office.XLSX: (".xlsx",),
    "message/rfc822": (".eml",),
}
"""The types that are accepted, each with the extensions that a name of it may have; the first is the usual one."""

# What makes a browser or a shell run a text, wherever in the first bytes it stands: the WHATWG's MIME Sniffing
# standard, section 7.1, and then some.
_ACTIVE = re.compile(
    rb"<(?:!doctype|html|head|body|script|iframe|svg|\?xml|\?php|%|h1|div|font|table|a |style|title|b>|br|p>|!--)",
    re.IGNORECASE,
)
_ZIP_END = b"PK\x05\x06"
_MAIL_HEADERS = ("from", "to", "date", "subject", "message-id", "received", "return-path", "mime-version")
_TEXT_TYPES = {".csv": "text/csv", ".eml": "message/rfc822"}
# Control characters that no text has; tab, line feed, form feed, carriage return and escape are left.
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
_NOT_WINDOWS_1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")


def content_type(path: Path, filename: str) -> str:
    """Return the type of the file at *path*, one of EXTENSIONS, that is called *filename*.

    Raises: DocumentTypeUnsupported, with the type that was found.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
        found = filetype.guess_mime(head)
        extension = PurePosixPath(filename).suffix.lower()
        if found is None or (found not in _CHECKS and not office.is_zip(head)):
            result = _text(file, head, extension, found)
        elif office.is_zip(head):
            result = office.kind(path)
        else:
            _refuse_hidden(file, head)
            result = found if _CHECKS[found](file, head) else UNKNOWN
    if result not in EXTENSIONS or (extension and extension not in EXTENSIONS[result]):
        raise DocumentTypeUnsupported(type=result)
    return result


def _refuse_hidden(file: BinaryIO, head: bytes) -> None:
    """Refuse a file that is something else too: markup at its start, or an archive at its end."""
    if _ACTIVE.search(head[:1024]):
        raise DocumentTypeUnsupported(type="text/html")
    if _ZIP_END in _tail(file, 65_557):  # the longest end of an archive: 22 bytes and a comment
        raise DocumentTypeUnsupported(type="application/zip")


def _tail(file: BinaryIO, length: int) -> bytes:
    size = file.seek(0, 2)
    file.seek(max(0, size - length))
    return file.read(length)


# --- Binary types: each begins where the file begins and ends where it ends -------------------------------------------


def _is_pdf(file: BinaryIO, head: bytes) -> bool:
    return head.startswith(b"%PDF-") and b"%%EOF" in _tail(file, 1024)


def _is_jpeg(file: BinaryIO, head: bytes) -> bool:
    """Cameras write more after the end of the picture, so that only its being there is asked for."""
    return head.startswith(b"\xff\xd8\xff") and b"\xff\xd9" in _tail(file, PIECE)


def _is_png(file: BinaryIO, head: bytes) -> bool:
    """Walk the chunks (PNG specification, section 5.3) up to IEND, which must be the file's end."""
    size = file.seek(0, 2)
    at = 8
    while at + 12 <= size:
        file.seek(at)
        prefix = file.read(8)
        at += 12 + int.from_bytes(prefix[:4], "big")
        if prefix[4:] == b"IEND":
            return at == size and head[12:16] == b"IHDR"
    return False


def _is_webp(file: BinaryIO, head: bytes) -> bool:
    length = int.from_bytes(head[4:8], "little") + 8
    return file.seek(0, 2) in (length, length + length % 2)


_CHECKS: dict[str, Callable[[BinaryIO, bytes], bool]] = {
    "application/pdf": _is_pdf,
    "image/jpeg": _is_jpeg,
    "image/png": _is_png,
    "image/webp": _is_webp,
}


# --- Text ------------------------------------------------------------------------------------------------------------


def _text(file: BinaryIO, head: bytes, extension: str, found: str | None) -> str:
    """Return which text it is, and UNKNOWN, or what *found* says, where it is none."""
    if found is not None or not _is_text(file):
        return found or UNKNOWN
    start = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if start.startswith(b"#!"):
        return "application/x-sh"
    if extension == ".eml":
        return "message/rfc822" if _is_mail(start) else "text/plain"
    if start.startswith(b"<svg") or (start.startswith(b"<") and b"<svg" in head.lower()):
        return "image/svg+xml"
    if start.startswith(b"<") or _ACTIVE.search(head[:1445]):
        return "text/html"
    return _TEXT_TYPES.get(extension, "text/plain")


def _is_text(file: BinaryIO) -> bool:
    """Tell whether the whole file is UTF-8, or else Windows-1252, without control characters."""
    decoder, is_utf8, is_windows = codecs.getincrementaldecoder("utf-8")(), True, True
    for piece in _pieces(file):
        if _NOT_TEXT.search(piece):
            return False
        is_windows = is_windows and not _NOT_WINDOWS_1252.search(piece)
        try:
            is_utf8 = is_utf8 and decoder.decode(piece) is not None
        except UnicodeDecodeError:
            is_utf8 = False
        if not (is_utf8 or is_windows):
            return False
    return is_windows or (is_utf8 and not decoder.getstate()[0])


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while piece := file.read(PIECE):
        yield piece


def _is_mail(start: bytes) -> bool:
    """Tell whether it begins with the header of a message (RFC 5322, section 2.2)."""
    try:
        header = message_from_bytes(start)
    except (MessageError, ValueError):
        return False
    return sum(name in header for name in _MAIL_HEADERS) >= 2
