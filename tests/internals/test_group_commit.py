"""SQLite's group commit: concurrent reads share a call and concurrent writes a commit; each caller gets its outcome."""

import asyncio
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import bindparam, event, select
from sqlalchemy.exc import IntegrityError, OperationalError

from app import clock
from app.audit.verification import verify_log
from app.db import tables
from app.db.engines import Database, Timeouts, open_database
from app.db.prepared import Prepared, Write, write_if_unchanged
from app.db.rows import ActionRow, CommentRow
from app.db.sqlite.driver import BoundStatement, DriverConnection
from app.db.sqlite.group_commit import MOST
from app.db.writes import inserted, updated
from app.domain.commands import AddComment
from app.domain.model import ActionType, CaseStatus
from tests.support.database_contents import set_by_hand
from tests.support.world import World

NAMED = Prepared(select(tables.users.c.display_name).where(tables.users.c.id == bindparam("user_id")))


@pytest.fixture
def origin(sqlite_world: tuple[Path, World]) -> Path:
    """SQLite alone: PostgreSQL's driver needs no thread, and each of its connections commits by itself."""
    return sqlite_world[0]


@contextmanager
def recorded_batches() -> Iterator[list[tuple[str, int]]]:
    """Yield a list that grows by each batch of the group commit: what it does, and for how many callers."""
    batches: list[tuple[str, int]] = []
    own = DriverConnection._in_thread

    def noted(self: DriverConnection, connection: Any, work: Any, given: Sequence[Any]) -> Any:
        if work.__name__ in ("looked_up", "committed"):
            batches.append((work.__name__, len(given)))
        return own(self, connection, work, given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DriverConnection, "_in_thread", noted)
        yield batches


async def name_of(database: Database, user_id: UUID) -> str | None:
    async with database.point_reads() as connection:
        found = await NAMED.first(connection, user_id=user_id)
    return None if found is None else str(found[0])


def comment_on(world: World, case_id: UUID, mark: str, comment_id: UUID | None = None) -> list[Write]:
    """Return writes that give a case a *mark*, its next version, and a comment with its row of the log."""
    now = clock.now()
    comment = CommentRow(comment_id or clock.new_id(), case_id, world.ada.id, "x", now)
    action = ActionRow(
        id=clock.new_id(),
        case_id=case_id,
        seq=2,
        type=ActionType.COMMENT,
        user_id=world.ada.id,
        comment_id=comment.id,
        override_id=None,
        status_before=CaseStatus.OPEN,
        status_after=CaseStatus.IN_PROGRESS,
        resolution=None,
        created_at=now,
        request_id="together",
        prev_hash=mark,
        hash=mark,
        format=1,
        authority=None,
        commitments=None,
        details=None,
    )
    return [
        updated(tables.cases, case_id, head_hash=mark, version=2),
        inserted(tables.case_actions, action, account_id=world.account_id),
        inserted(tables.comments, comment, account_id=world.account_id),
    ]


async def written(database: Database, writes: Sequence[Write], version: int = 1) -> bool | BaseException:
    async with database.autocommit_writer() as connection:
        try:
            return await write_if_unchanged(connection, version, writes)
        except Exception as error:
            return error


async def marks(world: World, case_ids: Sequence[UUID]) -> list[str]:
    column = tables.cases.c
    async with world.database.read() as connection:
        found = await connection.execute(select(column.id, column.head_hash).where(column.id.in_(case_ids)))
    known = {record.id: record.head_hash for record in found}
    return [known[case_id] for case_id in case_ids]


async def test_concurrent_reads_share_one_batch(world: World) -> None:
    people = [world.ada, world.bea, world.carl, world.rosa] * 5

    with recorded_batches() as batches:
        names = await asyncio.gather(*(name_of(world.database, person.id) for person in people))
        one = await name_of(world.database, world.ada.id)

    assert names == [await name_of(world.database, person.id) for person in people]
    assert len(set(names)) == 4 and one == names[0]
    assert batches == [("looked_up", 1), ("looked_up", 19), ("looked_up", 1)]


