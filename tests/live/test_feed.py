"""The feed: each row once, in order, to everybody who listens, whoever writes meanwhile and whatever is cut."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import Engine, and_, event, literal_column, select, text, update

from app.actions.perform import perform
from app.db import tables
from app.db.engines import Database, open_database
from app.db.repository.log import LogKey
from app.db.repository.log_tail import BEGINNING, log_tail, safe_position
from app.domain.commands import AddComment
from app.live import tail
from app.live.feed import Feed
from app.live.notices import CommitNotices, announcing
from app.observability import metrics
from tests.support.recorded_sql import sql
from tests.support.tampering import tamper
from tests.support.world import World, make_world

WRITERS, ROWS, LISTENERS = 8, 12, 12
PATIENCE_S = 60


@asynccontextmanager
async def running(database: Database, poll: float = 0.2) -> AsyncIterator[Feed]:
    feed = Feed(database, poll)
    task = asyncio.create_task(feed.run())
    try:
        yield feed
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def another(url: str) -> AsyncIterator[Database]:
    """Yield the database as another process has it."""
    database = open_database(url)
    try:
        yield database
    finally:
        await database.close()


async def comment(world: World, case_id: UUID) -> UUID:
    return (await world.do(world.carl, AddComment(case_id=case_id, comment="x"))).action.id


async def keys_of(world: World) -> list[LogKey]:
    """Return the keys of the account's whole log, in order."""
    column = tables.case_actions.c
    async with world.database.read() as connection:
        rows = await connection.execute(
            select(column.position, column.id)
            .where(column.account_id == world.account_id)
            .order_by(column.position, column.id)
        )
        return [(position, UUID(str(id))) for position, id in rows]


async def heard(feed: Feed, account_id: UUID, after: LogKey | None, until: Callable[[list[LogKey]], bool]) -> Any:
    """Return the keys of the rows that a listener takes, until they are enough."""
    found: list[LogKey] = []
    async with asyncio.timeout(PATIENCE_S), feed.listening(account_id, after) as listener:
        while not until(found):
            batch = await listener.take()
            found += [(place.key[0], UUID(str(place.key[1]))) for place in batch.places]
            if batch.is_last and not until(found):
                await listener.wait()
    return found


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not await holds():
        assert time.monotonic() < end, "it never came about"
        await asyncio.sleep(0.02)


async def is_idle(database: Database) -> bool:
    """Tell whether nothing was read for a while."""
    for _ in range(10):
        if database.reader.lent_out:
            return False
        await asyncio.sleep(0.02)
    return True


async def are_listening(feed: Feed, number: int = 1) -> bool:
    """Tell whether so many have begun to listen."""
    tails = list(feed._tails.values())
    return bool(tails) and all(tail.is_ready for tail in tails) and sum(len(tail.followers) for tail in tails) == number


async def test_listeners_that_start_anywhere_have_each_row_once_and_in_order_while_many_write(world: World) -> None:
    cases = [(await world.open_case()).case.id for _ in range(WRITERS)]
    total = WRITERS * (1 + ROWS)

    async def write(case_id: UUID) -> None:
        for _ in range(ROWS):
            await comment(world, case_id)

    async def listen(feed: Feed) -> tuple[LogKey, list[LogKey]]:
        await asyncio.sleep(random.uniform(0, 0.5))
        async with world.database.read() as connection:
            safe = await safe_position(connection)
        shown = [key for key in await keys_of(world) if key[0] < safe]  # others are no cursors yet
        after = random.choice([BEGINNING, *shown])
        count = total - len([key for key in shown if key <= after])
        return after, await heard(feed, world.account_id, after, lambda found: len(found) >= count)

    async with running(world.database) as feed:
        writing = asyncio.gather(*map(write, cases))
        results = await asyncio.gather(*(listen(feed) for _ in range(LISTENERS)))
        await writing

    log = await keys_of(world)
    assert len(log) == total
    for after, found in results:
        assert found == [key for key in log if key > after]


