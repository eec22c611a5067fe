"""Texts: whether bytes are one, in which encoding, and whether a browser or a shell would take it for something else.

HTML is looked for where a browser looks for it, at the start (WHATWG, MIME Sniffing, section 7.1). We serve a text as
`text/plain` with `nosniff`, so that markup further down is text.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from app.documents import mail

PIECE = 65_536
START = 1024 * 1024
"""How many bytes of a text are looked at for what it is; a mail's header may be as long."""

UTF_8, UTF_16_LE, UTF_16_BE, UTF_32, EIGHT_BIT = "utf-8", "utf-16-le", "utf-16-be", "utf-32", "latin-1"

# The longer marks first: that of UTF-16 begins that of UTF-32.
_MARKS = (
    (codecs.BOM_UTF32_LE, UTF_32),
    (codecs.BOM_UTF32_BE, UTF_32),
    (codecs.BOM_UTF16_LE, UTF_16_LE),
    (codecs.BOM_UTF16_BE, UTF_16_BE),
)

# Tab, line ends, form feed and escape are in every other text; SWIFT, EDIFACT, FIX and HL7 messages are divided by
# other controls, and DOS ended a file with U+001A. NUL is in none.
_USUAL = bytes(code for code in range(256) if code >= 0x20 and code != 0x7F) + b"\t\n\v\f\r\x1b"
_CONTROLS_IN_UTF_8 = 8
_CONTROLS_IN_OTHERS = 100
"""One character in so many may be a control: UTF-8 is hardly ever met by chance, bytes that could be letters are."""

# White space, and what is not seen: neither keeps a browser from what comes behind it, or may not for ever.
_BLANK = " \t\n\v\f\r\x00\x1a\x1b\x85\xa0\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u2060\ufeff"

