"""Background tasks go on after the database was away, and are seen to end where they do."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from app import clock
from app.auth.identity import TokenUse
from app.db.engines import Database, open_database
from app.server.background import background_tasks, keep_retention, run_housekeeping
from tests.support.ports import free_port


class Stopped(Exception):
    """Ends a task that would go on."""


class Pauses:
    """Pauses that are over at once; the one after *number* of them ends the task."""

    def __init__(self, number: int) -> None:
        self.number = number

    async def __call__(self, seconds: float) -> None:
        self.number -= 1
        if self.number < 0:
            raise Stopped


@pytest.fixture
async def away() -> AsyncIterator[Database]:
    """A database whose server does not run."""
    database = open_database(f"postgresql+asyncpg://nobody@127.0.0.1:{free_port()}/nothing")
    yield database
    await database.close()


async def test_retention_goes_on_after_the_database_was_away(away: Database) -> None:
    with pytest.raises(Stopped):
        await keep_retention(away, clock.now, Pauses(2))


async def test_housekeeping_goes_on_after_the_database_was_away(away: Database) -> None:
    with pytest.raises(Stopped):
        await run_housekeeping(away, TokenUse(), 24, Pauses(2))


async def test_a_task_that_ends_by_a_fault_is_logged_and_one_that_is_ended_is_not() -> None:
    async def fail() -> None:
        raise Stopped

    async def wait() -> None:
        await asyncio.Event().wait()

    with capture_logs() as lines:
        async with background_tasks(fail(), wait()):
            await asyncio.sleep(0)  # both begin

    assert [(line["event"], type(line["exc_info"])) for line in lines] == [("background_task_failed", Stopped)]
    assert lines[0]["task"].endswith("fail")