async def test_what_a_late_commit_holds_back_comes_in_its_order(world: World, fresh_url: str) -> None:
    if world.database.is_sqlite:
        pytest.skip("one writes at a time")
    case_id = (await world.open_case()).case.id
    connection = await asyncpg.connect(fresh_url)
    transaction = connection.transaction()
    await transaction.start()
    await connection.fetchval("SELECT pg_current_xact_id()")

    async with running(world.database) as feed:
        task = asyncio.create_task(heard(feed, world.account_id, BEGINNING, lambda found: len(found) >= 5))
        for _ in range(4):
            await comment(world, case_id)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(task), 0.7)
        await transaction.rollback()
        found = await task

    await connection.close()
    assert found == await keys_of(world)


@pytest.mark.parametrize("rows_max", [3, 256])
async def test_who_is_slower_than_the_memory_misses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, rows_max: int
) -> None:
    monkeypatch.setattr(tail, "ROWS_MAX", rows_max)
    case_id = (await world.open_case()).case.id

    async with running(world.database) as feed, feed.listening(world.account_id) as listener:
        ids = []
        found: list[UUID] = []
        for more in range(3):
            ids += [await comment(world, case_id) for _ in range(4 + 3 * more)]
            while len(found) < len(ids):
                batch = await listener.take()
                found += [place.action.id for place in batch.places]
                if batch.is_last and len(found) < len(ids):
                    await asyncio.wait_for(listener.wait(), PATIENCE_S)

    assert found == ids


async def test_rows_that_were_kept_long_enough_are_read_anew(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "KEPT_S", 0)
    case_id = (await world.open_case()).case.id

    found: list[UUID] = []
    async with running(world.database, 0.05) as feed, feed.listening(world.account_id) as listener:
        ids = [await comment(world, case_id) for _ in range(3)]
        await asyncio.sleep(0.2)  # some are read and forgotten, or all, or none yet
        while len(found) < 3:
            batch = await listener.take()
            found += [place.action.id for place in batch.places]
            if batch.is_last and len(found) < 3:
                await asyncio.wait_for(listener.wait(), PATIENCE_S)

    assert found == ids


async def test_a_hundred_listeners_cause_the_statements_of_one(world: World) -> None:
    case_id = (await world.open_case()).case.id

    async def statements(listeners: int) -> list[str]:
        with sql() as sent:
            async with running(world.database, 60) as feed:
                tasks = [
                    asyncio.create_task(heard(feed, world.account_id, None, lambda found: len(found) >= 2))
                    for _ in range(listeners)
                ]

                await until(partial(are_listening, feed, listeners))
                await asyncio.sleep(0.1)
                seen = len(sent)
                for _ in range(2):
                    await comment(world, case_id)
                    await asyncio.sleep(0.3)
                found = await asyncio.gather(*tasks)
        assert all(keys == found[0] for keys in found)
        return [statement for statement in sent[:seen] if "pg_notify" not in statement] + [
            statement for statement in sent[seen:] if "safe AS" in statement
        ]

    one, hundred = await statements(1), await statements(100)

    assert len(one) > 0
    assert len(hundred) <= len(one) + 3  # a look may be cut in two by a commit


async def test_without_listeners_nothing_is_read(world: World) -> None:
    async with running(world.database, 0.05) as feed:
        await heard(feed, world.account_id, BEGINNING, lambda _: True)
        seen: list[str] | None = None
        for _ in range(20):  # the last look may still be under way
            if seen != []:
                with sql() as seen:
                    await asyncio.sleep(0.3)

    assert seen == []
    assert feed._tails == {}


