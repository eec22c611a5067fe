"""Prepared statements give what SQLAlchemy's own execution gives, and fail as it does."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Column, MetaData, Select, String, Table, Uuid, bindparam, func, literal, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app import clock
from app.db import tables
from app.db.connections import Connections
from app.db.engines import Database, open_database
from app.db.id_sets import also_among, among, of_account, requested_ids
from app.db.prepared import ACCOUNT, IDS, Prepared, write
from app.db.writes import inserted, updated
from app.domain.model import CaseStatus
from tests.support.recorded_sql import sql
from tests.support.world import World

CASES = select(*tables.cases.c).where(of_account(tables.cases.c.account_id, ACCOUNT), among(tables.cases.c.id, IDS))
SLOW = {
    "sqlite": text(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000) SELECT count(*) FROM n"
    ),
    "postgresql": text("SELECT pg_sleep(30)"),
}


def slow(database: Database) -> Any:
    return SLOW["sqlite" if database.is_sqlite else "postgresql"]


async def test_rows_are_what_sqlalchemy_makes_of_them(world: World) -> None:
    await world.case_in(CaseStatus.CLOSED)
    ids = [(await world.case_in(status)).case.id for status in (CaseStatus.PENDING_REVIEW, CaseStatus.RESOLVED)]
    values = {"account_id": world.account_id, "ids": [*ids, uuid4()]}

    async with world.database.read() as connection:
        own = [tuple(record) for record in await connection.execute(CASES, values)]
        prepared = await Prepared(CASES).records(connection, **values)

    assert len(own) == 2
    assert sorted(prepared) == sorted(own)
    assert {type(value) for row in prepared for value in row} == {type(value) for row in own for value in row}


@pytest.mark.parametrize("others", [0, 1, 9, 20])
async def test_ids_are_looked_for_by_a_plan_that_stays(world: World, others: int) -> None:
    case = (await world.open_case()).case
    statement = Prepared(select(tables.cases.c.id.label("only_case")).where(among(tables.cases.c.id, IDS)))
    plans = text("SELECT generic_plans FROM pg_prepared_statements WHERE statement LIKE 'SELECT cases.id AS only%'")
    ids = [*(uuid4() for _ in range(others)), case.id]
    async with world.database.read() as connection:
        found = [await statement.records(connection, ids=ids) for _ in range(20)]
        kept = 15 if world.database.is_sqlite else (await connection.execute(plans)).scalar_one()

    assert found == [[(case.id,)]] * 20
    assert kept == 15  # the first five are made for their ids, as PostgreSQL's manual on PREPARE says


async def test_each_id_has_its_place_however_many_there_are(world: World) -> None:
    case = (await world.open_case()).case
    statement = Prepared(placed_ids())
    async with world.database.read() as connection:
        places = [
            await statement.records(connection, ids=[*(uuid4() for _ in range(others)), case.id])
            for others in (0, 1, 9, 10, 20)
        ]
        unknown = [await statement.records(connection, ids=ids) for ids in ([], [uuid4()], [uuid4(), uuid4()])]

    assert places == [[(others, case.id)] for others in (0, 1, 9, 10, 20)]
    assert unknown == [[]] * 3


def placed_ids() -> Select[Any]:
    """Return the statement for the cases among ids, each with its place."""
    requested = requested_ids(IDS)
    joined = requested.join(tables.cases, tables.cases.c.id == requested.c.id)
    return select(requested.c.place, tables.cases.c.id).select_from(joined)


async def test_a_statement_without_rows_has_its_columns_all_the_same(world: World) -> None:
    async with world.database.read() as connection:
        columns = await Prepared(CASES).columns(connection, account_id=world.account_id, ids=[])
        assert await Prepared(CASES).first(connection, account_id=world.account_id, ids=[]) is None

    assert [list(column) for column in columns] == [[]] * len(tables.cases.c)


async def test_what_has_a_value_already_need_not_be_given(world: World) -> None:
    statement = Prepared(select(literal(7), bindparam("requested", type_=tables.cases.c.number.type)))
    async with world.database.read() as connection:
        assert await statement.first(connection, requested=8) == (7, 8)
        with pytest.raises(KeyError):
            await statement.first(connection)


async def test_listeners_see_it_as_they_see_others(world: World) -> None:
    async with world.database.read() as connection:
        with sql() as sent:
            await Prepared(CASES).records(connection, account_id=world.account_id, ids=[])

    assert len(sent) == 1
    assert sent[0].startswith("SELECT cases.id")


async def test_several_writes_are_all_done_or_none_is(world: World) -> None:
    case = (await world.open_case()).case
    good = updated(tables.accounts, world.account_id, name="Another")
    user = {"email": "ada@example.com", "display_name": "Ada", "active": True, "language": None}
    row = {"id": world.ada.id, "account_id": world.account_id, "created_at": clock.now(), **user}
    shown = Prepared(select(tables.accounts.c.name, tables.subjects.c.label))
    async with world.database.read() as connection:
        before = await shown.first(connection)

    with pytest.raises(IntegrityError) as raised:
        async with world.database.write() as connection:
            await write(connection, [good, inserted(tables.users, None, **row)])

    assert "Ada" not in str(raised.value)  # values are hidden, as in SQLAlchemy's own
    async with world.database.read() as connection:
        assert await shown.first(connection) == before
    async with world.database.write() as connection:
        await write(connection, [good, updated(tables.subjects, case.subject_id, label="New")])
    async with world.database.read() as connection:
        assert await shown.first(connection) == ("Another", "New")


async def test_a_reading_connection_can_not_write(world: World) -> None:
    case = (await world.open_case()).case
    with pytest.raises(DBAPIError):
        async with world.database.read() as connection:
            await write(connection, [updated(tables.cases, case.id, title="Another")])


async def test_who_is_cancelled_leaves_nothing_running_and_no_connection_lost(fresh_url: str) -> None:
    database = open_database(fresh_url, pool_size=1)
    try:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2), database.read() as connection:
                    await Prepared(slow(database)).records(connection)
        async with asyncio.timeout(30), database.read() as connection:
            assert await Prepared(select(func.count()).select_from(tables.cases)).first(connection) == (0,)
        assert database.connections_in_use() == {"reader": 0, "writer": 0}
    finally:
        await database.close()


async def test_rows_that_come_with_their_places_are_looked_for_in_an_index(database: Database) -> None:
    things = Table("things", MetaData(), Column("id", Uuid(), primary_key=True), Column("words", String()))
    requested = requested_ids(IDS)
    joined = select(requested.c.place).select_from(requested.join(things, things.c.id == requested.c.id))
    rows = [{"id": uuid4(), "words": "of some length" * 5} for _ in range(3_000)]
    ids = [row["id"] for row in rows[::150]]
    async with database.write() as connection:
        await connection.run_sync(things.create)
        await connection.execute(things.insert(), rows)
        await connection.execute(text("ANALYZE things"))
        prepared = Prepared(joined.where(also_among(things.c.id, IDS)))
        records = await prepared.records(connection, ids=ids)
        sent = prepared.text(connection.dialect)
        explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
        plan = await connection.exec_driver_sql(f"{explain} {sent.sql}", tuple(sent.parameters({"ids": ids})))
        steps = [str(step) for step in plan]

    assert sorted(records) == [(place,) for place in range(20)]
    assert [step for step in steps if "Seq Scan on things" in step or "SCAN things" in step] == []


# --- Connections -----------------------------------------------------------------------------------------------------


async def identity(database: Database) -> Any:
    """Return what tells a connection from others."""
    async with database.read() as connection:
        return (await connection.get_raw_connection()).driver_connection


async def test_a_connection_is_used_again_and_not_after_a_failure(database: Database) -> None:
    first = await identity(database)
    assert await identity(database) is first

    with pytest.raises(RuntimeError):
        async with database.read():
            raise RuntimeError("a refusal, say")
    assert await identity(database) is first
    with pytest.raises(DBAPIError):
        async with database.read() as connection:
            await connection.execute(text("SELECT nonsense"))

    assert database.connections_in_use()["reader"] == 0
    assert await identity(database) is not None


async def test_when_the_server_has_ended_a_connection_those_beside_it_are_not_used_either(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("there is no server")
    mine = select(func.pg_backend_pid())
    everybody = text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    async with database.read() as one, database.read() as two, database.read() as three:
        pids = [await connection.scalar(mine) for connection in (one, two, three)]
    async with database.write() as connection:
        assert await connection.scalar(everybody) == len(set(pids)) == 3

    with pytest.raises(DBAPIError):
        async with database.read() as connection:
            await Prepared(mine).first(connection)

    for _ in range(3):  # one failure is all that anybody sees
        async with database.read() as connection:
            await Prepared(mine).first(connection)


async def test_a_connection_that_was_lent_when_all_were_closed_is_closed_after(fresh_url: str) -> None:
    database = open_database(fresh_url)
    async with database.read() as connection:
        await connection.execute(select(1))
        await database.close()
    assert connection.closed


async def test_one_s_own_connection_is_none_that_others_get(fresh_url: str) -> None:
    database = open_database(fresh_url, pool_size=1)
    connections: Connections = database.reader
    try:
        async with database.read() as connection:
            await connection.execute(select(1))
        async with asyncio.timeout(30), connections.own() as own:
            assert await own.scalar(select(1)) == 1
        async with asyncio.timeout(30), database.read() as connection:
            assert await connection.scalar(select(1)) == 1
    finally:
        await database.close()
