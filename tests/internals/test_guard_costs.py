"""What PostgreSQL's guards of the log cost those whom they do not concern."""

from typing import Any

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.engines import Database
from app.domain.model import CaseStatus, OverrideStatus
from tests.support.world import World

CONDITION_MAX = 2_500
"""Characters of a condition as PostgreSQL keeps it, of which it reads a thousand in 3 µs."""

KEPT_AFTER = 6
"""Executions after which PostgreSQL chooses whether to keep an execution plan (its manual's page on PREPARE)."""


@pytest.fixture
def on_server(database: Database) -> Database:
    if database.is_sqlite:
        pytest.skip("SQLite compiles a trigger with the statement that fires it, and keeps that")
    return database


async def test_a_guard_of_any_change_has_a_short_condition(on_server: Database) -> None:
    of_any_column = text(
        "SELECT tgname, length(CAST(tgqual AS text)) FROM pg_trigger"
        " WHERE tgrelid IN (CAST('cases' AS regclass), CAST('overrides' AS regclass), CAST('subjects' AS regclass))"
        " AND tgattr = '' AND tgqual IS NOT NULL"
    )
    async with on_server.read() as connection:
        lengths = [(name, length) for name, length in await connection.execute(of_any_column)]

    assert lengths
    assert [found for found in lengths if found[1] > CONDITION_MAX] == []


async def test_what_an_overrides_end_demands_of_the_log_is_not_planned_each_time(
    world: World, on_server: Database
) -> None:
    await world.case_in(CaseStatus.PENDING_REVIEW)

    async with on_server.write() as connection:
        planned = [await _plans_of_an_end(connection) for _ in range(KEPT_AFTER + 1)]

    assert planned[0] > 0
    assert planned[-1] == 0


async def _plans_of_an_end(connection: AsyncConnection) -> int:
    """Take an override back as nobody may, and return how many plans the guard that refuses it has made."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    messages: list[str] = []

    def note(_connection: object, message: Any) -> None:
        messages.append(message.message)

    nested = await connection.begin_nested()
    ended = {"status": OverrideStatus.CANCELLED, "version": tables.overrides.c.version + 1}
    await connection.execute(update(tables.overrides).values(ended))
    await connection.execute(text("SET LOCAL client_min_messages = 'log'"))
    await connection.execute(text("SET LOCAL debug_print_plan = 'on'"))
    driver.add_log_listener(note)
    with pytest.raises(IntegrityError, match="the log does not have this change of overrides"):
        await connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    await nested.rollback()
    driver.remove_log_listener(note)
    return messages.count("plan:")
