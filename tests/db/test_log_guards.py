"""Nothing that people are shown comes into the database without a row of the log: each engine refuses it by itself."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Executable, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from app import clock
from app.actions.outcome import Outcome
from app.db import tables
from app.db.engines import Database
from app.domain.commands import AcceptOverride, AddComment, CloseCase, OpenCase, SubjectDetails
from app.domain.model import CaseStatus, EvaluationStatus, OverrideStatus, RequestedStatus, SubjectType
from tests.support.api import Api
from tests.support.documents import TEXT, comment_with, uploaded
from tests.support.world import World

actions, comments, documents, overrides = tables.case_actions, tables.comments, tables.documents, tables.overrides
subjects = tables.subjects


async def run(database: Database, *statements: Executable) -> None:
    async with database.write() as connection:
        for statement in statements:
            await connection.execute(statement)


async def assert_refused(database: Database, *statements: Executable, words: str = "the log does not have") -> None:
    """See that the database refuses the statements, at once or as their transaction ends, and keeps nothing of them."""
    names = ("subjects", "cases", "comments", "documents", "overrides", "case_actions")
    kept = [tables.metadata.tables[name] for name in names]
    before = [await rows(database, table) for table in kept]
    with pytest.raises(IntegrityError, match=f"casegate: .*{words}"):
        await run(database, *statements)
    assert [await rows(database, table) for table in kept] == before


async def rows(database: Database, table: Any) -> Sequence[Any]:
    async with database.read() as connection:
        return sorted((tuple(row) for row in await connection.execute(select(table))), key=str)


@pytest.fixture
async def pending(world: World) -> Outcome:
    """A case whose override waits, on a subject that is UNFAVORABLE."""
    return await world.case_in(CaseStatus.PENDING_REVIEW)


def set_to(status: str, version: Any = subjects.c.version + 1) -> Executable:
    return update(subjects).values(evaluation_status=status, version=version)


# --- The subject's result ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", list(CaseStatus))
async def test_a_result_changes_by_no_hand_alone_whatever_the_case_is_in(
    world: World, database: Database, state: CaseStatus
) -> None:
    await world.case_in(state)
    async with database.read() as connection:
        now = await connection.scalar(select(subjects.c.evaluation_status))

    for status in EvaluationStatus:
        if status is not now:
            await assert_refused(database, set_to(status))
            await assert_refused(database, set_to(status, subjects.c.version))
    for version in (subjects.c.version + 1, subjects.c.version - 1, subjects.c.version + 2, 99):
        await assert_refused(database, update(subjects).values(version=version))


async def test_a_result_goes_to_nothing_else_beside_what_was_accepted(world: World, database: Database) -> None:
    await world.case_in(CaseStatus.RESOLVED)

    await assert_refused(database, set_to("UNFAVORABLE"), set_to("FAVORABLE"))
    await assert_refused(database, set_to("UNFAVORABLE"), set_to("FAVORABLE", subjects.c.version - 1))


async def test_an_upsert_changes_no_result(world: World, database: Database) -> None:
    await world.case_in(CaseStatus.IN_PROGRESS)
    upsert = (
        "INSERT INTO subjects (id, account_id, type, external_ref, label, evaluation_status, version, external_key)"
        " SELECT id, account_id, type, external_ref, label, 'FAVORABLE', version + 1, external_key FROM subjects"
        " WHERE true"
        " ON CONFLICT (id) DO UPDATE SET evaluation_status = excluded.evaluation_status, version = excluded.version"
    )
    words = "the log does not have|rows of subjects are permanent"

    await assert_refused(database, text(upsert), words=words)
    if database.is_sqlite:
        replace = upsert.partition(" ON CONFLICT")[0].replace("INSERT", "INSERT OR REPLACE")
        await assert_refused(database, text(replace), words=words)


async def test_the_gateway_changes_results_by_opening_and_by_accepting(world: World, database: Database) -> None:
    def opening(status: EvaluationStatus) -> OpenCase:
        details = SubjectDetails(
            type=SubjectType.COMPANY_ACCOUNT_CHECK,
            external_ref="ref-1",
            label="Moulins",
            country_code="FR",
            evaluation_status=status,
        )
        return OpenCase(subject=details, title="A changed IBAN")

    first = await world.do(world.ada, opening(EvaluationStatus.ANOMALY))
    requested = await world.request_override(first.case.id)
    assert requested.override is not None
    await world.do(
        world.rosa,
        AcceptOverride(
            case_id=first.case.id, override_id=requested.override.id, expected_version=requested.case.version
        ),
    )
    await world.do(world.ada, CloseCase(case_id=first.case.id))
    await world.do(world.ada, opening(EvaluationStatus.UNFAVORABLE))

    async with database.read() as connection:
        found = (await connection.execute(select(subjects.c.evaluation_status, subjects.c.version))).one()
    assert tuple(found) == (EvaluationStatus.UNFAVORABLE, 3)


# --- Comments, documents, overrides -----------------------------------------------------------------------------------


def comment_row(world: World, case_id: UUID) -> dict[str, Any]:
    row = {"id": uuid4(), "account_id": world.account_id, "case_id": case_id, "author_id": world.ada.id}
    return row | {"body": "Paid, all is well.", "created_at": clock.now()}


async def test_no_comment_comes_without_its_row(world: World, database: Database, pending: Outcome) -> None:
    other = (await world.open_case()).case.id
    await assert_refused(database, insert(comments).values(comment_row(world, pending.case.id)))
    await assert_refused(database, insert(comments).values(comment_row(world, other)))


async def test_a_row_brings_its_own_comment_alone(world: World, database: Database, pending: Outcome) -> None:
    """The row is there, but is another's: of another case, of another person."""
    other = (await world.open_case()).case.id
    async with database.read() as connection:
        last = (await connection.execute(select(actions).where(actions.c.seq == 2))).mappings().one()
    forged = dict(last) | {"id": uuid4(), "seq": 3, "type": "COMMENT", "override_id": None, "status_before": "OPEN"}
    del forged["position"]
    for changes in ({"case_id": other}, {"author_id": world.carl.id}):
        comment = comment_row(world, pending.case.id) | changes
        await assert_refused(
            database, insert(actions).values(forged | {"comment_id": comment["id"]}), insert(comments).values(comment)
        )