_HTML = re.compile(
    r"<(?:!doctype|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p)(?=[\s/>]|$)|<!--", re.IGNORECASE
)
# No browser takes these for HTML, but a page that includes their text would run it.
_ACTIVE = re.compile(
    r"<(?:img|image|object|embed|form|input|button|video|audio|math|meta|link|base|frameset|marquee|details)"
    r"[\s/]+[^<>]{0,1000}=",
    re.IGNORECASE,
)
_SVG = re.compile(r"<(?:\w{1,40}:)?svg(?=[\s/>]|$)", re.IGNORECASE)
_SVG_DOCTYPE = re.compile(r"<!doctype\s+svg\b", re.IGNORECASE)
_XML = re.compile(r"<\?xml(?=[\s?]|$)", re.IGNORECASE)
_ELEMENT = re.compile(r"<([A-Za-z_][\w.:-]{0,200})(?:\s[^<>]{0,100000})?>")
_FIRST = (
    (
        re.compile(r"#![ \t]*(?:/|[A-Za-z]:|(?:env|sh|bash|zsh|python|perl|ruby|node|php|lua|pwsh)\b)"),
        "application/x-sh",
    ),
    (re.compile(r"<\?(?:php\b|=)", re.IGNORECASE), "application/x-httpd-php"),
    (re.compile(r"\{\\rtf"), "application/rtf"),
    (re.compile(r"%!PS-Adobe-"), "application/postscript"),
)
_PDF = re.compile(r"%PDF-\d\.\d")


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file that is text: its encoding, and its first characters without a byte order mark."""

    encoding: str
    start: str
    end: str


def read_text(file: BinaryIO) -> TextFile | None:
    """Return the text that *file* is; None for a binary file."""
    file.seek(0)
    head = file.read(4)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return _decoded(file, encoding, len(mark)) if _is_whole(file, encoding, len(mark)) else None
    found = _byte_encoding(file)
    skipped = len(codecs.BOM_UTF8) if head.startswith(codecs.BOM_UTF8) else 0
    return None if found is None else _decoded(file, found, skipped)


def type_of(text: TextFile, extension: str) -> str:
    """Return the media type of *text*, whose name ends in *extension*."""
    if text.encoding == UTF_32:
        return "text/utf-32"
    start = text.start.lstrip(_BLANK)
    active = _active_type(start, text)
    if active is not None:
        return active
    if extension == ".csv":
        return "text/csv"
    is_mail = extension in (".eml", "") and mail.is_message(start, certain=not extension)
    return "message/rfc822" if is_mail else "text/plain"


def holds_pdf(text: TextFile) -> bool:
    """Tell whether a PDF begins a little further down, where readers of PDF still look for it."""
    return _PDF.search(text.start, 0, 1024 + 8) is not None


def _active_type(start: str, text: TextFile) -> str | None:
    """Return what a text is that something else than a reader would be run by, None for one that is just that."""
    found = next((kind for pattern, kind in _FIRST if pattern.match(start)), None)
    if found is not None or not start.startswith("<"):
        return found
    if _SVG.match(start) or _SVG_DOCTYPE.match(start) or (_XML.match(start) and _SVG.search(start)):
        return "image/svg+xml"
    if _XML.match(start) or _is_xml(start, text.end):
        return "text/xml"
    return "text/html" if _HTML.match(start) or _ACTIVE.match(start) else None


def _is_xml(start: str, end: str) -> bool:
    """Tell whether an element is all that there is."""
    root = _ELEMENT.match(start)
    closing = end.rstrip(_BLANK)
    return root is not None and _HTML.match(start) is None and closing.endswith((f"</{root[1]}>", "/>"))


def _byte_encoding(file: BinaryIO) -> str | None:
    """Return UTF_8 or EIGHT_BIT for a text of bytes, None where it is none."""
    decoder, is_utf_8 = codecs.getincrementaldecoder(UTF_8)(), True
    size = controls = 0
    for piece in _pieces(file, 0):
        if b"\0" in piece:
            return None
        size += len(piece)
        controls += len(piece.translate(None, _USUAL))
        try:
            if is_utf_8:
                decoder.decode(piece)
        except UnicodeDecodeError:
            is_utf_8 = False
    is_utf_8 = is_utf_8 and not decoder.getstate()[0]
    controls -= _tail(file, 1) == b"\x1a"
    per = _CONTROLS_IN_UTF_8 if is_utf_8 else _CONTROLS_IN_OTHERS
    if controls * per > size:
        return None
    return UTF_8 if is_utf_8 else EIGHT_BIT


def _is_whole(file: BinaryIO, encoding: str, skipped: int) -> bool:
    """Tell whether all that follows the mark is text in *encoding*, without NUL and with few other controls."""
    decoder = codecs.getincrementaldecoder("utf-32" if encoding == UTF_32 else encoding)()
    size = controls = 0
    try:
        for piece in _pieces(file, 0 if encoding == UTF_32 else skipped):
            decoded = decoder.decode(piece).encode(UTF_8)
            if b"\0" in decoded:
                return False
            size += len(decoded)
            controls += len(decoded.translate(None, _USUAL))
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return controls * _CONTROLS_IN_UTF_8 <= size


def _decoded(file: BinaryIO, encoding: str, skipped: int) -> TextFile:
    file.seek(skipped)
    codec = "utf-32" if encoding == UTF_32 else encoding
    start = file.read(START).decode(codec, "replace")
    return TextFile(encoding, start, _tail(file, 1024).decode(codec, "replace"))


def looks_like_utf_16(head: bytes) -> bool:
    """Tell whether *head* could be UTF-16 that does not say so: every other byte is NUL, and it is printable."""
    even = head[: len(head) // 2 * 2]
    for encoding, nuls in ((UTF_16_LE, even[1::2]), (UTF_16_BE, even[::2])):
        if len(even) >= 8 and nuls.count(0) * 2 > len(nuls):
            try:
                text = even.decode(encoding, "strict")
            except UnicodeDecodeError:
                continue
            return all(sign.isprintable() or sign in "\t\r\n\f" for sign in text)
    return False


def _pieces(file: BinaryIO, start: int) -> Iterator[bytes]:
    file.seek(start)
    while piece := file.read(PIECE):
        yield piece


def _tail(file: BinaryIO, length: int) -> bytes:
    """Return the last bytes; for UTF-16 and UTF-32 *length* is a multiple of a character's."""
    size = file.seek(0, 2)
    file.seek(max(0, size - length))
    return file.read(length)
