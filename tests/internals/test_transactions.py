"""Transactions whose ends go to the driver at once begin, end and fail as SQLAlchemy's own do."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app import clock
from app.db import tables
from app.db.engines import Database, Timeouts, open_database
from app.db.errors import is_retryable
from app.db.prepared import Prepared, write
from app.db.sqlite.driver import DriverConnection
from app.db.writes import inserted, updated
from app.domain.commands import AssignCase, RequestOverride
from app.domain.model import RequestedStatus
from tests.support.world import World

NAMES = select(tables.accounts.c.name)


async def names(database: Database) -> list[str]:
    async with database.read() as connection:
        return list(await connection.scalars(NAMES))


@contextmanager
def counted_calls() -> Iterator[list[str]]:
    """Yield a list that grows by what is done with each call of the thread of an SQLite connection."""
    counted: list[str] = []
    own = DriverConnection._in_thread

    def noted(self: DriverConnection, connection: Any, work: Any, given: Any) -> Any:
        begins, was_open = self._is_due, connection.in_transaction
        done = own(self, connection, work, given)
        ends = (begins or was_open) and not connection.in_transaction
        counted.append("-".join(["begin"] * begins + ["work"] + ["commit"] * ends))
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DriverConnection, "_in_thread", noted)
        yield counted


def unkept_promise(world: World) -> Any:
    """Return what is seen to be wrong as late as by the commit: a key for an action that is not there."""
    record = {"token_id": world.ada.actor.token_id, "key": "key", "fingerprint": "x", "action_id": uuid4()}
    return inserted(tables.idempotency_records, None, **record, created_at=clock.now())


async def test_an_action_on_sqlite_begins_with_its_first_call_and_commits_with_its_last(world: World) -> None:
    if not world.database.is_sqlite:
        pytest.skip("PostgreSQL has no such calls")
    case_id = (await world.open_case()).case.id
    request = RequestOverride(
        case_id=case_id, requested_status=RequestedStatus.FAVORABLE, reviewer_ids=(world.rosa.id,), comment="x"
    )

    with counted_calls() as requested:
        await world.do(world.ada, request)
    with counted_calls() as assigned:
        await world.do(world.ada, AssignCase(case_id=case_id, assignee_id=world.ada.id, idempotency_key="key"))

    assert requested[0] == "begin-work" and requested[-1] == "work-commit"
    assert assigned[0] == "begin-work" and assigned[-1] == "work-commit"


async def test_what_sqlalchemy_executes_itself_is_in_the_transaction_too(world: World) -> None:
    async def fail(way: str) -> None:
        async with world.database.write() as connection:
            if way != "prepared":
                await connection.execute(text("UPDATE accounts SET name = 'One'"))
            if way != "SQLAlchemy's":
                await write(connection, [updated(tables.accounts, world.account_id, name="Two")])
            raise RuntimeError("on the way")

    for way in ("SQLAlchemy's", "prepared", "both"):
        with pytest.raises(RuntimeError):
            await fail(way)
        assert not {"One", "Two"} & set(await names(world.database)), way


async def test_a_transaction_in_which_nothing_is_done_leaves_nothing(world: World) -> None:
    async with world.database.write():
        pass
    async with world.database.write() as one:
        assert not world.database.is_sqlite or not (await one.get_raw_connection()).driver_connection.in_transaction  # type: ignore[union-attr]
    async with world.database.write() as connection:
        await connection.execute(text("UPDATE accounts SET name = 'One'"))
    assert "One" in await names(world.database)


@pytest.mark.parametrize("last", [False, True], ids=["by itself", "with the last writes"])
async def test_a_failed_commit_leaves_nothing_and_raises_its_error(world: World, last: bool) -> None:
    renamed = updated(tables.accounts, world.account_id, name="Another")

    for _ in range(2):  # the connection is good for more
        with pytest.raises(IntegrityError) as raised:
            async with world.database.write() as connection:
                await write(connection, [renamed, unkept_promise(world)], last=last)
        assert not raised.value.connection_invalidated

    assert "Another" not in await names(world.database)
    async with world.database.write() as connection:
        await write(connection, [renamed], last=last)
    assert "Another" in await names(world.database)


async def test_writes_that_fail_are_not_committed_with_those_before_them(world: World) -> None:
    renamed = updated(tables.accounts, world.account_id, name="Another")
    twice = inserted(tables.user_roles, None, user_id=uuid4(), role="ADMIN")

    with pytest.raises(IntegrityError):
        async with world.database.write() as connection:
            await write(connection, [renamed, twice], last=True)

    assert "Another" not in await names(world.database)


async def test_a_lock_that_is_not_to_be_had_lets_nothing_be_written_without_it(fresh_url: str, world: World) -> None:
    if not world.database.is_sqlite:
        pytest.skip("PostgreSQL locks rows")
    other = open_database(fresh_url, patience=Timeouts(lock=0.1))
    renamed = updated(tables.accounts, world.account_id, name="Another")

    async def go_on_in_spite_of_it() -> None:
        async with other.write() as connection:
            async with world.database.write() as holder:
                await holder.execute(text("UPDATE accounts SET name = name"))
                with pytest.raises(DBAPIError) as raised:
                    await write(connection, [renamed])
            assert is_retryable(raised.value)
            await write(connection, [renamed])
            raise RuntimeError("on the way")

    try:
        with pytest.raises(RuntimeError):
            await go_on_in_spite_of_it()
    finally:
        await other.close()
    assert "Another" not in await names(world.database)


async def test_who_is_cancelled_in_a_transaction_leaves_no_lock_behind(world: World) -> None:
    everybody = Prepared(select(func.count()).select_from(tables.accounts))

    async def stay(after: str, entered: asyncio.Event) -> None:
        async with world.database.write() as connection:
            if after != "nothing":
                await write(connection, [updated(tables.accounts, world.account_id, name="Another")])
            entered.set()
            if after == "a statement":
                await asyncio.sleep(60)
            while True:
                await everybody.first(connection)

    for after in ("nothing", "a statement", "many statements"):
        entered = asyncio.Event()
        task = asyncio.create_task(stay(after, entered))
        await entered.wait()
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(30), world.database.write() as connection:
            await connection.execute(text("UPDATE accounts SET name = name"))
        assert "Another" not in await names(world.database), after
    assert world.database.connections_in_use() == {"reader": 0, "writer": 0}
