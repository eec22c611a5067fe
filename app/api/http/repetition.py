"""Finds names that a JSON object has twice: of these orjson takes the last, and a proxy may take the first."""

import json
from collections.abc import Sequence
from typing import Any

import orjson

_BLANKS = b" \t\r\n"


class RepeatedName(ValueError):
    """Carries the name."""


def demand_distinct(raw: bytes | bytearray, found: object) -> None:
    """Refuse *raw*, which orjson has read as *found*, where an object of it has a name twice.

    What is the same as orjson writes it, but for blanks, has no member that is lost: of nearly all requests that takes
    half a microsecond, and the standard library's decoder five.

    Raises: RepeatedName, RecursionError.
    """
    try:
        written = orjson.dumps(found)
    except orjson.JSONEncodeError:  # nested deeper than it writes
        written = b""
    if raw == written or raw.translate(None, _BLANKS) == written.translate(None, _BLANKS):
        return
    # Numbers are known already; Python's own reading of a long one would take long.
    _STRICT.decode(raw.decode())


def _distinct(pairs: Sequence[tuple[str, Any]]) -> None:
    if len(dict(pairs)) == len(pairs):  # as nearly always
        return
    seen = set[str]()
    for name, _ in pairs:
        if name in seen:
            raise RepeatedName(name)
        seen.add(name)


def _nothing(_digits: str) -> None:
    """Stand for a number."""


_STRICT = json.JSONDecoder(object_pairs_hook=_distinct, parse_int=_nothing, parse_float=_nothing)
