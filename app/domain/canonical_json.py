"""Canonical JSON (RFC 8785) of what the log holds: objects, arrays, strings, integers and null, and nothing else."""

import json
from collections.abc import Mapping

JsonObject = Mapping[str, object]

# Made once: `json.dumps` makes one each time. Of these values it yields the canonical form.
canonical_json = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def parsed_json(text: str | None) -> JsonObject | None:
    """Return the object that *text* is the canonical form of. Raises: ValueError, where it is no such form."""
    if text is None:
        return None
    value = json.loads(text)
    if not isinstance(value, dict) or canonical_json(value) != text:
        raise ValueError("the log holds JSON that is not in its canonical form")
    return value
