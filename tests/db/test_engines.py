"""The engines: who can write, what a transaction loses and keeps, how times come back, and what an error tells."""

import asyncio
import traceback
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from sqlalchemy import func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.db import tables
from app.db.engines import Database, Timeouts, open_database
from app.db.errors import violated_constraint
from tests.support.world import World

PEOPLE = select(func.count()).select_from(tables.users)


async def read(database: Database, statement: Any) -> Any:
    async with database.read() as connection:
        return await connection.scalar(statement)


def new_person(world: World, **values: Any) -> Any:
    row = {
        "id": uuid4(),
        "account_id": world.account_id,
        "email": f"{uuid4()}@example.com",
        "display_name": "Nora",
        "active": True,
        "created_at": datetime.now(UTC),
    }
    return insert(tables.users).values(row | values)


# --- Reading and writing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["read", "snapshot"])
async def test_readers_cannot_write(world: World, way: str) -> None:
    database = world.database
    before = await read(database, PEOPLE)

    for statement in (new_person(world), update(tables.users).values(active=False), text("CREATE TABLE mine (id INT)")):
        with pytest.raises(DBAPIError, match=r"readonly database|read-only transaction"):
            async with getattr(database, way)() as connection:
                await connection.execute(statement)

    assert await read(database, PEOPLE) == before
    assert await read(database, select(func.count()).where(tables.users.c.active.is_(False))) == 0


async def test_a_transaction_is_written_whole_or_not_at_all(world: World) -> None:
    database = world.database
    before = await read(database, PEOPLE)

    async def fail_on_the_way() -> None:
        async with database.write() as connection:
            await connection.execute(new_person(world))
            raise RuntimeError("on the way")

    with pytest.raises(RuntimeError):
        await fail_on_the_way()
    assert await read(database, PEOPLE) == before

    async with database.write() as connection:
        await connection.execute(new_person(world))
        assert await read(database, PEOPLE) == before
    assert await read(database, PEOPLE) == before + 1


async def test_a_snapshot_sees_one_moment_whatever_is_written_meanwhile(world: World) -> None:
    database = world.database
    async with database.snapshot() as connection:
        before = await connection.scalar(PEOPLE) or 0
        async with database.write() as writing:
            await writing.execute(new_person(world))
        assert await read(database, PEOPLE) == before + 1

        assert await connection.scalar(PEOPLE) == before

    async with database.snapshot() as connection:
        assert await connection.scalar(PEOPLE) == before + 1


async def test_committed_rows_are_there_when_the_database_is_opened_again(fresh_url: str, world: World) -> None:
    async with world.database.write() as connection:
        await connection.execute(new_person(world, email="nora@example.com"))

    other = open_database(fresh_url)
    try:
        names = await read(other, select(tables.users.c.display_name).where(tables.users.c.email == "nora@example.com"))
    finally:
        await other.close()
    assert names == "Nora"


async def test_200_transactions_at_once_that_read_add_and_write_lose_nothing(fresh_url: str, world: World) -> None:
    """Of these, SQLite's driver left 4 with the way in which it begins a transaction by itself."""
    account = tables.accounts
    count = select(account.c.case_count).where(account.c.id == world.account_id)

    async def add_one(database: Database) -> None:
        async with database.write() as connection:
            found = await connection.scalar(count.with_for_update())
            await asyncio.sleep(0)
            await connection.execute(
                update(account).where(account.c.id == world.account_id).values(case_count=(found or 0) + 1)
            )

    # Several nodes, or workers: the lock is the database's, not a pool's.
    async with AsyncExitStack() as opened:
        nodes = [open_database(fresh_url, patience=Timeouts(pool=60, lock=60)) for _ in range(4)]  # on a slow machine
        for node in nodes:
            opened.push_async_callback(node.close)
        await asyncio.gather(*(add_one(nodes[number % 4]) for number in range(200)))

    assert await read(world.database, count) == 200


# --- How the connections are set up ----------------------------------------------------------------------------------


async def setting_of(database: Database, name: str, *, writing: bool) -> str:
    statement = text(f"PRAGMA {name}" if database.is_sqlite else f"SHOW {name}")
    async with database.write() if writing else database.read() as connection:
        return str(await connection.scalar(statement))


@pytest.mark.parametrize("writing", [False, True], ids=["reader", "writer"])
async def test_each_connection_is_set_up_for_durability_and_bounded_waits(database: Database, writing: bool) -> None:
    expected = (
        {
            "journal_mode": "wal",
            "synchronous": "2",  # FULL: what is acknowledged survives a power cut
            "foreign_keys": "1",
            "busy_timeout": "5000",
            "query_only": "0" if writing else "1",
        }
        if database.is_sqlite
        else {
            "TimeZone": "UTC",
            "lock_timeout": "5s",
            "statement_timeout": "10s",
            "idle_in_transaction_session_timeout": "20s",
            "application_name": "casegate",
            "default_transaction_read_only": "off" if writing else "on",
            "transaction_isolation": "read committed",
            "jit": "off",
            "max_parallel_workers_per_gather": "0",
        }
    )

    found = {name: await setting_of(database, name, writing=writing) for name in expected}

    assert found == expected