async def test_more_reads_than_fit_in_a_batch_take_several(world: World) -> None:
    with recorded_batches() as batches:
        names = await asyncio.gather(*(name_of(world.database, world.ada.id) for _ in range(1 + MOST + 5)))

    assert len(names) == 1 + MOST + 5 and len(set(names)) == 1
    assert [count for _, count in batches] == [1, MOST, 5]


async def test_comments_of_the_same_moment_are_one_commit(world: World) -> None:
    case_ids = [(await world.open_case()).case.id for _ in range(8)]

    with recorded_batches() as batches:
        outcomes = await asyncio.gather(
            *(world.do(world.carl, AddComment(case_id=case_id, comment=f"{case_id}")) for case_id in case_ids)
        )

    commits = [count for name, count in batches if name == "committed"]
    assert sum(commits) == 8 and len(commits) <= 3
    assert [outcome.action.seq for outcome in outcomes] == [2] * 8
    assert [outcome.comment.body for outcome in outcomes if outcome.comment] == [f"{id}" for id in case_ids]
    assert [verdict.fault async for verdict in verify_log(world.database)] == [None] * 8


async def test_a_failed_statement_fails_alone_and_leaves_nothing(world: World) -> None:
    case_ids = [(await world.open_case()).case.id for _ in range(5)]
    taken = clock.new_id()
    assert await written(world.database, comment_on(world, (await world.open_case()).case.id, "Taken", taken)) is True
    failing = 2

    with recorded_batches() as batches:
        results = await asyncio.gather(
            *(
                written(world.database, comment_on(world, case_id, "New", taken if place == failing else None))
                for place, case_id in enumerate(case_ids)
            )
        )

    assert batches == [("committed", 1), ("committed", 4)]
    assert isinstance(results[failing], IntegrityError)
    assert [result for place, result in enumerate(results) if place != failing] == [True] * 4
    assert [mark == "New" for mark in await marks(world, case_ids)] == [place != failing for place in range(5)]


async def test_a_comment_of_a_revoked_person_fails_alone_in_its_group(world: World) -> None:
    people = [world.ada, world.carl, world.bea, world.rosa, world.rolf]
    case_ids = [(await world.open_case()).case.id for _ in people]
    await set_by_hand(world.database, tables.api_tokens, world.bea.actor.token_id, revoked_at=clock.now())

    with recorded_batches() as batches:
        results = await asyncio.gather(
            *(
                world.do(person, AddComment(case_id=case_id, comment="x"))
                for person, case_id in zip(people, case_ids, strict=True)
            ),
            return_exceptions=True,
        )

    assert max(count for name, count in batches if name == "committed") > 1  # hers was among others'
    assert [getattr(result, "code", None) for result in results] == [None, None, "UNAUTHENTICATED", None, None]
    async with world.database.read() as connection:
        authors = set(await connection.scalars(select(tables.comments.c.author_id)))
    assert authors == {person.id for person in people} - {world.bea.id}
    assert [verdict.fault async for verdict in verify_log(world.database)] == [None] * len(people)


async def test_what_is_seen_to_be_wrong_by_the_commit_fails_alone_too(world: World) -> None:
    case_ids = [(await world.open_case()).case.id for _ in range(4)]
    promise = {"token_id": world.ada.actor.token_id, "key": "key", "fingerprint": "x", "action_id": uuid4()}
    unkept = inserted(tables.idempotency_records, None, **promise, created_at=clock.now())

    results = await asyncio.gather(
        *(
            written(world.database, comment_on(world, case_id, "New") + [unkept] * (place == 2))
            for place, case_id in enumerate(case_ids)
        )
    )

    assert isinstance(results[2], IntegrityError)
    assert [results[place] for place in (0, 1, 3)] == [True] * 3
    assert [mark == "New" for mark in await marks(world, case_ids)] == [True, True, False, True]


