"""What rests on its case's version is done without a lock, and is as safe as with it: both say the same."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import text, update

from app.actions.checks import rests_on_its_case
from app.actions.outcome import Outcome
from app.db import tables
from app.db.coalescing import UNDER_WAY
from app.domain.commands import (
    AcceptOverride,
    AddComment,
    AssignCase,
    CancelOverride,
    CloseCase,
    Command,
    NewDocument,
    OpenCase,
    ReassignReviewers,
    RefuseOverride,
    RequestOverride,
    SubjectDetails,
)
from app.domain.errors import CaseClosed, IdempotencyKeyReused, NotFound
from app.domain.model import CaseStatus, RequestedStatus, SubjectType
from tests.support.database_contents import contents
from tests.support.delegations import delegate
from tests.support.optimistic_writes import assert_whole_log, conflicts, ways, ways_of
from tests.support.recorded_sql import recorded, sql
from tests.support.world import Person, World, make_world


def test_only_what_changes_with_the_case_s_version_rests_on_it() -> None:
    case_id, document_id = uuid4(), uuid4()
    subject = SubjectDetails(type=SubjectType.COMPANY_ACCOUNT_CHECK, external_ref="x", label="x")
    new = NewDocument(id=document_id, filename="x", content_type="text/plain", size_bytes=1, sha256="x")
    reviewers = (uuid4(),)
    comment = AddComment(case_id=case_id, comment="x")
    accept = AcceptOverride(case_id=case_id, override_id=uuid4(), expected_version=1)
    resting: list[Command] = [
        comment,
        replace(comment, expected_version=3),
        replace(comment, idempotency_key="key"),
        accept,
        replace(accept, idempotency_key="key"),
        RefuseOverride(case_id=case_id, override_id=uuid4(), expected_version=1),
        CancelOverride(case_id=case_id),
        CloseCase(case_id=case_id),
    ]
    others: list[Command] = [
        OpenCase(subject=subject, title="x"),
        RequestOverride(case_id=case_id, requested_status=RequestedStatus.FAVORABLE, reviewer_ids=reviewers),
        ReassignReviewers(case_id=case_id, override_id=uuid4(), reviewer_ids=reviewers),
        AssignCase(case_id=case_id, assignee_id=None),
        replace(comment, document_ids=(document_id,)),
        replace(comment, new_documents=(new,)),
    ]

    assert [command for command in resting if not rests_on_its_case(command)] == []
    assert [command for command in others if rests_on_its_case(command)] == []


async def test_a_comment_is_two_statements_without_a_transaction_around_them(world: World) -> None:
    case_id = (await world.open_case()).case.id
    comment = AddComment(case_id=case_id, comment="x")

    with sql() as sent:
        await world.do(world.carl, comment)
    with sql() as with_key:
        await world.do(world.carl, replace(comment, idempotency_key="key"))

    assert ways(sent) == ways(with_key) == ways_of(world, "alone")
    if not world.database.is_sqlite:
        assert (len(sent), len(with_key)) == (2, 2)
    assert await assert_whole_log(world, case_id) == ["OPEN", "COMMENT", "COMMENT"]


async def test_comments_of_one_moment_share_reads_and_each_is_done_or_refused_by_itself(world: World) -> None:
    elsewhere = await make_world(world.database)
    case_ids = [(await world.open_case()).case.id for _ in range(6)]
    closed_id = (await world.case_in(CaseStatus.CLOSED)).case.id
    foreign_id = (await elsewhere.open_case()).case.id
    requested = [*case_ids, closed_id, foreign_id, uuid4()]

    with recorded() as sent:
        ended = await asyncio.gather(
            *(world.do(world.carl, AddComment(case_id=id, comment=f"on {id}")) for id in requested),
            return_exceptions=True,
        )

    done = [end for end in ended if isinstance(end, Outcome)]
    assert [(outcome.case.id, outcome.comment and outcome.comment.body) for outcome in done] == [
        (id, f"on {id}") for id in case_ids
    ]
    assert [type(end) for end in ended[6:]] == [CaseClosed, NotFound, NotFound]
    for case_id in case_ids:
        assert await assert_whole_log(world, case_id) == ["OPEN", "COMMENT"]
    assert await assert_whole_log(world, closed_id) == ["OPEN", "CLOSE"]
    assert await assert_whole_log(elsewhere, foreign_id) == ["OPEN"]
    if not world.database.is_sqlite:
        assert len([outline for outline in sent if outline.startswith("UPDATE") or "case_actions" in outline]) == 6
        shared = [outline for outline in sent if outline == "SELECT cases subjects"]
        assert len(shared) == UNDER_WAY + 1 + 2  # who finds none looks for it once more


async def test_a_decision_and_a_close_are_without_a_transaction_too(world: World) -> None:
    case_ids = [(await world.case_in(CaseStatus.PENDING_REVIEW)).case.id for _ in range(3)]
    accept, refuse = AcceptOverride(**await world.read(case_ids[0])), RefuseOverride(**await world.read(case_ids[1]))
    requested: list[tuple[Person, Command]] = [
        (world.rosa, accept),
        (world.rosa, refuse),
        (world.ada, CancelOverride(case_id=case_ids[2])),
        *((world.ada, CloseCase(case_id=case_id)) for case_id in case_ids),
    ]

    for person, command in requested:
        with sql() as sent:
            outcome = await world.do(person, command)
        assert ways(sent) == ways_of(world, "alone")
        if not world.database.is_sqlite:
            assert len(sent) == (3 if isinstance(command, CloseCase) else 2)
        assert outcome.action.type is command.action

    decisions = [(await assert_whole_log(world, case_id))[2:] for case_id in case_ids]
    assert decisions == [["ACCEPT", "CLOSE"], ["REFUSE", "CLOSE"], ["CANCEL", "CLOSE"]]


async def test_a_key_whose_action_is_done_brings_that_back_from_behind_the_lock(world: World) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    comment = AddComment(case_id=case_id, comment="x", idempotency_key="comment")
    await world.do(world.carl, comment)
    accept = AcceptOverride(**await world.read(case_id), idempotency_key="accept")
    done = await world.do(world.rosa, accept)

    with sql() as sent:  # as twins do that are under way at the same moment
        again = await world.do(world.rosa, accept)
        comment_again = await world.do(world.carl, comment)
    with pytest.raises(IdempotencyKeyReused):
        await world.do(world.rosa, replace(accept, comment="Another."))

    assert (again.action, again.replayed) == (done.action, True)
    assert comment_again.replayed and comment_again.comment is not None and comment_again.comment.body == "x"
    assert ways(sent)[:3] == ways_of(world, "alone", "alone")
    assert await assert_whole_log(world, case_id) == ["OPEN", "REQUEST_OVERRIDE", "COMMENT", "ACCEPT"]


async def test_twins_of_a_key_wait_for_their_case_in_one_order(world: World, elsewhere: World) -> None:
    """The second is handled after the first, and finds its key behind the lock of the case."""
    case_id = (await world.open_case()).case.id
    comment = AddComment(case_id=case_id, comment="x", idempotency_key="key")

    with conflicts(world.database) as given_up, sql() as sent:
        async with elsewhere.database.write() as connection:
            await connection.execute(text("UPDATE cases SET title = title"))
            tasks = [asyncio.create_task(world.do(world.carl, comment))]
            await asyncio.sleep(0.2)
            tasks.append(asyncio.create_task(world.do(world.carl, comment)))
            await asyncio.sleep(0.2)
            assert not any(task.done() for task in tasks)
        outcomes = await asyncio.gather(*tasks)

    assert given_up == []
    assert sorted(outcome.replayed for outcome in outcomes) == [False, True]
    assert len({outcome.action.id for outcome in outcomes}) == 1
    if not world.database.is_sqlite:
        assert ways(sent)[0] == "alone"
    assert await assert_whole_log(world, case_id) == ["OPEN", "COMMENT"]


async def test_a_key_that_is_too_old_is_taken_anew(world: World) -> None:
    case_id = (await world.open_case()).case.id
    comment = AddComment(case_id=case_id, comment="x", idempotency_key="key")
    await world.do(world.carl, comment)
    async with world.database.write() as connection:
        await connection.execute(update(tables.idempotency_records).values(created_at=datetime(2020, 1, 1, tzinfo=UTC)))

    outcome = await world.do(world.carl, comment)

    assert (outcome.action.seq, outcome.replayed) == (3, False)
    assert len((await contents(world.database))["idempotency_records"]) == 1


async def test_who_decides_in_another_s_place_takes_the_lock(world: World) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    await delegate(world, world.rosa, world.rolf)
    decision = AcceptOverride(**await world.read(case_id))

    with sql() as sent:
        await world.do(world.rolf, decision)

    assert ways(sent) == ways_of(world, "alone", "locked")
    assert await assert_whole_log(world, case_id) == ["OPEN", "REQUEST_OVERRIDE", "ACCEPT"]
