"""What holds the logs back on PostgreSQL: no transaction of another database, and whichever it is, it is named."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import select

from app.audit.anchors.places import open_place
from app.audit.anchors.writing import Anchorer
from app.db import tables
from app.db.engines import Database
from app.db.log_lag import LogLag, log_lag
from app.domain.commands import AddComment
from tests.support.api import Api
from tests.support.manual import blocks, page
from tests.support.world import World

FOLLOW = "query($after: String) { actions(first: 100, after: $after) { nodes { id } pageInfo { endCursor } } }"


@pytest.fixture(autouse=True)
def on_postgresql(fresh_url: str) -> None:
    if fresh_url.startswith("sqlite"):
        pytest.skip("one writes at a time")


def elsewhere(url: str) -> str:
    """Return the URL of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path="/postgres"))


@asynccontextmanager
async def writing(url: str, name: str = "") -> AsyncIterator[Any]:
    """Have a transaction open that has a number, as one has that wrote something."""
    connection = await asyncpg.connect(url, server_settings={"application_name": name})
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.fetchval("SELECT pg_current_xact_id()")
        yield connection
        await transaction.rollback()
    finally:
        await connection.close()


async def followed(api: Api, world: World, cursor: str | None = None) -> tuple[list[str], str | None]:
    page = (await api.run(world.ada.token, FOLLOW, {"after": cursor}))["actions"]
    return [node["id"] for node in page["nodes"]], page["pageInfo"]["endCursor"] or cursor


async def test_a_transaction_of_another_database_holds_nothing_back(
    world: World, database: Database, fresh_url: str, api: Api, tmp_path: Path
) -> None:
    async with writing(elsewhere(fresh_url)):
        made = [str((await world.open_case()).action.id) for _ in range(3)]

        assert (await followed(api, world))[0] == made
        assert len(await Anchorer(database, open_place("", tmp_path), tmp_path / "anchors.key").anchor() or []) == 1
        assert await log_lag(database) == LogLag()


async def test_a_transaction_of_this_database_holds_back_and_is_named(
    world: World, database: Database, fresh_url: str, api: Api, tmp_path: Path
) -> None:
    first = str((await world.open_case()).action.id)
    async with writing(fresh_url, "nightly report") as connection:
        pid = connection.get_server_pid()
        second = str((await world.open_case()).action.id)
        await asyncio.sleep(1.1)

        lag = await log_lag(database)

        assert (await followed(api, world))[0] == [first]
        assert (lag.rows, [(holder.pid, holder.application, holder.state) for holder in lag.holders]) == (
            1,
            [(pid, "nightly report", "idle in transaction")],
        )
        assert 1 <= lag.seconds < 60
        assert 1 <= lag.holders[0].seconds < 60
    assert await log_lag(database) == LogLag()
    assert (await followed(api, world))[0] == [first, second]


async def test_who_only_reads_holds_nothing_back(world: World, database: Database, fresh_url: str, api: Api) -> None:
    connection = await asyncpg.connect(fresh_url)
    transaction = connection.transaction(isolation="repeatable_read")
    await transaction.start()
    await connection.fetchval("SELECT count(*) FROM cases")

    made = str((await world.open_case()).action.id)

    assert (await followed(api, world))[0] == [made]
    await transaction.rollback()
    await connection.close()


async def test_a_prepared_transaction_holds_back_in_its_own_database_alone(
    world: World, database: Database, fresh_url: str, api: Api
) -> None:
    first = str((await world.open_case()).action.id)
    for url, held in ((elsewhere(fresh_url), False), (fresh_url, True)):
        name, connection = f"transfer-{uuid4()}", await asyncpg.connect(url)
        if await connection.fetchval("SHOW max_prepared_transactions") == "0":
            await connection.close()
            pytest.skip("this server prepares no transactions")
        await connection.execute(f"BEGIN; SELECT pg_current_xact_id(); PREPARE TRANSACTION '{name}'")
        try:
            made = str((await world.open_case()).action.id)
            lag = await log_lag(database)

            assert (made in (await followed(api, world))[0]) is not held
            assert [(holder.pid, holder.application, holder.state) for holder in lag.holders] == (
                [(None, name, "prepared")] if held else []
            )
        finally:
            await connection.execute(f"ROLLBACK PREPARED '{name}'")
            await connection.close()
    assert (await followed(api, world))[0][0] == first


