"""The deadline: what takes too long is given up, its SQL too, and an action that has begun is done or is not there."""

import asyncio
import gc
import time
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import text

from app.api.dataloaders.dataloader import Loader
from app.db.deadlines import deadline, in_time
from app.db.engines import Database
from app.db.time_limit import Deadline
from app.domain.errors import DeadlineExceeded
from tests.support.api import Api
from tests.support.database_contents import contents
from tests.support.world import World

# Minutes of work, if it is let.
ENDLESS = {
    True: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) SELECT max(i) FROM n",
    False: "SELECT count(*) FROM generate_series(1, 2000000000)",
}


async def running(database: Database) -> int:
    """Return how many of the endless statements PostgreSQL still works on."""
    statement = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%2000000000)'"
    async with database.write() as connection:
        return await connection.scalar(text(statement)) or 0


async def has_stopped(database: Database) -> None:
    """Wait until nobody works on an endless statement: PostgreSQL, or SQLite in a thread of ours."""
    for _ in range(300):
        used = time.process_time()
        await asyncio.sleep(0.2)
        if not (time.process_time() - used > 0.1 if database.is_sqlite else await running(database)):
            return
    raise AssertionError("it goes on")


async def test_a_read_that_takes_too_long_is_stopped_in_the_database(database: Database) -> None:
    started = time.monotonic()

    with deadline(0.3), pytest.raises(TimeoutError):
        async with in_time(), database.read() as connection:
            await connection.execute(text(ENDLESS[database.is_sqlite]))

    assert time.monotonic() - started < 60  # all of it takes minutes
    await has_stopped(database)
    # The pool is whole: as many reads at once as it has connections.
    async with asyncio.TaskGroup() as tasks:
        found = [tasks.create_task(one(database)) for _ in range(10)]
    assert [task.result() for task in found] == [1] * 10


async def test_a_read_that_is_cancelled_is_stopped_in_the_database(database: Database) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3), database.read() as connection:
            await connection.execute(text(ENDLESS[database.is_sqlite]))

    await has_stopped(database)


async def one(database: Database) -> int | None:
    async with database.read() as connection:
        number: int | None = await connection.scalar(text("SELECT 1"))
        return number


async def test_the_deadline_applies_in_shielded_tasks(database: Database) -> None:
    async def load(keys: list[int]) -> list[None]:
        async with database.read() as connection:
            await connection.execute(text(ENDLESS[database.is_sqlite]))
        return [None for _ in keys]

    with deadline(0.3):
        loaded = asyncio.ensure_future(Loader(load).load(1))
    done, _ = await asyncio.wait([loaded], timeout=60)

    assert done and isinstance(loaded.exception(), TimeoutError)


async def test_a_load_that_fails_unawaited_leaves_no_warning() -> None:
    async def load(keys: list[int]) -> list[None]:
        raise TimeoutError

    warnings: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: warnings.append(context))
    try:
        loader = Loader(load)
        loader.load(1)
        with pytest.raises(TimeoutError):
            await loader.load(2)
        gc.collect()
        await asyncio.sleep(0)
    finally:
        asyncio.get_running_loop().set_exception_handler(None)

    assert warnings == []


async def test_an_operation_past_its_deadline_is_answered_with_503(fresh_url: str, world: World) -> None:
    async with Api.opened(fresh_url, deadline=1e-9) as api:  # over before anything can answer
        answer = await api.send(world.ada.token, "{ cases { nodes { id } } }", accept_language="fr")

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["errors"][0]["extensions"] == {
        "code": "DEADLINE_EXCEEDED",
        "seconds": 1,
        "retryable": True,
        "retryAfterMs": 1000,
    }


async def test_an_action_whose_client_gave_up_is_committed_whole(fresh_url: str, world: World) -> None:
    case = await world.open_case()
    document = 'mutation($id: ID!) { addComment(input: {caseId: $id, body: "Late."}) { errors { code } } }'
    # The write lock is taken by another, so that the deadline comes while the action waits for it.
    async with Api.opened(fresh_url, deadline=0.3) as api:
        async with world.database.write() as connection:
            await connection.execute(text("UPDATE cases SET title = title"))
            answer = await api.send(world.ada.token, document, {"id": str(case.case.id)})
        comments: Mapping[Any, Any] = {}
        for _ in range(600):
            comments = (await contents(world.database))["comments"]
            if comments:
                break
            await asyncio.sleep(0.05)

    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (503, "DEADLINE_EXCEEDED")
    assert len(comments) == 1


async def test_who_is_cancelled_by_another_at_the_deadline_stays_cancelled() -> None:
    async def work() -> None:
        with Deadline(0.05):
            await asyncio.sleep(10)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.05, task.cancel)

    time.sleep(0.1)  # noqa: ASYNC251  # so that both come in one turn of the event loop
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_is_cancelled_before_its_deadline_or_fails_is_left_as_it_is() -> None:
    async def work() -> None:
        with Deadline(10):
            raise KeyError

    async def wait() -> None:
        with Deadline(10):
            await asyncio.sleep(10)

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiting.cancel()

    with pytest.raises(KeyError):
        await work()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_after_a_deadline_a_task_goes_on() -> None:
    with pytest.raises(DeadlineExceeded), Deadline(0.01):
        await asyncio.sleep(10)
    await asyncio.sleep(0.01)

    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0


async def test_what_is_done_in_time_is_not_given_up_later() -> None:
    with Deadline(0.01):
        pass

    await asyncio.sleep(0.05)  # nobody cancels it
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0
