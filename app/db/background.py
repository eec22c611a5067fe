"""Background tasks: keeps a reference to each until it ends, whether or not a caller waits for it."""

import asyncio
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")

# The event loop itself keeps only weak references to tasks.
_running: set[asyncio.Task[Any]] = set()


def start(work: Coroutine[Any, Any, T], *, context: Context | None = None) -> asyncio.Task[T]:
    """Start *work* as a task, which is kept until it has ended. Wait for it by `asyncio.shield`."""
    task = asyncio.create_task(work, context=context)
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Do *work* as a task, and wait for its end, also where whoever waits is cancelled."""
    task = start(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def mark_seen(ended: "asyncio.Future[Any]") -> None:
    """Take note of how a task or future has *ended* that may have no caller: the event loop would warn of it."""
    if not ended.cancelled():
        ended.exception()