async def test_the_metrics_tell_who_listens_and_how_far_behind_the_slowest_is(world: World) -> None:
    case_id = (await world.open_case()).case.id
    names, seen = ("casegate_log_listeners", "casegate_log_listener_lag_rows"), [list[float | None]()]

    async def are(number: int, rows: int) -> bool:
        found = [metrics.REGISTRY.get_sample_value(name) for name in names]
        if found == [number, rows] and found != seen[-1]:
            seen.append(found)
        return found == [number, rows]

    async with running(world.database, 0.05) as feed:
        async with feed.listening(world.account_id), feed.listening(world.account_id) as other:
            await until(partial(are, 2, 0))
            for _ in range(3):
                await comment(world, case_id)
            await other.wait()
            await until(partial(are, 2, 3))
        await until(partial(are, 0, 0))

    assert seen[1:] == [[2, 0], [2, 3], [0, 0]]


async def test_who_goes_leaves_nothing_and_the_others_go_on(world: World) -> None:
    case_id = (await world.open_case()).case.id
    async with running(world.database) as feed:
        waiting = [
            asyncio.create_task(heard(feed, world.account_id, None, lambda found: len(found) >= 1)) for _ in range(5)
        ]
        await until(partial(are_listening, feed, 5))
        for task in waiting[:4]:
            task.cancel()
        await asyncio.gather(*waiting[:4], return_exceptions=True)
        id = await comment(world, case_id)

        ((_, found),) = await waiting[4]

    assert found == id
    assert feed._tails == {}


async def test_a_row_that_can_not_be_read_ends_the_listeners_of_its_account_alone(world: World, fresh_url: str) -> None:
    other = await make_world(world.database)
    spoiled, case_id = (await other.open_case()).case.id, (await world.open_case()).case.id
    row = and_(tables.case_actions.c.account_id == other.account_id, tables.case_actions.c.seq == 2)

    async with running(world.database, 60) as feed, feed.listening(other.account_id) as listener:
        task = asyncio.create_task(heard(feed, world.account_id, BEGINNING, lambda found: len(found) >= 2))
        await until(partial(are_listening, feed, 2))
        await until(partial(is_idle, world.database))  # else the row may be read before it is spoiled
        async with another(fresh_url) as elsewhere:  # of which the feed hears nothing
            command = AddComment(case_id=spoiled, comment="x")
            await perform(elsewhere, other.carl.actor, command, request_id="test")
            await tamper(elsewhere, update(tables.case_actions).where(row).values(type=literal_column("'NONE'")))
        await comment(world, case_id)

        assert await task == await keys_of(world)
        await asyncio.wait_for(listener.wait(), PATIENCE_S)
        with pytest.raises(LookupError):
            await listener.take()
        with pytest.raises(LookupError):
            await heard(feed, other.account_id, BEGINNING, lambda found: len(found) >= 9)


async def test_logs_of_several_accounts_are_followed_each_by_its_own(world: World) -> None:
    others = [await make_world(world.database) for _ in range(2)]
    worlds = [world, *others]
    async with running(world.database) as feed:
        tasks = [
            asyncio.create_task(heard(feed, each.account_id, BEGINNING, lambda found: len(found) >= 4))
            for each in worlds
        ]
        for each in worlds:
            case_id = (await each.open_case()).case.id
            for _ in range(3):
                await comment(each, case_id)
        found = await asyncio.gather(*tasks)

    assert found == [await keys_of(each) for each in worlds]


@pytest.mark.parametrize("poll", [0.2, 60])
async def test_what_another_process_commits_is_seen(world: World, fresh_url: str, poll: float) -> None:
    if world.database.is_sqlite and poll > 1:
        pytest.skip("only PostgreSQL tells of it")
    case_id = (await world.open_case()).case.id

    async with running(world.database, 60), another(fresh_url) as other, running(other, poll) as feed:
        task = asyncio.create_task(heard(feed, world.account_id, None, lambda found: len(found) >= 1))
        await until(partial(are_listening, feed))
        if not world.database.is_sqlite:
            await listening_pids(world.database, 1)
        id = await comment(world, case_id)

        ((_, found),) = await task

    assert found == id


async def listening_pids(database: Database, number: int, but: frozenset[int] = frozenset()) -> frozenset[int]:
    """Return the sessions that listen to commits, as soon as there are so many beside some."""
    statement = text(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%casegate_log%'"
    )
    found: frozenset[int] = frozenset()

    async def are_there() -> bool:
        nonlocal found
        async with database.read() as connection:
            found = frozenset((await connection.scalars(statement)).all()) - but
        return len(found) >= number

    await until(are_there)
    return found