async def test_of_those_who_saw_the_same_version_one_writes(world: World) -> None:
    first, second = [(await world.open_case()).case.id for _ in range(2)]
    requested = [(first, "One"), (second, "Two"), (second, "Three"), (second, "Four"), (first, "Five")]

    results = await asyncio.gather(
        *(written(world.database, comment_on(world, case_id, mark)) for case_id, mark in requested)
    )

    assert results == [True, True, False, False, False]
    assert await marks(world, [first, second]) == ["One", "Two"]
    async with world.database.read() as connection:
        comments = (await connection.scalars(select(tables.comments.c.case_id))).all()
    assert sorted(comments) == sorted([first, second])


async def test_a_lock_that_is_not_to_be_had_is_waited_for_once(fresh_url: str, world: World) -> None:
    case_ids = [(await world.open_case()).case.id for _ in range(6)]
    other = open_database(fresh_url, patience=Timeouts(lock=0.2))

    try:
        async with world.database.write() as holder:
            await holder.execute(tables.accounts.update().values(name="Held"))
            with recorded_batches() as batches:
                results = await asyncio.gather(
                    *(written(other, comment_on(world, case_id, "New")) for case_id in case_ids)
                )
        after = await written(other, comment_on(world, case_ids[0], "New"))
    finally:
        await other.close()

    assert batches == [("committed", 1), ("committed", 5)]
    codes = [getattr(getattr(result, "orig", None), "sqlite_errorcode", None) for result in results]
    assert codes == [sqlite3.SQLITE_BUSY] * 6
    assert after is True


async def test_a_cancelled_caller_does_not_affect_its_batch(world: World) -> None:
    tasks = [asyncio.create_task(name_of(world.database, world.ada.id)) for _ in range(6)]
    await asyncio.sleep(0)
    for place in (0, 3):  # one that is executed, and one that waits
        tasks[place].cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)

    assert [isinstance(end, asyncio.CancelledError) for end in ended] == [place in (0, 3) for place in range(6)]
    assert len({end for place, end in enumerate(ended) if place not in (0, 3)}) == 1
    assert await name_of(world.database, world.ada.id) in ended
    assert world.database.connections_in_use() == {"reader": 0, "writer": 0}


async def test_a_read_that_fails_fails_alone(world: World) -> None:
    together = world.database.group_commit
    assert together is not None
    good: BoundStatement = ("SELECT 7", ())
    bad: dict[int, BoundStatement] = {3: ("SELECT nothing", ()), 4: ("SELECT ?", (2**64,))}

    results = await asyncio.gather(
        *(together.fetch([bad.get(place, good)]) for place in range(6)), return_exceptions=True
    )

    assert isinstance(results[3], OperationalError) and "nothing" in str(results[3].orig)
    assert isinstance(results[4], OverflowError)
    assert [results[place] for place in (0, 1, 2, 5)] == [[(7,)]] * 4


async def test_statements_are_reported_to_their_own_senders(world: World) -> None:
    sender: ContextVar[int] = ContextVar("sender")
    reported: list[tuple[int, str]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Sequence[Any], *_more: Any) -> None:
        reported.append((sender.get(), statement.split()[0]))

    async def act(place: int, case_id: UUID) -> None:
        sender.set(place)
        await world.do(world.ada, AddComment(case_id=case_id, comment="x"))

    case_ids = [(await world.open_case()).case.id for _ in range(4)]
    for engine in (world.database.reader.engine, world.database.writer.engine):
        event.listen(engine.sync_engine, "after_cursor_execute", note)
    await asyncio.gather(*(act(*requested) for requested in enumerate(case_ids)))

    assert sorted(reported) == sorted(
        (place, verb) for place in range(4) for verb in ("SELECT", "UPDATE", *["INSERT"] * 3)
    )
