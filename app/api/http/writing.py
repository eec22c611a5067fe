"""Writes an answer's body as JSON, no further than its bound, and a large one in slices of time."""

from collections.abc import Iterator
from typing import Any

import orjson

from app.api.budget import Budget

SMALL_FIELDS = 2_000
SMALL_SIZE = 256 * 1024
PARTS = 100
"""How many parts are written in one go; a part is an object without others inside."""

_NESTED = (dict, list)


async def written(body: dict[str, Any], budget: Budget) -> bytes:
    """Return *body* as JSON. Raises: QueryTooComplex, for one that is longer than it may be."""
    if budget.fields <= SMALL_FIELDS and budget.size <= SMALL_SIZE:
        content = orjson.dumps(body)
        if len(content) > budget.bytes_max:
            budget.refuse(len(content))
        return content
    parts: list[bytes] = []
    size = 0
    for number, part in enumerate(_parts(body)):
        parts.append(part)
        size += len(part)
        if size > budget.bytes_max:
            budget.refuse(size)
        if number % PARTS == 0 and budget.is_over:
            await budget.pause()
    return b"".join(parts)


def _parts(value: Any) -> Iterator[bytes]:
    """Yield JSON in parts that are each written at once."""
    if isinstance(value, dict):
        if any(isinstance(item, _NESTED) for item in value.values()):
            mark = b"{"
            for name, item in value.items():
                yield mark + orjson.dumps(name) + b":"
                yield from _parts(item)
                mark = b","
            yield b"}"
            return
    elif isinstance(value, list) and any(isinstance(item, _NESTED) for item in value):
        mark = b"["
        for item in value:
            yield mark
            yield from _parts(item)
            mark = b","
        yield b"]"
        return
    yield orjson.dumps(value)