async def test_a_listening_connection_that_is_cut_is_made_again(
    world: World, fresh_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if world.database.is_sqlite:
        pytest.skip("there is none")
    monkeypatch.setattr("app.live.notices.RETRY_S", 0.1)
    case_id = (await world.open_case()).case.id

    async with running(world.database, 60), another(fresh_url) as other, running(other, 60) as feed:
        task = asyncio.create_task(heard(feed, world.account_id, None, lambda found: len(found) >= 1))
        await until(partial(are_listening, feed))
        pids = await listening_pids(world.database, 1)
        async with world.database.write() as connection:
            await connection.execute(text(f"SELECT pg_terminate_backend({min(pids)})"))
        await listening_pids(world.database, 1, pids)
        id = await comment(world, case_id)

        ((_, found),) = await task

    assert found == id


async def test_what_a_command_commits_wakes_listeners_of_another_process(world: World, fresh_url: str) -> None:
    if world.database.is_sqlite:
        pytest.skip("its listeners look, see below")
    case_id = (await world.open_case()).case.id

    async def work(database: Database) -> UUID:
        command = AddComment(case_id=case_id, comment="x")
        return (await perform(database, world.carl.actor, command, request_id="test")).action.id

    async with another(fresh_url) as other, running(other, 60) as feed:  # which would find it after a minute
        task = asyncio.create_task(heard(feed, world.account_id, None, lambda found: len(found) >= 1))
        await until(partial(are_listening, feed))
        await listening_pids(world.database, 1)
        async with another(fresh_url) as command_database, announcing(command_database):
            id = await work(command_database)

        ((_, found),) = await task

    assert found == id


async def test_all_connections_that_are_cut_interrupt_no_listener(world: World, fresh_url: str) -> None:
    if world.database.is_sqlite:
        pytest.skip("there is no server")
    case_id = (await world.open_case()).case.id
    cut = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    async with another(fresh_url) as other, running(other, 0.1) as feed:
        task = asyncio.create_task(heard(feed, world.account_id, BEGINNING, lambda found: len(found) >= 4))
        for _ in range(3):
            await comment(world, case_id)
            async with world.database.write() as connection:
                await connection.execute(cut)

        found = await task

    assert found == await keys_of(world)


async def test_notices_of_another_form_and_of_oneself_are_passed_over(world: World) -> None:
    taken: list[UUID] = []
    own, other = (CommitNotices(world.database, taken.append) for _ in range(2))

    for payload in ("", own._sender, f"{own._sender} {world.account_id.hex}"):
        own._hear(payload)
    other._hear(f"{own._sender} {world.account_id.hex}")

    assert taken == [world.account_id]


async def test_a_page_is_sought_in_an_index_and_never_sorted(world: World) -> None:
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        sent.append((statement, parameters))

    async with world.database.read() as connection:
        event.listen(Engine, "before_cursor_execute", note)
        await log_tail(connection, [world.account_id], (1, UUID(int=0)), 100)
        event.remove(Engine, "before_cursor_execute", note)
    ((statement, parameters),) = sent

    async with world.database.snapshot() as connection:
        if world.database.is_sqlite:
            explained = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            steps = [str(step) for *_, step in explained]
            assert any("(account_id=? AND (position,id)>(?,?)" in step for step in steps), steps
            return
        for setting in ("enable_seqscan", "enable_bitmapscan"):  # the table is small
            await connection.execute(text(f"SET LOCAL {setting} = off"))
        explained = await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        lines = [str(line).strip() for (line,) in explained]
    limit = next(index for index, line in enumerate(lines) if "Limit" in line)
    assert not any("Sort" in line for line in lines[limit:]), lines
    assert any("Index Scan using ix_case_actions_account_id_position_id" in line for line in lines[limit:]), lines
