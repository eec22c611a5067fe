"""File names: one form for what clients send, and the header that gives it back.

A name is only ever shown; no path on any disk is made of it.
"""

import unicodedata
from email.message import Message
from email.utils import collapse_rfc2231_value
from urllib.parse import quote

from app.domain.errors import InvalidInput, TooLong

NAME_MAX = 255
"""In bytes of UTF-8."""

# Line and paragraph separators and surrogates, beside all control characters and what changes the direction of text
# or is not seen: Unicode's general categories.
_FORBIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def normalised(name: str, *path: str) -> str:
    """Return *name* in NFC and trimmed.

    Raises: TooLong; InvalidInput for a path, or for characters that can't be seen or turn the text around.
    """
    result = unicodedata.normalize("NFC", name).strip()
    if any(unicodedata.category(sign) in _FORBIDDEN for sign in result):
        raise InvalidInput(*path)
    if len(result.encode()) > NAME_MAX:
        raise TooLong(*path, max=NAME_MAX)
    if "/" in result or "\\" in result or not result.strip("."):
        raise InvalidInput(*path)
    return result


def named_by(content_disposition: str | None) -> str | None:
    """Return the file name that a Content-Disposition header gives (RFC 6266, section 4.3), None where it has none.

    Several clients send plain UTF-8, which the header's own alphabet shows as Latin-1.
    """
    if content_disposition is None:
        return None
    header = Message()
    try:
        header["Content-Disposition"] = content_disposition.encode("latin-1").decode()
    except (UnicodeEncodeError, UnicodeDecodeError):
        header["Content-Disposition"] = content_disposition
    names = [value for name, value in header.get_params([], "content-disposition") if name.lower() == "filename"]
    # The extended form, which comes as a tuple, is the one to prefer where there are both.
    names.sort(key=lambda value: isinstance(value, str))
    return collapse_rfc2231_value(names[0]) if names else None


def attachment(filename: str) -> str:
    """Return the Content-Disposition that has a browser save the file under *filename* (RFC 6266, RFC 8187)."""
    plain = "".join(sign if sign.isascii() and sign.isprintable() and sign not in '"\\%' else "_" for sign in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
