"""Transactions that lose, wait or are cut off: tried again where nothing was done, never where nobody knows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from app.actions.perform import perform
from app.db.engines import Database, Timeouts, open_database
from app.db.errors import unavailable_of
from app.db.repository.locks import lock_case
from app.db.retry import RETRIES, attempt
from app.domain.commands import AddComment
from tests.faults.proxy import Fixed, Proxy
from tests.support.api import Api
from tests.support.database_contents import contents
from tests.support.documents import uploaded
from tests.support.world import World

SHOWN = "replayed action { id seq }"


@asynccontextmanager
async def opened(url: str, **patience: float) -> AsyncIterator[Database]:
    """Yield the database once more, as another gateway has it."""
    database = open_database(url, pool_size=1, patience=Timeouts(**patience))
    yield database
    await database.close()


@asynccontextmanager
async def locked(world: World, case_id: UUID) -> AsyncIterator[None]:
    """Hold the case, on SQLite everything that is written, as another gateway's action does."""
    async with world.database.write() as connection:
        await lock_case(connection, world.account_id, case_id)
        yield


async def comments(world: World) -> int:
    return len((await contents(world.database))["comments"])


# --- Tried again -----------------------------------------------------------------------------------------------------


async def test_a_deadlock_is_resolved_by_another_try(world: World, api: Api) -> None:
    if world.database.is_sqlite:
        pytest.skip("SQLite has one lock, and so no deadlocks")
    case_id = (await world.open_case()).case.id
    document_id = UUID(await uploaded(api, world.ada.token))
    comment = AddComment(case_id=case_id, comment="See.", document_ids=(document_id,))

    # The action locks the case, then its document; this does it the other way round.
    async with world.database.write() as connection:
        await connection.execute(text("SELECT 1 FROM documents FOR UPDATE"))
        task = asyncio.create_task(world.do(world.ada, comment))
        await asyncio.sleep(0.3)
        await connection.execute(text("SELECT 1 FROM cases FOR UPDATE"))
    outcome = await task

    assert outcome.action.seq == 2
    assert await comments(world) == 1


async def test_what_cannot_be_serialized_is_tried_three_times_more_as_a_whole(world: World) -> None:
    if world.database.is_sqlite:
        pytest.skip("SQLite has one lock, so that all is serial")
    subject_id = (await world.open_case()).case.subject_id
    tries: list[int] = []

    async def work(connection: AsyncConnection) -> None:
        """Lose as long as it is one of the first *lost* tries."""
        tries.append(len(tries))
        await connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        await connection.execute(text("SELECT * FROM subjects"))
        if len(tries) <= lost:
            async with world.database.write() as other:
                await other.execute(text("UPDATE subjects SET label = 'Another'"))
        await connection.execute(text("UPDATE subjects SET label = 'Won'"))

    lost = RETRIES
    await attempt(world.database, work)
    assert len(tries) == 4
    assert (await contents(world.database))["subjects"][(subject_id,)]["label"] == "Won"

    tries.clear()
    lost = RETRIES + 1
    with pytest.raises(DBAPIError) as raised:
        await attempt(world.database, work)
    assert getattr(raised.value.orig, "sqlstate", None) == "40001"
    assert len(tries) == 4


async def test_sqlites_write_lock_is_tried_again(fresh_url: str, world: World) -> None:
    if not world.database.is_sqlite:
        pytest.skip("PostgreSQL locks rows")
    case_id = (await world.open_case()).case.id
    comment = AddComment(case_id=case_id, comment="x")

    # One try would not do, four do.
    async with opened(fresh_url, lock=0.4) as other:
        async with locked(world, case_id):
            task = asyncio.create_task(perform(other, world.ada.actor, comment, request_id="r"))
            await asyncio.sleep(0.8)
        assert (await task).action.seq == 2

    async with opened(fresh_url, lock=0.1) as other, locked(world, case_id):
        with pytest.raises(DBAPIError) as raised:
            await perform(other, world.ada.actor, comment, request_id="r")
        assert unavailable_of(raised.value, "r") is not None
    assert await comments(world) == 1


# --- Not waited for any longer ---------------------------------------------------------------------------------------


async def test_a_lock_that_is_not_given_up_is_answered_with_a_retryable_503(fresh_url: str, world: World) -> None:
    case_id = (await world.open_case()).case.id
    comment = {"caseId": str(case_id), "body": "x", "idempotencyKey": "key"}
    document = "mutation($input: AddCommentInput!) { addComment(input: $input) { errors { code } } }"

    async with Api.opened(fresh_url, database_lock_timeout=0.2) as api:
        async with locked(world, case_id):
            answer = await api.send(world.ada.token, document, {"input": comment})
        again = await api.act(world.ada.token, "addComment", comment, SHOWN)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    assert (again["replayed"], again["action"]["seq"]) == (False, 2)
    assert await comments(world) == 1


