"""Background tasks: keeps a reference to each until it ends, and holds what fails in one back from what comes after."""

import asyncio
from collections.abc import Awaitable, Coroutine
from contextvars import Context
from typing import TypeVar

import structlog

from app.db.errors import DATABASE_ERRORS

T = TypeVar("T")

log = structlog.get_logger()

# The event loop itself keeps only weak references to tasks.
_running: set[asyncio.Task[object]] = set()


def start(work: Coroutine[object, None, T], *, context: Context | None = None) -> asyncio.Task[T]:
    """Start *work* as a task, which is kept until it has ended. Wait for it by `asyncio.shield`."""
    task = asyncio.create_task(work, context=context)
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task


async def to_the_end(work: Coroutine[object, None, T]) -> T:
    """Do *work* as a task, and wait for its end, also where whoever waits is cancelled."""
    task = start(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


class LoggedFailures:
    """Logs as *event* what ends the block, and goes on after it, as what is done again and again has to.

    A database that can't be used for a while is a warning, and so is another system whose errors are *away*. All else
    is a fault, with its traceback.
    """

    def __init__(self, event: str, *away: type[Exception], **about: str) -> None:
        self._event = event
        self._away = (*DATABASE_ERRORS, *away)
        self._about = about

    def __enter__(self) -> None:
        """Do nothing: only the end matters."""

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        if isinstance(error, self._away):
            log.warning(self._event, reason=type(error).__name__, **self._about)
        elif isinstance(error, Exception):
            log.error(self._event, reason=type(error).__name__, exc_info=error, **self._about)
        return isinstance(error, Exception)


async def outcome(work: Awaitable[T]) -> T | Exception:
    """Return what *work* gives, or what it raises, for all who share it."""
    try:
        return await work
    except Exception as fault:
        return fault


def mark_seen(ended: "asyncio.Future[T]") -> None:
    """Take note of how a task or future has *ended* that may have no caller: the event loop would warn of it."""
    if not ended.cancelled():
        ended.exception()
