"""Coalescing: look-ups by ids of one account at the same moment share one statement.

A dataloader's batch is one operation's. Here such batches meet.
"""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import partial
from typing import Any

from app.db.batching import Batcher, BatchItem
from app.observability.recorder import share

UNDER_WAY = 2
"""How many statements of a kind are sent without waiting for each other."""

FEW = 10
"""A call for more ids is not batched: its statement takes long enough by itself."""

MOST = 200
"""How many ids a statement has at most where it is shared, give or take those of one operation."""

Send = Callable[[list[Any]], Awaitable[Sequence[Any]]]
"""Sends a statement for ids, and returns a result for each of them, in their order."""


class Coalescer:
    """Brings together what is asked of one database."""

    def __init__(self) -> None:
        self._kinds: dict[Hashable, Batcher[list[Any], Sequence[Any]]] = {}

    async def ask(self, kind: Hashable, ids: list[Any], send: Send) -> Sequence[Any]:
        """Return what *send* brings for *ids*, alone or together with others of this *kind*; the account is part of it.

        Raises: what *send* raises.
        """
        if len(ids) > FEW:
            return await send(ids)
        batcher = self._kinds.get(kind)
        if batcher is None:
            forget = partial(self._kinds.pop, kind)
            batcher = self._kinds[kind] = Batcher(
                partial(_send_together, send), concurrent=UNDER_WAY, size_max=MOST, size=len, on_idle=forget
            )
        return await batcher.submit(ids)


async def _send_together(send: Send, items: Sequence[BatchItem[list[Any]]]) -> list[Sequence[Any]]:
    """Send one statement for the ids of all *items*, and return each one's part of the results."""
    if len(items) == 1:
        return [await send(items[0].value)]
    share(item.context for item in items)
    found = await send([id for item in items for id in item.value])
    parts, start = [], 0
    for item in items:
        end = start + len(item.value)
        parts.append(found[start:end])
        start = end
    return parts