async def test_a_twin_waits_for_the_first_only_so_long(fresh_url: str, world: World) -> None:
    case_id = (await world.open_case()).case.id
    comment = {"caseId": str(case_id), "body": "x", "idempotencyKey": "key"}
    document = f"mutation($input: AddCommentInput!) {{ addComment(input: $input) {{ errors {{ code }} {SHOWN} }} }}"

    async with Api.opened(fresh_url) as patient, Api.opened(fresh_url, database_lock_timeout=0.2) as hasty:
        async with locked(world, case_id):
            first = asyncio.create_task(patient.send(world.ada.token, document, {"input": comment}))
            await asyncio.sleep(0.2)
            twin = await hasty.send(world.ada.token, document, {"input": comment})
        done = (await first).json()["data"]["addComment"]
        again = await hasty.act(world.ada.token, "addComment", comment, SHOWN)

    assert (twin.status_code, twin.json()["errors"][0]["extensions"]["code"]) == (503, "UNAVAILABLE")
    assert done["errors"] == [] and again == done | {"replayed": True}
    assert await comments(world) == 1


async def test_an_exhausted_pool_is_answered_with_a_retryable_503_in_time(fresh_url: str, world: World) -> None:
    assert Timeouts().pool <= 3
    case_id = (await world.open_case()).case.id
    input = {"caseId": str(case_id), "body": "x"}
    document = "mutation($input: AddCommentInput!) { addComment(input: $input) { errors { code } } }"

    async with Api.opened(fresh_url, database_pool=1, database_pool_timeout=1.5) as api:
        async with locked(world, case_id):
            holder = asyncio.create_task(api.send(world.ada.token, document, {"input": input}))
            await asyncio.sleep(0.5)
            # While the only connection is in use: who waited for it would wait for this to end.
            answers = await asyncio.gather(
                *(api.send(world.ada.token, document, {"input": input}) for _ in range(5)),
            )
            assert not holder.done()
        held = await holder

    assert {answer.status_code for answer in answers} == {503}
    assert {answer.json()["errors"][0]["extensions"]["code"] for answer in answers} == {"UNAVAILABLE"}
    assert held.json() == {"data": {"addComment": {"errors": []}}}
    assert await comments(world) == 1


async def test_a_transaction_that_says_nothing_is_given_up(fresh_url: str, world: World) -> None:
    if world.database.is_sqlite:
        pytest.skip("SQLite has no such time-out")
    case_id = (await world.open_case()).case.id

    async def dawdle(connection: AsyncConnection) -> None:
        await lock_case(connection, world.account_id, case_id)
        await asyncio.sleep(0.6)
        await connection.execute(text("SELECT 1"))

    async with opened(fresh_url, idle=0.2) as other:
        with pytest.raises(DBAPIError) as raised:
            await attempt(other, dawdle)
    assert unavailable_of(raised.value, "r") is not None
    async with asyncio.timeout(3), locked(world, case_id):
        pass


async def test_a_statement_that_takes_too_long_is_given_up(fresh_url: str, world: World) -> None:
    if world.database.is_sqlite:
        pytest.skip("SQLite has no such time-out")

    async with opened(fresh_url, statement=0.2) as other:
        with pytest.raises(DBAPIError) as raised:
            async with other.read() as connection:
                await connection.execute(text("SELECT pg_sleep(5)"))
        assert unavailable_of(raised.value, "r") is not None


# --- An end that nobody knows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", ["before", "after"])
@pytest.mark.parametrize(
    ("mutation", "commit"),
    [("addComment", b"Once."), ("requestOverride", b"COMMIT")],
    ids=["by one statement", "by a transaction"],
)
async def test_a_commit_whose_answer_is_lost_is_never_tried_again_and_settled_by_its_key(
    fresh_url: str, world: World, cut: str, mutation: str, commit: bytes
) -> None:
    """On SQLite, where a commit is a call, only the client's connection can be lost: see test_disconnects."""
    if world.database.is_sqlite:
        pytest.skip("there is no connection to cut")
    case_id = (await world.open_case()).case.id
    said: dict[str, Any] = {"body": "Once."}
    if mutation == "requestOverride":
        said = {"reason": "Once.", "requestedStatus": "FAVORABLE", "reviewerIds": [str(world.rosa.id)]}
    requested = {"caseId": str(case_id), "idempotencyKey": "key"} | said
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    document = f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ errors {{ code }} {SHOWN} }} }}"
    parts = urlsplit(fresh_url)
    proxy = Proxy(parts.port or 5432, Fixed(0.1 if cut == "before" else 0.9), commits=(commit,))

    async with proxy.serving() as port:
        through = urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}"))
        async with Api.with_upkeep(through) as api:  # whose first sweep has opened the writer's connection
            proxy.share = 1
            answer = await api.send(world.ada.token, document, {"input": requested})
            proxy.share = 0
            there = await comments(world)
            again = await api.act(world.ada.token, mutation, requested, SHOWN)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    assert proxy.cuts == {cut: 1}
    assert there == (0 if cut == "before" else 1)
    assert (again["replayed"], again["action"]["seq"]) == (cut == "after", 2)
    assert await comments(world) == 1
