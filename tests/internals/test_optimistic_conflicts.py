"""An action behind others on its case: it takes the lock, and is done or refused as those have left the case."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from random import Random
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.actions.outcome import Outcome
from app.db import tables
from app.db.engines import Timeouts, open_database
from app.db.prepared import write_if_unchanged
from app.db.writes import updated
from app.domain.commands import (
    AcceptOverride,
    AddComment,
    CancelOverride,
    CloseCase,
    Command,
    ReassignReviewers,
    RefuseOverride,
    RequestOverride,
)
from app.domain.errors import (
    CaseClosed,
    NotFound,
    OverrideNotPending,
    RoleRequired,
    VersionConflict,
)
from app.domain.model import CaseStatus, RequestedStatus
from tests.faults.proxy import Fixed, Proxy
from tests.support.api import Api
from tests.support.database_contents import contents, set_by_hand
from tests.support.optimistic_writes import assert_whole_log, behind, conflicts, ways, ways_of
from tests.support.recorded_sql import sql
from tests.support.world import Person, World


async def test_a_second_action_on_a_case_takes_the_lock_at_once(world: World, elsewhere: World) -> None:
    case_id = (await world.open_case()).case.id
    comment = AddComment(case_id=case_id, comment="x")

    with sql() as sent:
        async with elsewhere.database.write() as connection:
            await connection.execute(text("UPDATE cases SET title = title"))
            tasks = [asyncio.create_task(world.do(world.carl, comment)) for _ in range(3)]
            await asyncio.sleep(0.2)
        await asyncio.gather(*tasks)
    with sql() as later:
        await world.do(world.carl, comment)

    if not world.database.is_sqlite:
        # Of the three, the first one may lose against the two others.
        assert sorted(ways(sent))[:3] == ["alone", "locked", "locked"]
        assert ways(later) == ["alone"]
    assert await assert_whole_log(world, case_id) == ["OPEN", *["COMMENT"] * 4]


async def test_a_comment_after_an_action_that_changes_nothing_is_made(world: World, elsewhere: World) -> None:
    case_id = (await world.open_case()).case.id

    outcome, went = await behind(elsewhere, None, world, AddComment(case_id=case_id, comment="x"))

    assert (outcome.action.seq, went) == (2, ways_of(world, "alone"))
    assert await assert_whole_log(world, case_id) == ["OPEN", "COMMENT"]


async def test_a_comment_behind_a_close_is_refused_as_one_on_a_closed_case(world: World, elsewhere: World) -> None:
    case_id = (await world.open_case()).case.id
    close = world.rosa, CloseCase(case_id=case_id)

    refusal, went = await behind(elsewhere, close, world, AddComment(case_id=case_id, comment="x"))

    assert isinstance(refusal, CaseClosed) and refusal.case_id == case_id
    assert went == ways_of(world, "alone", "locked")
    assert await assert_whole_log(world, case_id) == ["OPEN", "CLOSE"]


async def test_a_comment_behind_a_request_follows_from_the_state_that_it_made(world: World, elsewhere: World) -> None:
    case_id = (await world.open_case()).case.id
    favorable = RequestedStatus.FAVORABLE
    requested = RequestOverride(
        case_id=case_id, requested_status=favorable, reviewer_ids=(world.rosa.id,), comment="Sure."
    )

    outcome, went = await behind(elsewhere, (world.ada, requested), world, AddComment(case_id=case_id, comment="x"))

    assert went == ways_of(world, "alone", "locked")
    assert (outcome.action.seq, outcome.action.status_before) == (3, CaseStatus.PENDING_REVIEW)
    assert outcome.case.status is CaseStatus.PENDING_REVIEW
    assert await assert_whole_log(world, case_id) == ["OPEN", "REQUEST_OVERRIDE", "COMMENT"]


async def test_a_comment_after_another_gets_a_version_conflict(world: World, elsewhere: World) -> None:
    case_id = (await world.open_case()).case.id
    first = world.ada, AddComment(case_id=case_id, comment="First.")
    second = AddComment(case_id=case_id, comment="Second.", expected_version=1)

    conflict, went = await behind(elsewhere, first, world, second)

    assert isinstance(conflict, VersionConflict)
    assert conflict.params == {"expected": 1, "actual": 2}
    assert went == ways_of(world, "alone", "locked")
    assert await assert_whole_log(world, case_id) == ["OPEN", "COMMENT"]


@pytest.mark.parametrize("first", ["comment", "cancel", "refuse"])
async def test_a_decision_behind_another_action_is_refused(world: World, elsewhere: World, first: str) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    read = await world.read(case_id)
    earlier: dict[str, tuple[Person, Command]] = {
        "comment": (world.ada, AddComment(case_id=case_id, comment="Wait.")),
        "cancel": (world.ada, CancelOverride(case_id=case_id)),
        "refuse": (world.rolf, RefuseOverride(**read)),
    }

    refusal, went = await behind(elsewhere, earlier[first], world, AcceptOverride(**read), world.rosa)

    assert isinstance(refusal, VersionConflict if first == "comment" else OverrideNotPending)
    assert went == ways_of(world, "alone", "locked")
    made = {"comment": "COMMENT", "cancel": "CANCEL", "refuse": "REFUSE"}[first]
    assert await assert_whole_log(world, case_id) == ["OPEN", "REQUEST_OVERRIDE", made]
    found = (await contents(world.database))["subjects"].values()
    assert [row["evaluation_status"] for row in found] == ["UNFAVORABLE"]


async def test_a_cancellation_behind_a_reassignment_is_done_on_what_it_left(world: World, elsewhere: World) -> None:
    case_id = (await world.case_in(CaseStatus.PENDING_REVIEW)).case.id
    override_id = (await world.read(case_id))["override_id"]
    await set_by_hand(world.database, tables.users, world.rosa.id, active=False)
    other = ReassignReviewers(
        case_id=case_id, override_id=override_id, reviewer_ids=(world.rolf.id,), comment="Rosa has left."
    )

    outcome, went = await behind(elsewhere, (world.ada, other), world, CancelOverride(case_id=case_id), world.ada)

    assert (outcome.override.version, went) == (3, ways_of(world, "alone", "locked"))
    assert await assert_whole_log(world, case_id) == ["OPEN", "REQUEST_OVERRIDE", "REASSIGN", "CANCEL"]


async def test_what_is_not_prepared_is_never_left_uncommitted(world: World) -> None:
    if world.database.is_sqlite:
        pytest.skip("the group commit has a connection of its own for what is not prepared")
    case = (await world.open_case()).case
    writes = [updated(tables.cases, case.id, version=case.version + 1)]

    async with world.database.autocommit_writer() as connection:
        await connection.execute(text("SELECT 1"))
        with pytest.raises(AssertionError, match="nothing would commit it"):
            await write_if_unchanged(connection, case.version, writes)
        assert isinstance(connection, AsyncConnection)
        await connection.rollback()


async def test_refusals_are_those_of_the_locked_way_in_its_order(world: World) -> None:
    case_id = (await world.case_in(CaseStatus.CLOSED)).case.id
    comment = AddComment(case_id=case_id, comment="x", expected_version=7)

    for key in (None, "key"):  # without a lock, and with it
        requested = replace(comment, idempotency_key=key)
        with pytest.raises(NotFound):
            await world.do(world.aldo, replace(requested, case_id=uuid4()))
        with pytest.raises(RoleRequired):
            await world.do(world.aldo, requested)
        with pytest.raises(CaseClosed):
            await world.do(world.carl, requested)
    assert await assert_whole_log(world, case_id) == ["OPEN", "CLOSE"]


# --- Many at once ----------------------------------------------------------------------------------------------------


async def decided(decide: Callable[[UUID], Awaitable[Outcome]], case_id: UUID) -> None:
    """Decide, and read again where somebody has commented since."""
    for _ in range(200):
        try:
            await decide(case_id)
        except VersionConflict:
            continue
        return
    raise AssertionError("nobody could decide")


async def test_comments_and_everything_else_at_once_make_one_whole_log_without_a_deadlock(
    fresh_url: str, world: World
) -> None:
    # In one gateway, whoever is not the first on a case takes the lock at once.
    patience = Timeouts(pool=60, lock=60)  # on a slow machine
    gateways = [replace(world, database=open_database(fresh_url, patience=patience)) for _ in range(4)]
    case_id = (await world.open_case()).case.id
    chance = Random(11)

    async def comment(number: int) -> str:
        await asyncio.sleep(chance.random() * 0.5)
        key = f"{number}" if number % 5 == 0 else None
        gateway = gateways[number % 4]
        try:
            await gateway.do(world.carl, AddComment(case_id=case_id, comment=f"{number}", idempotency_key=key))
        except CaseClosed:
            return "refused"
        return "done"

    async def review() -> None:
        for decide in (gateways[0].refuse, gateways[1].cancel, world.refuse):
            await world.request_override(case_id)
            await asyncio.sleep(0.02)
            await decided(decide, case_id)
        await asyncio.sleep(0.2)
        await world.do(world.bea, CloseCase(case_id=case_id))

    with conflicts(world.database, *(gateway.database for gateway in gateways)) as given_up:
        *reported, _ = await asyncio.gather(*(comment(number) for number in range(100)), review())
    for gateway in gateways:
        await gateway.database.close()

    types = await assert_whole_log(world, case_id)
    assert types.count("COMMENT") == reported.count("done") > 0
    assert types[-1] == "CLOSE"
    assert len(types) == 1 + reported.count("done") + 7
    assert given_up == []


async def test_what_the_server_calls_a_conflict_is_settled_by_the_locked_way(
    fresh_url: str, world: World, elsewhere: World
) -> None:
    """Where each transaction has a snapshot of its own, an UPDATE that had to wait fails; it does not look again."""
    if world.database.is_sqlite:
        pytest.skip("SQLite has one lock, so that all is serial")
    name = urlsplit(fresh_url).path.removeprefix("/")
    async with world.database.write() as connection:
        await connection.execute(text(f'ALTER DATABASE "{name}" SET default_transaction_isolation = "repeatable read"'))
    case_id = (await world.open_case()).case.id
    comment = AddComment(case_id=case_id, comment="x")

    # Elsewhere, connections are made no sooner than now.
    with conflicts(elsewhere.database) as given_up:
        outcome, went = await behind(world, (world.ada, comment), elsewhere, comment)

    assert (outcome.action.seq, went) == (3, ["alone", "locked"])
    assert given_up == ["40001"]
    assert await assert_whole_log(world, case_id) == ["OPEN", "COMMENT", "COMMENT"]


# --- An end that nobody knows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_comment_whose_answer_is_lost_is_not_tried_again(fresh_url: str, world: World, cut: str) -> None:
    if world.database.is_sqlite:
        pytest.skip("there is no connection to cut")
    case_id = (await world.open_case()).case.id
    document = "mutation($input: AddCommentInput!) { addComment(input: $input) { errors { code } } }"
    parts = urlsplit(fresh_url)
    proxy = Proxy(parts.port or 5432, Fixed(0.1 if cut == "before" else 0.9), commits=(b"Only once.",))

    async with proxy.serving() as port:
        through = urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}"))
        async with Api.opened(through) as api:
            await api.act(world.ada.token, "addComment", {"caseId": str(case_id), "body": "Before."})
            proxy.share = 1
            answer = await api.send(
                world.ada.token, document, {"input": {"caseId": str(case_id), "body": "Only once."}}
            )
            proxy.share = 0
            after = await api.act(world.ada.token, "addComment", {"caseId": str(case_id), "body": "After."})

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    assert proxy.cuts == {cut: 1}
    assert after["errors"] == []
    assert await assert_whole_log(world, case_id) == ["OPEN", *["COMMENT"] * (2 if cut == "before" else 3)]
