"""Bodies as JSON: strictly read, without repeated names, and pointers into them (RFC 8259, RFC 6901)."""

import json
from codecs import BOM_UTF8
from collections.abc import Sequence
from typing import Any

from app.api.http.decoding import BadRequest, decoded
from app.domain.errors import Detail
from app.jsonapi.problems import NAME_MAX, ProblemsFound, member_finding, quoted


class _Repeated(ValueError):
    """An object has a name twice."""


def parsed(raw: bytes | bytearray) -> Any:
    """Return *raw* as the JSON that it is. Raises: BadRequest; ProblemsFound, where a name is given twice.

    orjson, which refuses what is no UTF-8 and no Unicode, takes the last of several members of one name.
    """
    body = decoded(raw, "body")
    try:
        # Numbers are known already; Python's own reading of a long one would take long.
        _STRICT.decode(raw.removeprefix(BOM_UTF8).decode())
    except _Repeated as repeated:
        name = quoted(str(repeated))
        detail = Detail("repeated_member", {"name": name})
        raise ProblemsFound([member_finding("", detail, 400)]) from None
    except RecursionError:
        raise BadRequest(400, "The body is nested too deeply.") from None
    return body


def _distinct(pairs: Sequence[tuple[str, Any]]) -> None:
    if len(dict(pairs)) == len(pairs):  # as nearly always
        return
    seen = set[str]()
    for name, _ in pairs:
        if name in seen:
            raise _Repeated(name)
        seen.add(name)


def _nothing(_digits: str) -> None:
    """Stand for a number."""


_STRICT = json.JSONDecoder(object_pairs_hook=_distinct, parse_int=_nothing, parse_float=_nothing)


def pointer_to(body: Any, path: Sequence[str]) -> str:
    """Return the pointer to what lies at *path*, or to the innermost of what holds it that was sent."""
    found, pointer = body, ""
    for name in path:
        if isinstance(found, dict) and name in found and len(name) <= NAME_MAX:
            found = found[name]
        elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        else:
            break
        pointer += "/" + name.replace("~", "~0").replace("/", "~1")
    return pointer
