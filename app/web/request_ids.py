"""The id of a request: the client's own if it is well-formed, else a new one."""

import re
from collections.abc import Iterable

from app import clock

REQUEST_ID = b"x-request-id"

_DECENT = re.compile(rb"[A-Za-z0-9_-]{1,64}")


def request_id_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """Return the id of the request with these *headers*, whose names are in lower case."""
    for name, value in headers:
        if name == REQUEST_ID:
            return value.decode() if _DECENT.fullmatch(value) else clock.new_id_text()
    return clock.new_id_text()
