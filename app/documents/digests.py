"""Digests that a client sends along (RFC 9530), compared with what arrived."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping

HEADERS = ("repr-digest", "content-digest")
ALGORITHMS = ("sha-256", "sha-512")

_MEMBER = re.compile(r"\s*([a-z0-9*_.-]+)=:([A-Za-z0-9+/=]*):\s*")


class BodyDigest:
    """The digests that a request promised, and those of the bytes that came."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        """Take the promises. Members that can't be read, and algorithms that we don't know, are passed over."""
        self._promised = [
            (header, algorithm, value)
            for header in HEADERS
            for algorithm, value in _members(headers.get(header, ""))
            if algorithm in ALGORITHMS
        ]
        self._hashes = {algorithm: hashlib.new(algorithm.replace("-", "")) for _, algorithm, _ in self._promised}

    def update(self, data: bytes) -> None:
        for running in self._hashes.values():
            running.update(data)

    def broken_promise(self) -> str | None:
        """Return the header that promised other bytes, None where all is well."""
        for header, algorithm, value in self._promised:
            if self._hashes[algorithm].digest() != value:
                return header
        return None


def _members(header: str) -> list[tuple[str, bytes]]:
    found = []
    for item in header.split(","):
        member = _MEMBER.fullmatch(item)
        if member is None:
            continue
        try:
            found.append((member[1], base64.b64decode(member[2], validate=True)))
        except binascii.Error:
            found.append((member[1], b""))
    return found
