"""What rests on its case's version is done without a lock, and is as safe as with it: both say the same."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text, update

from app.actions.checks import rests_on_its_case
from app.actions.outcome import Outcome
from app.db import tables
from app.db.coalescing import UNDER_WAY
from app.db.engines import Database
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
from app.domain.errors import CaseClosed, IdempotencyKeyReused, NotAssignedReviewer, NotFound, OverrideNotPending
from app.domain.model import CaseStatus, RequestedStatus, SubjectType
from tests.support.database_contents import contents, set_by_hand
from tests.support.delegations import delegate
from tests.support.optimistic_writes import assert_whole_log, conflicts, ways, ways_of
from tests.support.recorded_sql import recorded, sql
from tests.support.world import Person, World, make_world

SEEN_TOGETHER = "SELECT review_delegations overrides cases subjects override_reviewers"


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


async def test_decisions_of_one_moment_share_reads_and_each_is_done_or_refused_by_itself(database: Database) -> None:
    world = await make_world(database, restrict_to_assigned_reviewers=True)
    elsewhere = await make_world(database)
    by_two = [await requested_of(world, world.rolf, world.rosa) for _ in range(6)]
    of_another, reassigned = await requested_of(world, world.rolf), await requested_of(world, world.rolf)
    decided = await world.read((await world.case_in(CaseStatus.RESOLVED)).case.id)
    foreign = await elsewhere.read((await elsewhere.case_in(CaseStatus.PENDING_REVIEW)).case.id)
    await set_by_hand(world.database, tables.users, world.rolf.id, active=False)
    named = {"case_id": reassigned["case_id"], "override_id": reassigned["override_id"]}
    await world.do(world.ada, ReassignReviewers(**named, reviewer_ids=(world.rosa.id,), comment="Rolf has left."))
    reassigned["expected_version"] += 1
    requested: list[tuple[Person, Command]] = [
        *((world.rosa, AcceptOverride(**read)) for read in by_two[:3]),
        *((world.rosa, RefuseOverride(**read)) for read in by_two[3:5]),
        (world.ada, CancelOverride(case_id=by_two[5]["case_id"], override_id=by_two[5]["override_id"])),
        (world.rosa, AcceptOverride(**reassigned)),
        (world.rosa, AcceptOverride(**of_another)),
        (world.rosa, AcceptOverride(**decided)),
        (world.rosa, AcceptOverride(**foreign)),
    ]

    with recorded() as sent:
        ended = await asyncio.gather(*(world.do(*each) for each in requested), return_exceptions=True)

    assert [type(end) for end in ended] == [Outcome] * 7 + [NotAssignedReviewer, OverrideNotPending, NotFound]
    made = [(await assert_whole_log(world, read["case_id"]))[2:] for read in [*by_two, reassigned, of_another]]
    assert made == [["ACCEPT"]] * 3 + [["REFUSE"]] * 2 + [["CANCEL"], ["REASSIGN", "ACCEPT"], []]
    assert await assert_whole_log(elsewhere, foreign["case_id"]) == ["OPEN", "REQUEST_OVERRIDE"]
    if not world.database.is_sqlite:
        shared = [outline for outline in sent if outline == SEEN_TOGETHER]
        assert len(shared) == UNDER_WAY + 1


async def test_a_decision_on_an_override_of_another_case_than_it_names_is_refused(world: World) -> None:
    one, another = [(await world.case_in(CaseStatus.PENDING_REVIEW)).case.id for _ in range(2)]
    mixed = await world.read(one) | {"override_id": (await world.read(another))["override_id"]}

    with pytest.raises(NotFound):
        await world.do(world.rosa, AcceptOverride(**mixed))

    for case_id in (one, another):
        assert await assert_whole_log(world, case_id) == ["OPEN", "REQUEST_OVERRIDE"]


async def requested_of(world: World, *reviewers: Person) -> dict[str, Any]:
    """Return what a decision names on a new override that these are asked to decide on."""
    case_id = (await world.open_case()).case.id
    await world.request_override(case_id, reviewers=reviewers)
    return await world.read(case_id)


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
