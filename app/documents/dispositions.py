"""Content-Disposition: the file name that a request's header, or a part of a form, gives.

After RFC 6266 and RFC 8187, where `filename*` wins over `filename`, and what clients send beside them: plain UTF-8,
the percent-encoded quotes of browsers (WHATWG HTML, multipart form data), the encoded words and the continuations of
mail programs (RFC 2047, RFC 2231).
"""

import re
from collections.abc import Mapping
from email.errors import HeaderParseError
from email.header import decode_header
from urllib.parse import unquote_to_bytes

from app.domain.errors import Detail, InvalidInput

_PARAMETER = re.compile(r'(?:^|;)\s*([^\s=;"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.DOTALL)
_QUOTED_PAIR = re.compile(r'\\(["\\])')
# Browsers escape these three in a form and nothing else, not even the percent sign.
_ESCAPED = {"%22": '"', "%0D": "\r", "%0A": "\n", "%0d": "\r", "%0a": "\n"}
_ESCAPES = re.compile("|".join(_ESCAPED))
_EXTENDED = re.compile(r"([!#$%&+\-^_`{}~.A-Za-z0-9]+)'([A-Za-z0-9-]*)'((?:[^%'\s]|%[0-9A-Fa-f]{2})*)")
_WORDS = re.compile(r"\s*=\?[^?\s]+\?[bqBQ]\?[^?\s]*\?=(?:\s+=\?[^?\s]+\?[bqBQ]\?[^?\s]*\?=)*\s*")
_CHARSETS = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "iso-8859-1": "cp1252",  # as browsers do: what differs in the two is control characters in one of them
    "latin-1": "cp1252",
    "windows-1252": "cp1252",
}
_PARTS_MAX = 100


def parameters(header: str) -> dict[str, str]:
    """Return the parameters by their names in lower case, quotes taken off; of several of one name the first."""
    found: dict[str, str] = {}
    for name, value in _PARAMETER.findall(header):
        is_quoted = len(value) >= 2 and value[0] == value[-1] == '"'
        # A backslash before anything else is one: browsers send names of other systems with it as they are.
        plain = _QUOTED_PAIR.sub(r"\1", value[1:-1]) if is_quoted else value.strip()
        found.setdefault(name.lower(), plain)
    return found


def as_text(header: str) -> str:
    """Return a header's value, whose bytes Starlette shows as Latin-1, as the UTF-8 that many clients send."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def named_by(content_disposition: str | None) -> str | None:
    """Return the file name that the header gives, None where it has none.

    Raises: InvalidInput, where there is only a `filename*` and it can't be read: a wrong name would stay for good.
    """
    if content_disposition is None:
        return None
    found = parameters(as_text(content_disposition))
    extended = found.get("filename*")
    name = None if extended is None else _extended(extended)
    if not name:
        name = _continued(found)
    if not name:
        name = found.get("filename")
        name = None if name is None else _plain(name)
    if name is None and extended:
        raise InvalidInput(detail=Detail("name_is_not_unicode"))
    return name


def _plain(value: str) -> str:
    """Return what a `filename` says that may be escaped as browsers do, or encoded as in a mail."""
    if _WORDS.fullmatch(value) is not None:
        try:
            return "".join(
                part if isinstance(part, str) else part.decode(charset or "ascii")
                for part, charset in decode_header(value)
            )
        except (HeaderParseError, LookupError, UnicodeError, ValueError):
            return value
    return _ESCAPES.sub(lambda escape: _ESCAPED[escape[0]], value)


def _extended(value: str) -> str | None:
    """Return what an extended value says (RFC 8187, section 3.2), None where it is no valid one."""
    match = _EXTENDED.fullmatch(value)
    return None if match is None else _decoded(match[3], match[1])


def _continued(found: Mapping[str, str]) -> str | None:
    """Return a name in numbered pieces, as mail programs send long ones; None where there is none."""
    pieces, charset = [], "utf-8"
    for number in range(_PARTS_MAX):
        encoded = found.get(f"filename*{number}*")
        if encoded is None:
            plain = found.get(f"filename*{number}")
            if plain is None:
                break
            pieces.append(plain.replace("%", "%25"))
            continue
        if number == 0 and encoded.count("'") >= 2:
            charset, _, encoded = encoded.split("'", 2)
        pieces.append(encoded)
    return _decoded("".join(pieces), charset) if pieces else None


def _decoded(value: str, charset: str) -> str | None:
    codec = _CHARSETS.get(charset.lower())
    try:
        return None if codec is None else unquote_to_bytes(value).decode(codec)
    except UnicodeDecodeError:
        return None
