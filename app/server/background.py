"""Background tasks of a server, for as long as it runs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog

from app import clock
from app.actions.expiry import expire_overrides
from app.actions.idempotency import forget_old_keys
from app.actions.reminders import write_reminders
from app.actions.retention import erase_overdue
from app.auth.identity import TokenUse
from app.db import background
from app.db.engines import Database

HOUSEKEEPING_S = 60
RETENTION_S = 3_600
EXPIRY_S = 60
REMINDERS_S = 60

log = structlog.get_logger()


@asynccontextmanager
async def background_tasks(*works: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Do these works beside what is done inside, and end them with it; one that ends by a fault is logged."""
    tasks = [asyncio.create_task(work) for work in works]
    for task in tasks:
        task.add_done_callback(_note_end)
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _note_end(ended: asyncio.Task[None]) -> None:
    fault = None if ended.cancelled() else ended.exception()
    if fault is not None:
        log.error("background_task_failed", task=getattr(ended.get_coro(), "__qualname__", ""), exc_info=fault)


async def run_housekeeping(
    database: Database,
    token_use: TokenUse,
    key_hours: int,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Now and then, out of every request's way, write down the use of tokens and forget old idempotency keys."""
    while True:
        await pause(HOUSEKEEPING_S)
        with background.LoggedFailures("housekeeping_failed"):
            await token_use.flush(database)
            await forget_old_keys(database, lifetime=timedelta(hours=key_hours))


async def keep_retention(
    database: Database,
    now: clock.Clock = clock.now,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Erase the content of closed cases that their accounts keep for no longer: at the start, and each hour."""

    async def run() -> None:
        erased = sum([step.is_erased async for step in erase_overdue(database, now)])
        if erased:
            log.info("retention_run", erased=erased)

    await _repeat(run, "retention_failed", RETENTION_S, pause)


async def keep_expiry(
    database: Database,
    now: clock.Clock = clock.now,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """End overrides on which nobody decided in time: at the start, and each minute."""

    async def run() -> None:
        expired = sum([step.is_expired async for step in expire_overrides(database, now)])
        if expired:
            log.info("expiry_run", expired=expired)

    await _repeat(run, "expiry_failed", EXPIRY_S, pause)


async def keep_reminders(
    database: Database,
    now: clock.Clock = clock.now,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Write what is due soon, or late, into the logs of cases: at the start, and each minute."""

    async def run() -> None:
        written = sum([step.is_written async for step in write_reminders(database, now)])
        if written:
            log.info("reminders_run", written=written)

    await _repeat(run, "reminders_failed", REMINDERS_S, pause)


async def _repeat(
    run: Callable[[], Awaitable[None]], failed: str, seconds: float, pause: Callable[[float], Awaitable[None]]
) -> None:
    """Run it at the start, and *seconds* after each run; what keeps it from its end is logged as the event *failed*."""
    while True:
        with background.LoggedFailures(failed):
            await run()
        await pause(seconds)
