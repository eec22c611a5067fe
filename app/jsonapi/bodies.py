"""Bodies as JSON: strictly read, without repeated names, and pointers into them (RFC 8259, RFC 6901)."""

from collections.abc import Sequence
from typing import Any

from app.api.http.decoding import RepeatedMember, decoded
from app.domain.errors import Detail
from app.jsonapi.problems import NAME_MAX, ProblemsFound, member_finding, quoted


def parsed(raw: bytes | bytearray) -> Any:
    """Return *raw* as the JSON that it is. Raises: BadRequest; ProblemsFound, where a name is given twice."""
    try:
        return decoded(raw, "body")
    except RepeatedMember as repeated:
        detail = Detail("repeated_member", {"name": quoted(repeated.name)})
        raise ProblemsFound([member_finding("", detail, 400)]) from None


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
