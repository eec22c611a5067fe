"""Actions that rest on their case's version: which way each went, and what becomes of one behind another."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import ExceptionContext, event, text

from app.actions.outcome import Outcome
from app.audit.verification import verify_log
from app.db.engines import Database
from app.db.repository.locks import lock_case
from app.domain.commands import (
    CaseCommand,
    Command,
)
from app.domain.errors import (
    Refusal,
)
from tests.support.database_contents import contents
from tests.support.recorded_sql import sql
from tests.support.world import Person, World


def ways(sent: list[str]) -> list[str]:
    """Return how each action among the statements went: without a lock, or with it."""
    read = [statement for statement in sent if _reads_case(statement)]
    return ["locked" if "FOR UPDATE" in statement else "alone" for statement in read]


def _reads_case(statement: str) -> bool:
    is_shared = statement.startswith("SELECT requested.place, cases.") and "JOIN subjects" in statement
    return is_shared or statement.startswith("SELECT cases.")


def ways_of(world: World, *tries: str) -> list[str]:
    """Return *tries* as the statements tell them. SQLite has one lock for all, of which they say nothing."""
    return ["alone"] * len(tries) if world.database.is_sqlite else list(tries)


async def assert_whole_log(world: World, case_id: UUID) -> list[str]:
    """Verify the case's log, whose numbers must have no gap, and return the types of its rows."""
    (verdict,) = [verdict async for verdict in verify_log(world.database, world.account_id, case_id)]
    assert verdict.fault is None
    found = await contents(world.database)
    rows = sorted((row["seq"], row["type"]) for row in found["case_actions"].values() if row["case_id"] == case_id)
    assert [seq for seq, _ in rows] == list(range(1, found["cases"][(case_id,)]["action_count"] + 1))
    assert len(found["comments"]) == sum(row["comment_id"] is not None for row in found["case_actions"].values())
    return [type_ for _, type_ in rows]


async def behind(
    elsewhere: World,
    first: tuple[Person, Command] | None,
    world: World,
    second: CaseCommand,
    by: Person | None = None,
) -> tuple[Any, list[str]]:
    """Let both wait for the case, and return what becomes of the *second*, and how it went; *by*: Carl, or somebody."""
    case_id = second.case_id
    records: list[list[str]] = []

    async def do() -> tuple[Outcome | Exception, list[str]]:
        with sql() as sent:
            records.append(sent)
            try:
                return await world.do(by or world.carl, second), ways(sent)
            except Refusal as refusal:
                return refusal, ways(sent)

    if first is not None and world.database.is_sqlite:
        # Who gets SQLite's one lock next is chance: the second waits for the one connection that it can write by.
        async with world.database.writer.lent():
            task = asyncio.create_task(do())
            for _ in range(600):
                await asyncio.sleep(0.05)
                if records and records[0]:
                    break
            await asyncio.sleep(0.2)
            assert not task.done()
            await elsewhere.do(*first)
        return await task

    tasks: list[asyncio.Task[Any]] = []
    async with elsewhere.database.write() as connection:
        await lock_case(connection, world.account_id, case_id)
        if first is not None:
            tasks.append(asyncio.create_task(elsewhere.do(*first)))
            await _waiting(elsewhere.database, len(tasks))
        tasks.append(asyncio.create_task(do()))
        await _waiting(elsewhere.database, len(tasks))
        assert not any(task.done() for task in tasks)
    *_, ended = await asyncio.gather(*tasks)
    outcome, went = ended
    return outcome, went


async def _waiting(database: Database, number: int) -> None:
    """Return once so many sessions wait for a lock of the database; SQLite does not say. Raises: TimeoutError."""
    if database.is_sqlite:
        await asyncio.sleep(0.2)
        return
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    for _ in range(600):
        async with database.read() as connection:
            if (await connection.execute(waiting)).scalar_one() >= number:
                return
        await asyncio.sleep(0.05)
    raise TimeoutError(f"fewer than {number} wait for a lock")


@contextmanager
def conflicts(*databases: Database) -> Iterator[list[str]]:
    """Yield a list that fills with the codes of what the server itself gives up, as deadlocks."""
    reported: list[str] = []

    def note(context: ExceptionContext) -> None:
        reported.append(str(getattr(context.original_exception, "sqlstate", context.original_exception)))

    for database in databases:
        event.listen(database.writer.engine.sync_engine, "handle_error", note)
    yield reported
