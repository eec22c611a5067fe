"""Warnings of a PDF: names of actions and of embedded files (ISO 32000-2), also in object streams.

All bytes are searched, so that nothing hides behind a stream that is none; each name is long enough not to be met by
chance. Object streams are unpacked within a bound.
"""

import mmap
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from app.domain.model import DocumentWarning as Found

UNPACKED_MAX = 16 * 1024 * 1024
RAW_MAX = 1024 * 1024
"""Of one object stream, packed; it has some hundred objects."""
PIECE = 262_144
_OVERLAP = 256

_NAMES: dict[bytes, Found] = {
    b"JavaScript": Found.PDF_JAVASCRIPT,
    b"Launch": Found.PDF_LAUNCH_ACTION,
    b"EmbeddedFile": Found.PDF_EMBEDDED_FILE,
    b"EmbeddedFiles": Found.PDF_EMBEDDED_FILE,
    b"FileAttachment": Found.PDF_EMBEDDED_FILE,
    b"SubmitForm": Found.PDF_FORM_SUBMIT,
    b"ImportData": Found.PDF_FORM_SUBMIT,
    b"RichMedia": Found.PDF_MULTIMEDIA,
    b"Rendition": Found.PDF_MULTIMEDIA,
    b"GoToR": Found.EXTERNAL_LINK,
    b"GoToE": Found.PDF_EMBEDDED_FILE,
    b"Encrypt": Found.ENCRYPTED,
}
_END = rb"(?=[\x00\t\n\f\r ()<>\[\]{}/%]|$)"
_REGULAR = rb"[^\x00\t\n\f\r ()<>\[\]{}/%]"
_NAME = re.compile(rb"/(?:(" + b"|".join(_NAMES) + rb")|(" + _REGULAR + rb"{0,60}#" + _REGULAR + rb"{0,60}))" + _END)
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
_STREAM = re.compile(rb"\bstream(?:\r\n|\n|\r)")
_DICTIONARY_MAX = 4096
_FILTERS = re.compile(rb"/(?:ASCIIHex|ASCII85|LZW|RunLength|AHx|A85|RL|Crypt)(?:Decode)?\b|/Predictor\s+(?:[2-9]|1\d)")
_COMPRESSED = re.compile(rb"/(?:FlateDecode|Fl)" + _END)


def warnings_of_pdf(path: Path) -> Iterator[Found | None]:
    """Yield what the PDF could do, and None for what is harmless."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        left = UNPACKED_MAX
        for at in range(0, len(data), PIECE):
            begin = max(0, at - _OVERLAP)
            piece = data[begin : at + PIECE]
            yield from _named(piece)
            for dictionary, start in _object_streams(data, piece, begin):
                unpacked, is_whole = _unpacked(data, dictionary, start, left)
                left -= len(unpacked)
                yield from _named(unpacked)
                yield None if is_whole else Found.NOT_FULLY_EXAMINED


def _named(data: bytes) -> Iterator[Found | None]:
    """Yield the warnings of the names in *data*, also of those that are escaped (section 7.3.5)."""
    for match in _NAME.finditer(data):
        yield _NAMES.get(match[1] or _plain(match[2]))
    yield None


def _plain(name: bytes) -> bytes:
    return _ESCAPE.sub(lambda escape: bytes([int(escape[1], 16)]), name)


def _object_streams(data: mmap.mmap, piece: bytes, begin: int) -> Iterator[tuple[bytes, int]]:
    """Yield of each object stream that begins in *piece* its dictionary, and where its bytes are (section 7.5.7)."""
    for match in _STREAM.finditer(piece):
        at = begin + match.start()
        before = data[max(0, at - _DICTIONARY_MAX) : at]
        dictionary = _plain(before[max(before.rfind(b"endobj"), before.rfind(b" obj"), before.rfind(b"stream"), 0) :])
        if b"/ObjStm" in dictionary:
            yield dictionary, begin + match.end()


def _unpacked(data: mmap.mmap, dictionary: bytes, start: int, most: int) -> tuple[bytes, bool]:
    """Return at *most* so many bytes of an object stream, and whether these are all, and are as they should be."""
    if most <= 0:
        return b"", False
    end = data.find(b"endstream", start, start + RAW_MAX)
    raw = data[start : end if end >= 0 else start + RAW_MAX]
    if not _COMPRESSED.search(dictionary):
        return raw[:most], not _FILTERS.search(dictionary) and len(raw) <= most
    unpacking = zlib.decompressobj()
    try:
        unpacked = unpacking.decompress(raw, most)
    except zlib.error:
        return b"", False
    return unpacked, unpacking.eof and not _FILTERS.search(dictionary)
