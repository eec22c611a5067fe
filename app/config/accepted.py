"""Which values a setting takes, in words, by its JSON Schema: for the manual's page, and for who has set another."""

from collections.abc import Mapping
from typing import Any

WORDS = "words, separated by blanks or commas"
TEXT = "text"


def accepted(shape: Mapping[str, Any]) -> str:
    """Return which values a setting takes."""
    shape = next((item for item in shape.get("anyOf", ()) if item.get("type") != "null"), shape)
    if "enum" in shape:
        return ", ".join(f"`{value}`" for value in shape["enum"])
    match shape.get("type"):
        case "boolean":
            return "`true`, `false`"
        case "array":
            return WORDS
        case "integer" | "number" as kind:
            return _range(shape, "whole number" if kind == "integer" else "number")
    return {"path": "path", "uuid": "UUID"}.get(shape.get("format", ""), TEXT)


def _range(shape: Mapping[str, Any], kind: str) -> str:
    least, above, most = (shape.get(name) for name in ("minimum", "exclusiveMinimum", "maximum"))
    bounds = [f"above {above:g}" if above is not None else f"from {least:g}" if least is not None else ""]
    bounds.append(f"to {most:g}" if most is not None else "")
    return " ".join([kind, *filter(None, bounds)])