async def disturb(url: str, chance: random.Random, done: asyncio.Event) -> None:
    """Begin and end transactions that have numbers, until *done*."""
    connection = await asyncpg.connect(url)
    while not done.is_set():
        async with connection.transaction():
            await connection.fetchval("SELECT pg_current_xact_id()")
            await asyncio.sleep(chance.random() / 30)
    await connection.close()


async def test_followers_miss_nothing_whatever_is_under_way_in_whichever_database(
    world: World, fresh_url: str, api: Api
) -> None:
    """Writers commit in another order than they began, beside long and short transactions of both databases."""
    cases = [(await world.open_case()).case.id for _ in range(6)]
    people = (world.ada, world.carl, world.rosa, world.bea, world.rolf, world.ada)
    chance, done = random.Random(16), asyncio.Event()

    async def write(number: int) -> None:
        for _ in range(12):
            await world.do(people[number], AddComment(case_id=cases[number], comment="more"))
            await asyncio.sleep(chance.random() / 60)

    urls = [fresh_url, elsewhere(fresh_url)] * 2
    disturbing = [asyncio.create_task(disturb(url, chance, done)) for url in urls]
    writing_all = asyncio.gather(*map(write, range(6)))
    seen, cursor = await followed(api, world)
    while not writing_all.done():
        more, cursor = await followed(api, world, cursor)
        seen += more
    await writing_all
    done.set()
    await asyncio.gather(*disturbing)
    more, cursor = await followed(api, world, cursor)

    async with world.database.read() as connection:
        everything = [str(id) for id in await connection.scalars(select(tables.case_actions.c.id))]
    assert sorted(seen + more) == sorted(everything)
    assert len(everything) == 6 * 13


async def ready_when(api: Api, is_held: bool) -> Any:
    """Return what /ready answers once it tells, or no longer tells, what holds the logs back."""
    answer = await api.client.get("/ready")
    for _ in range(200):
        if ("log" in answer.json()) is is_held:
            break
        await asyncio.sleep(0.1)
        answer = await api.client.get("/ready")
    return answer


async def test_an_alarm_names_what_holds_the_logs_back_and_the_server_stays_ready(
    world: World, fresh_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.server.log_lag.LOOK_S", 0.1)
    async with Api.opened(fresh_url, log_lag_alarm=1, metrics=True) as api:
        before = await ready_when(api, is_held=False)
        async with writing(fresh_url, "nightly report") as connection:
            await world.open_case()
            held = await ready_when(api, is_held=True)
            pid = connection.get_server_pid()
            metrics = (await api.client.get("/metrics")).text
        after = await ready_when(api, is_held=False)

    assert before.json() == after.json() == {"status": "ready"}
    assert held.status_code == 200
    (holder,) = held.json()["log"]["heldBackBy"]
    assert (holder["pid"], holder["application"], holder["state"]) == (pid, "nightly report", "idle in transaction")
    assert "casegate_log_lag_rows 1.0" in metrics
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if "log_held_back" in line]
    assert lines[0]["heldBackBy"][0]["pid"] == pid
    (printed,) = (json.loads(block.text) for block in blocks("json", page=page("log.md")))
    assert form(printed) == form(held.json())


def form(value: Any) -> Any:
    """Return the names and types of a value in JSON."""
    if isinstance(value, dict):
        return {name: form(item) for name, item in value.items()}
    return [form(item) for item in value] if isinstance(value, list) else type(value)