@pytest.mark.parametrize(
    ("reported", "found"), [("off", "on"), ("on", "on"), ("remote_apply", "remote_apply"), ("local", "local")]
)
async def test_a_commit_waits_for_the_disk_whatever_postgresql_s_settings_say(
    fresh_url: str, reported: str, found: str
) -> None:
    if fresh_url.startswith("sqlite"):
        pytest.skip("SQLite's writer is seen above")
    before, database = open_database(fresh_url), open_database(fresh_url)
    name = urlsplit(fresh_url).path.removeprefix("/")
    async with before.write() as connection:
        await connection.execute(text(f'ALTER DATABASE "{name}" SET synchronous_commit = {reported}'))
    await before.close()

    seen = [await setting_of(database, "synchronous_commit", writing=True) for _ in range(2)]
    await database.close()

    assert seen == [found] * 2


async def test_a_snapshot_on_postgresql_gives_its_connection_back_as_it_was(database: Database) -> None:
    for _ in range(3):
        async with database.snapshot() as connection:
            await connection.execute(select(1))
    if not database.is_sqlite:
        assert await setting_of(database, "transaction_isolation", writing=False) == "read committed"

    async with database.read() as connection:
        assert await connection.scalar(PEOPLE) == 0


async def test_a_pool_is_no_larger_than_it_was_set(fresh_url: str) -> None:
    database = open_database(fresh_url, pool_size=2)
    entered, leave = asyncio.Semaphore(0), asyncio.Event()

    async def hold() -> None:
        async with database.read() as connection:
            await connection.execute(select(1))
            entered.release()
            await leave.wait()

    tasks = [asyncio.create_task(hold()) for _ in range(3)]
    try:
        await entered.acquire()
        await entered.acquire()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(entered.acquire(), 0.2)
    finally:
        leave.set()
        await asyncio.gather(*tasks)
        await database.close()


# --- Values and errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [0, 2, -11])
async def test_a_time_comes_back_as_the_same_moment_in_utc(world: World, hours: int) -> None:
    moment = datetime(2026, 11, 24, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=hours)))
    async with world.database.write() as connection:
        await connection.execute(new_person(world, email="nora@example.com", created_at=moment))

    found = await read(
        world.database, select(tables.users.c.created_at).where(tables.users.c.email == "nora@example.com")
    )

    assert found == moment
    assert found.tzinfo is UTC or found.utcoffset() == timedelta(0)
    assert found.isoformat().endswith("999999+00:00")


async def test_times_are_compared_as_moments(world: World) -> None:
    tokyo = datetime(2026, 11, 24, 9, tzinfo=timezone(timedelta(hours=9)))  # midnight in UTC
    async with world.database.write() as connection:
        await connection.execute(new_person(world, email="nora@example.com", created_at=tokyo))
    nora = select(func.count()).where(tables.users.c.email == "nora@example.com")

    before = await read(world.database, nora.where(tables.users.c.created_at < datetime(2026, 11, 24, 1, tzinfo=UTC)))
    after = await read(world.database, nora.where(tables.users.c.created_at > datetime(2026, 11, 24, 1, tzinfo=UTC)))

    assert (before, after) == (1, 0)


@pytest.mark.parametrize(
    "values",
    [
        {"email": "hunter2@example.com"},
        {"display_name": None, "email": "hunter2"},
        {"account_id": uuid4(), "email": "hunter2"},
    ],
    ids=["unique", "not null", "foreign key"],
)
async def test_an_error_and_its_traceback_contain_no_values(world: World, values: dict[str, Any]) -> None:
    async with world.database.write() as connection:
        await connection.execute(new_person(world, email="hunter2@example.com"))

    with pytest.raises(IntegrityError) as raised:
        async with world.database.write() as connection:
            await connection.execute(new_person(world, **values))

    reported = "".join(traceback.format_exception(raised.value))
    assert "INSERT INTO users" in reported
    assert "hunter2" not in reported
    assert str(values.get("account_id", "hunter2")) not in reported
    constraint = violated_constraint(raised.value)
    assert constraint is None or "hunter2" not in constraint


async def test_a_value_that_is_no_member_of_its_enum_is_a_fault_and_not_a_guess(world: World) -> None:
    async with world.database.write() as connection:
        await connection.execute(text("UPDATE accounts SET default_language = 'XX'"))

    with pytest.raises(KeyError, match="XX"):
        await read(world.database, select(tables.accounts.c.default_language))


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://h/n", "nothing", ""])
def test_what_is_no_database_of_ours_is_not_opened(url: str) -> None:
    with pytest.raises(ValueError, match=r"SQLite needs a file|is not supported|not a database URL"):
        open_database(url)
