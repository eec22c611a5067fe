"""File names: one form for what clients send, and the header that gives it back.

A name is only ever shown; no path on any disk is made of it. Whether it contradicts the file is `extensions`'s.
"""

import re
import unicodedata
from urllib.parse import quote

from app.documents.dispositions import named_by
from app.domain import text
from app.domain.errors import Detail, InvalidInput, TooLong

__all__ = ["NAME_MAX", "attachment", "named_by", "normalised"]

NAME_MAX = 255
"""In bytes of UTF-8."""

# Controls, line and paragraph separators and surrogates, and what changes the order of the text around it.
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_REORDERING = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x2070))))

# What telephones, word processors and web pages leave in a name, and nobody sees. Joiners and tags stay: words of
# Persian and of Indian languages and many emoji are made with them.
_DROPPED = dict.fromkeys(
    [0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, *range(0x2060, 0x2066), 0xFEFF, *range(0xFFF9, 0xFFFD)]
)

# https://learn.microsoft.com/windows/win32/fileio/naming-a-file
_DEVICE = re.compile(r"(?:con|prn|aux|nul|clock\$|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?=[ .:]|$)", re.IGNORECASE)


def normalised(name: str, *path: str) -> str:
    """Return *name* in NFC, trimmed, and without invisible marks.

    Raises: TooLong; InvalidInput for a path, a device of Windows, and characters that control or reorder the text.
    """
    if len(name) > NAME_MAX * text.LONGER_BY:
        raise _too_long(name, path)
    result = text.trimmed(unicodedata.normalize("NFC", name.translate(_DROPPED)))
    for sign in result:
        if unicodedata.category(sign) in _FORBIDDEN_CATEGORIES or sign in _REORDERING:
            raise InvalidInput(*path, detail=Detail("name_has_character", {"character": text.shown(sign)}))
    if len(result.encode()) > NAME_MAX:
        raise _too_long(result, path)
    if "/" in result or "\\" in result:
        raise InvalidInput(*path, detail=Detail("name_has_path"))
    if text.is_empty(result.strip(". ")):
        raise InvalidInput(*path, detail=Detail("name_is_empty"))
    if _DEVICE.match(result):
        raise InvalidInput(*path, detail=Detail("name_is_device", {"name": result}))
    return result


def _too_long(name: str, path: tuple[str, ...]) -> TooLong:
    actual = len(name.encode("utf-8", "replace"))
    return TooLong(*path, max=NAME_MAX, unit=Detail("filename_bytes", {"actual": actual}))


def attachment(filename: str) -> str:
    """Return the Content-Disposition that has a browser save the file under *filename* (RFC 6266, RFC 8187)."""
    plain = "".join(sign if sign.isascii() and sign.isprintable() and sign not in '"\\%' else "_" for sign in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
