"""Writes an answer's body as JSON, no further than its bound, and a large one in slices of time."""

from collections.abc import Iterator
from typing import Any

import orjson

from app.api.execution.budget import STEP, Budget

SMALL_FIELDS, SMALL_SIZE = 10_000, 1024 * 1024
"""Up to here an answer is written in one go: orjson takes a millisecond or two for so many fields or characters."""
PARTS = 10
"""Into how many parts so much of a larger one is divided: the memory for a part takes as long as writing it."""

_NESTED = (dict, list)


async def written(body: dict[str, Any], budget: Budget) -> bytes | memoryview:
    """Return *body* as JSON. Raises: QueryTooComplex, for one that is longer than it may be; Overloaded."""
    if budget.fields <= SMALL_FIELDS and budget.size <= SMALL_SIZE:
        content = orjson.dumps(body)
        if len(content) > STEP or len(content) > budget.bytes_max:
            budget.count_written(len(content))
        return content
    whole = bytearray()  # it grows where it is: parts that are joined are there twice
    for part in _parts(body, PARTS * max(budget.fields / SMALL_FIELDS, budget.size / SMALL_SIZE)):
        whole += part
        budget.count_written(len(whole))
        if budget.is_over:
            await budget.pause()
    return memoryview(whole)


def _parts(value: object, number: float) -> Iterator[bytes]:
    """Yield JSON in about so many parts, as if all lay evenly in *value*."""
    if number <= 1 or not value or not isinstance(value, _NESTED):
        yield orjson.dumps(value)
    elif isinstance(value, dict):
        inside = number / (sum(isinstance(item, _NESTED) for item in value.values()) or 1)
        mark = b"{"
        for name, item in value.items():
            yield mark + orjson.dumps(name) + b":"
            yield from _parts(item, inside)
            mark = b","
        yield b"}"
    else:
        each = number / len(value)
        run = max(1, int(1 / each))
        mark = b"["
        for start in range(0, len(value), run):
            yield mark
            if run == 1:
                yield from _parts(value[start], each)
            else:
                yield orjson.dumps(value[start : start + run])[1:-1]
            mark = b","
        yield b"]"