async def test_no_document_is_attached_without_its_row_nor_later(
    world: World, database: Database, api: Api, pending: Outcome
) -> None:
    case_id = pending.case.id
    await comment_with(api, world.ada.token, str(case_id), [("a.txt", TEXT)])
    loose = UUID(await uploaded(api, world.ada.token))
    async with database.read() as connection:
        (attached,) = (
            (await connection.execute(select(documents).where(documents.c.comment_id.is_not(None)))).mappings().all()
        )
        others = list(await connection.scalars(select(comments.c.id).where(comments.c.id != attached["comment_id"])))

    for comment_id in (attached["comment_id"], *others):
        for position in (0, 1, 9):
            if (comment_id, position) == (attached["comment_id"], 0):
                continue  # it is taken
            place = {"comment_id": comment_id, "case_id": case_id, "position": position}
            await assert_refused(database, update(documents).where(documents.c.id == loose).values(place))
            new = dict(attached) | {"id": uuid4()} | place
            await assert_refused(database, insert(documents).values(new))


async def test_no_override_comes_or_ends_without_its_row(world: World, database: Database, pending: Outcome) -> None:
    async with database.read() as connection:
        waiting = dict((await connection.execute(select(overrides))).mappings().one())
    free = (await world.open_case()).case
    decided = {"decided_by_id": world.rosa.id, "decided_at": clock.now(), "version": 2}

    new = waiting | {"id": uuid4(), "case_id": free.id, "subject_id": free.subject_id}
    await assert_refused(database, insert(overrides).values(new))
    await assert_refused(database, insert(overrides).values(new | decided | {"status": "ACCEPTED"}))
    for status in ("ACCEPTED", "REFUSED"):
        await assert_refused(database, update(overrides).values(decided | {"status": status}))
    await assert_refused(database, update(overrides).values(status="CANCELLED", version=2))
    await assert_refused(
        database, update(overrides).values(decided | {"status": "ACCEPTED"}), set_to(RequestedStatus.FAVORABLE)
    )


async def test_a_decision_that_is_in_the_log_is_not_turned_round(
    world: World, database: Database, pending: Outcome
) -> None:
    """The row of an acceptance lets its own override be accepted, and no other one, and nothing else be done."""
    await world.refuse(pending.case.id)
    await world.request_override(pending.case.id)
    decided = {"decided_by_id": world.rosa.id, "decided_at": clock.now(), "version": 2}
    which = overrides.c.status == OverrideStatus.PENDING

    for status in ("ACCEPTED", "REFUSED"):
        await assert_refused(database, update(overrides).where(which).values(decided | {"status": status}))


# --- Places in the whole log ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("position", [2**62, 2**48, 10_000, -1, 0, 1])
async def test_a_row_has_the_next_place_and_no_other(
    world: World, database: Database, pending: Outcome, position: int
) -> None:
    async with database.read() as connection:
        last = dict((await connection.execute(select(actions).where(actions.c.seq == 2))).mappings().one())
    forged = last | {"id": uuid4(), "seq": 3, "comment_id": None, "position": position}

    await assert_refused(database, insert(actions).values(forged), words="another place than the next one")
    if database.is_sqlite:
        values = {column.name: column.name for column in actions.c} | {"seq": "3", "comment_id": "NULL"}
        values |= {"id": "lower(hex(randomblob(16)))", "position": str(position), "rowid": str(position)}
        statement = f"INSERT INTO case_actions ({', '.join(values)}) SELECT {', '.join(values.values())}"
        statement += " FROM case_actions WHERE seq = 2"
        with pytest.raises(DBAPIError, match="casegate: "):
            await run(database, text(statement))


async def test_what_came_before_goes_on_being_written_to(world: World, database: Database, pending: Outcome) -> None:
    await world.do(world.bea, AddComment(case_id=pending.case.id, comment="Seen."))
    await world.cancel(pending.case.id)

    assert len(await rows(database, actions)) == 4
