"""Digests that a client sends along (RFC 9530), compared with what arrived.

A client that sends one relies on it: what can't be read or compared is refused, and never passed over. Beside a digest
that is compared, others of algorithms that are not known here may stand, as the RFC has it.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from app.domain.errors import Detail, InvalidInput

HEADERS = ("repr-digest", "content-digest")
ALGORITHMS = {"sha-256": "sha256", "sha-512": "sha512"}
_OBSOLETE = ("digest", "content-md5")
LENGTH_MAX = 4096

# A dictionary of structured fields (RFC 9651, section 3.2), whose members are byte sequences and may have parameters.
_KEY = r"[a-z*][a-z0-9_.*-]*"
_BARE = (
    r'(?:"(?:[ !#-\[\]-~]|\\["\\])*"|:[A-Za-z0-9+/=]*:|\?[01]|@?-?[0-9]{1,15}(?:\.[0-9]{1,3})?'
    r'|%"[ -!#-~]*"|[A-Za-z*][A-Za-z0-9!#$%&\'*+.^_`|~:/-]*)'
)
_MEMBER = re.compile(rf"({_KEY})=:([A-Za-z0-9+/]*={{0,2}}):((?: *; *{_KEY}(?:={_BARE})?)*)")
_COMMA = re.compile(r"[ \t]*,[ \t]*")


class Headers(Protocol):
    """The headers of a request, or of a part of a form; one name may come several times."""

    def getlist(self, key: str) -> list[str]: ...


class BodyDigest:
    """The digests that a request promised, and those of the bytes that came."""

    def __init__(self, headers: Headers) -> None:
        """Take the promises. Raises: InvalidInput, about the header that can't be read or compared."""
        for obsolete in _OBSOLETE:
            if headers.getlist(obsolete):
                raise InvalidInput(obsolete, detail=Detail("digest_is_obsolete"))
        self._promised = [promise for header in HEADERS for promise in _promises(header, headers.getlist(header))]
        self._hashes = {algorithm: hashlib.new(ALGORITHMS[algorithm]) for _, algorithm, _ in self._promised}

    def update(self, data: bytes | bytearray) -> None:
        for running in self._hashes.values():
            running.update(data)

    def broken_promise(self) -> InvalidInput | None:
        """Return the refusal of bytes that are others than were promised, None where all is well."""
        for header, algorithm, value in self._promised:
            if self._hashes[algorithm].digest() != value:
                return InvalidInput(header, detail=Detail("digest_differs", {"algorithm": algorithm}))
        return None


def _promises(header: str, lines: Sequence[str]) -> list[tuple[str, str, bytes]]:
    """Return what the lines of *header*, which are one list, promise by the algorithms that we know.

    Of one algorithm that comes twice both are kept, so that both must be right. Raises: InvalidInput.
    """
    line = ", ".join(lines)
    if not line.strip():
        if lines:
            raise InvalidInput(header, detail=Detail("digest_is_broken"))
        return []
    if len(line) > LENGTH_MAX:
        raise InvalidInput(header, detail=Detail("digest_is_broken"))
    known = [(header, algorithm, value) for algorithm, value in _members(header, line) if algorithm in ALGORITHMS]
    if not known:
        raise InvalidInput(header, detail=Detail("digest_is_unknown"))
    return known


def _members(header: str, line: str) -> Iterator[tuple[str, bytes]]:
    at, line = 0, line.strip(" ")
    while True:
        member = _MEMBER.match(line, at)
        if member is None:
            break
        try:
            yield member[1], base64.b64decode(member[2] + "=" * (-len(member[2]) % 4), validate=True)
        except binascii.Error:
            break
        if member.end() == len(line):
            return
        comma = _COMMA.match(line, member.end())
        if comma is None:
            break
        at = comma.end()
    raise InvalidInput(header, detail=Detail("digest_is_broken"))
