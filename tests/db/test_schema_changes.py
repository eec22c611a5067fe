"""A migration beside requests: what it waits for, and what it leaves to connections that were there before it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from sqlalchemy import Uuid, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from app.db import tables
from app.db.engines import Database, Timeouts, open_database
from app.db.migrate import LOCK, migrate
from app.db.migration_steps import steps
from app.db.prepared import ACCOUNT, Prepared
from app.db.retry import attempt
from app.db.revisions import revision
from tests.support.world import World

AT_ONCE = 6
"""Connections that have prepared the statement before: more than there are tries of a transaction."""


@pytest.fixture
def on_postgresql(fresh_url: str) -> None:
    if fresh_url.startswith("sqlite"):
        pytest.skip("its statements are compiled anew, and one writes at a time")


async def widen(url: str, table: str, column: str) -> None:
    """Change the type that a statement's result has, as a migration does."""
    connection = await asyncpg.connect(url)
    await connection.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE varchar(999)")
    await connection.execute(f"ALTER TABLE {table} ADD COLUMN later integer NOT NULL DEFAULT 0")
    await connection.close()


@pytest.mark.usefixtures("on_postgresql")
async def test_a_read_goes_on_after_a_column_was_made_wider(world: World, fresh_url: str) -> None:
    names = select(tables.users.c.display_name).order_by(tables.users.c.display_name)

    async def read() -> list[str]:
        async with world.database.read() as connection:
            return list(await connection.scalars(names))

    before = await read()
    await widen(fresh_url, "users", "display_name")

    assert await read() == before


@pytest.mark.usefixtures("on_postgresql")
async def test_a_transaction_goes_on_after_a_column_was_made_wider_whichever_connection_it_has(
    world: World, fresh_url: str
) -> None:
    case_id, together = (await world.open_case()).case.id, asyncio.Barrier(AT_ONCE)

    async def look(connection: AsyncConnection) -> str | None:
        found = await subject_of.first(connection, account_id=world.account_id, case_id=case_id)
        return None if found is None else found[0]

    async def look_together(connection: AsyncConnection) -> str | None:
        found = await look(connection)
        await together.wait()
        return found

    subject_of = Prepared(
        select(tables.subjects.c.external_ref)
        .join(tables.cases, tables.cases.c.subject_id == tables.subjects.c.id)
        .where(tables.cases.c.account_id == ACCOUNT, tables.cases.c.id == bindparam("case_id", type_=Uuid()))
    )
    before = await asyncio.gather(*(attempt(world.database, look_together) for _ in range(AT_ONCE)))
    await widen(fresh_url, "subjects", "external_ref")

    assert {await attempt(world.database, look)} == set(before)


@asynccontextmanager
async def behind(url: str, before: str) -> AsyncIterator[Database]:
    """Yield the database at an earlier revision, to be migrated by who waits for no lock."""
    database = open_database(url, patience=Timeouts(lock=0.1))
    await migrate(database, before)
    yield database
    await database.close()


@pytest.mark.usefixtures("on_postgresql")
async def test_a_migration_lets_others_by_while_a_table_is_in_use(fresh_url: str) -> None:
    async with behind(fresh_url, "0022") as database:
        reader, other = await asyncpg.connect(fresh_url), await asyncpg.connect(fresh_url)
        reading = reader.transaction()
        await reading.start()
        await reader.fetch("SELECT id FROM webhooks")  # which the next step alters

        with capture_logs() as logs:
            migrating = asyncio.create_task(migrate(database))
            while not any(line["event"] == "migration_waits" for line in logs):
                await other.fetch("SELECT id FROM webhooks")  # it waits behind the step, and comes by
            assert not migrating.done()
            await reading.commit()
            await migrating

        assert await revision(database) == steps()[-1].revision
        await reader.close()
        await other.close()


@pytest.mark.usefixtures("on_postgresql")
async def test_a_node_waits_for_another_one_s_migration_however_long_it_takes(fresh_url: str) -> None:
    async with behind(fresh_url, "0022") as database:
        other = await asyncpg.connect(fresh_url)
        await other.execute("SELECT pg_advisory_lock($1)", LOCK)

        migrating = asyncio.create_task(migrate(database))
        done, _ = await asyncio.wait([migrating], timeout=0.5)  # longer than it waits for a lock
        assert not done
        await other.execute("SELECT pg_advisory_unlock($1)", LOCK)
        await migrating

        assert await revision(database) == steps()[-1].revision
        await other.close()
