"""Verifying what people are shown: each column that follows from the log, changed by hand, is named, on whole logs.

The triggers that would refuse such a change are put aside first, as somebody who owns the database could.
"""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Column, ColumnElement, Executable, Table, Uuid, and_, delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from app import clock
from app.audit.verification import NOT_COVERED, Verdict, verify_log
from app.db import tables
from app.db.columns import UtcDateTime
from app.db.engines import Database
from app.db.repository.verifying import missing_documents
from app.domain.commands import CloseCase, OpenCase, SubjectDetails
from app.domain.model import CaseStatus, EvaluationStatus, Resolution, SubjectType
from tests.support.api import Api
from tests.support.documents import TEXT, comment_with, uploaded
from tests.support.gateway import casegate
from tests.support.played_story import STEPS, Story
from tests.support.tampering import tamper, undone
from tests.support.world import World, make_world

cases, comments, documents = tables.cases, tables.comments, tables.documents
overrides, subjects = tables.overrides, tables.subjects
LATER = datetime(2026, 12, 24, tzinfo=UTC)


@pytest.fixture
async def story(world: World) -> Story:
    """One case, played in ten steps from opening to closing."""
    played = Story(world)
    for name in STEPS:
        await played.play(name)
    return played


async def faults(database: Database) -> list[tuple[str, str]]:
    """Return the kind and reason of all that is wrong with the cases, in their order."""
    found = [verdict async for verdict in verify_log(database)]
    return [(str(fault.kind), fault.reason) for verdict in found for fault in reported(verdict)]


def reported(verdict: Verdict) -> list[Any]:
    return [fault for fault in (verdict.fault, *verdict.others) if fault is not None]


# What is changed, where, and what is told of it.
CHANGES: Mapping[str, tuple[Table, ColumnElement[bool] | None, Mapping[str, Any], str]] = {
    "the result": (subjects, None, {"evaluation_status": "UNFAVORABLE"}, "the subject is UNFAVORABLE in version 2"),
    "the result's version": (subjects, None, {"version": 3}, "the subject is FAVORABLE in version 3"),
    "a result nobody gave": (subjects, None, {"evaluation_status": "ANOMALY", "version": 9}, "the subject is ANOMALY"),
    "who opened": (cases, None, {"created_by_id": "bea"}, "the case has another created_by_id"),
    "when it was opened": (cases, None, {"created_at": LATER}, "the case has another created_at"),
    "when it changed": (cases, None, {"updated_at": LATER}, "the case has another updated_at"),
    "who closed": (cases, None, {"closed_by_id": "bea"}, "the case has another closed_by_id"),
    "when it was closed": (cases, None, {"closed_at": LATER}, "the case has another closed_at"),
    "the case's version": (cases, None, {"version": 11}, "the case has another version"),
    "when it was asked for": (overrides, None, {"created_at": LATER}, "has another created_at"),
    "when it was decided": (overrides, overrides.c.status == "REFUSED", {"decided_at": LATER}, "another decided_at"),
    "an override's version": (overrides, None, {"version": 7}, "has another version"),
}


async def test_a_column_that_does_not_follow_from_the_log_is_named(story: Story, database: Database) -> None:
    for what, (table, where, values, reason) in CHANGES.items():
        assert await faults(database) == []
        given = {name: story.world.bea.id if value == "bea" else value for name, value in values.items()}
        statement = update(table).values(given)

        async with undone(database, table):
            await tamper(database, statement if where is None else statement.where(where))
            found = await faults(database)

        assert {kind for kind, _ in found} == {"state"}, what
        assert reason in found[0][1], what


actions, reviewers = tables.case_actions, tables.override_reviewers
_ACCEPTED = select(overrides.c.id).where(overrides.c.status == "ACCEPTED").scalar_subquery()

# A row of each table that people are shown, in which every column is changed; and which columns nothing tells: keys to
# which other rows hold, and what `NOT_COVERED` says. A place is told where it can't be: see `test_places`.
SHOWN: Mapping[Table, tuple[ColumnElement[bool], set[str]]] = {
    subjects: (subjects.c.external_ref == "check-1", {"id", "label", "country_code", "external_key", "twin"}),
    cases: (cases.c.status == "CLOSED", {"id"}),
    comments: (comments.c.body == "unsure", {"id"}),
    documents: (documents.c.position == 0, {"id", "warnings"}),
    overrides: (overrides.c.status == "ACCEPTED", {"id"}),
    reviewers: ((reviewers.c.override_id == _ACCEPTED) & (reviewers.c.position == 0), {"override_id", "created_by_id"}),
    actions: (actions.c.type == "REFUSE", {"id", "position"}),
}

CONSTRAINED: Mapping[Table, set[str]] = {
    cases: {"number", "status"},
    documents: {"comment_id"},
    overrides: {"created_by_id", "status"},
    actions: {"seq", "type"},
}
"""Columns that can't be changed alone, even where there are no triggers: `test_audit` changes them with others."""


def another(column: Column[Any], value: Any, other: Mapping[str, Any]) -> Any:
    """Return a value of the column's kind that is not this one."""
    if column.name in other:
        return other[column.name]
    if isinstance(value, Enum):
        return next(member for member in type(value) if member is not value)
    if isinstance(column.type, UtcDateTime):
        return LATER
    if isinstance(column.type, Uuid):
        return other["person"]
    return value + 1 if isinstance(value, int) else f"{value or ''}x"[-60:]


async def changed_by_hand(database: Database, table: Table, where: Any, column: Column[Any], value: Any) -> bool:
    """Say whether the column could be changed: a constraint, which is no trigger, may stand in the way."""
    try:
        await tamper(database, update(table).where(where).values({column: value}))
    except IntegrityError:
        return False
    return True


@pytest.mark.parametrize("table", SHOWN, ids=lambda table: table.name)
async def test_every_column_is_verified_protected_or_listed_as_not_covered(
    world: World, database: Database, api: Api, story: Story, table: Table
) -> None:
    case = (await world.open_case()).case
    await comment_with(api, world.ada.token, str(case.id), [("a.txt", TEXT)])
    elsewhere = await make_world(database)
    other: dict[str, Any] = {"account_id": elsewhere.account_id, "person": world.bea.id, "position": 9}
    other |= {"case_id": story.case_id if table is documents else case.id, "subject_id": case.subject_id}
    other |= {"comment_id": None, "override_id": None, "resolution": Resolution.DUPLICATE}
    where, unreported = SHOWN[table]
    key = [column.name for column in table.primary_key]
    async with database.read() as connection:
        (row,) = (await connection.execute(select(table).where(where))).mappings().all()
    same = and_(*(table.c[name] == row[name] for name in key))

    refused = set()
    for column in table.c:
        if column.name in unreported:
            continue
        value = another(column, row[column.name], other)
        if not await changed_by_hand(database, table, same, column, value):
            refused.add(column.name)
            continue
        async with database.read() as connection:
            missing = await missing_documents(connection)
        assert missing or await faults(database), column
        moved = and_(*(table.c[name] == (value if name == column.name else row[name]) for name in key))
        await tamper(database, update(table).where(moved).values({column: row[column.name]}))
        assert await faults(database) == [], column
    assert refused == CONSTRAINED.get(table, set())


@pytest.mark.parametrize("state", list(CaseStatus))
async def test_each_result_that_the_log_does_not_give_is_named_in_every_state_of_a_case(
    world: World, database: Database, state: CaseStatus
) -> None:
    outcome = await world.case_in(state)
    async with database.read() as connection:
        stored = await connection.scalar(select(subjects.c.evaluation_status))
    assert await faults(database) == []

    for status in EvaluationStatus:
        await tamper(database, update(subjects).values(evaluation_status=status))
        kinds = [kind for kind, _ in await faults(database)]
        assert kinds == ([] if status is stored else ["state"]), status
    assert outcome.case.status is state


async def test_a_result_is_folded_over_all_cases_of_its_subject_and_named_at_the_last_one(
    world: World, database: Database
) -> None:
    def opening(status: EvaluationStatus | None) -> OpenCase:
        details = SubjectDetails(
            type=SubjectType.COMPANY_ACCOUNT_CHECK,
            external_ref="ref-1",
            label="Moulins",
            country_code="FR",
            evaluation_status=status,
        )
        return OpenCase(subject=details, title="A changed IBAN")

    opened = []
    for status in (EvaluationStatus.ANOMALY, None, EvaluationStatus.UNFAVORABLE, EvaluationStatus.UNFAVORABLE):
        opened.append((await world.do(world.ada, opening(status))).case.id)
        if len(opened) < 4:
            await world.do(world.ada, CloseCase(case_id=opened[-1]))
    assert await faults(database) == []

    await tamper(database, update(subjects).values(evaluation_status="FAVORABLE"))

    bad = [verdict async for verdict in verify_log(database) if verdict.fault is not None]
    assert [verdict.case_id for verdict in bad] == [opened[3]]
    assert [verdict async for verdict in verify_log(database, world.account_id, opened[3]) if verdict.fault]
    assert not [verdict async for verdict in verify_log(database, world.account_id, opened[0]) if verdict.fault]


# --- What hangs on no row ---------------------------------------------------------------------------------------------


def loose_comment(world: World, case_id: UUID, **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"id": uuid4(), "account_id": world.account_id, "case_id": case_id}
    return row | {"author_id": world.ada.id, "body": "The bank confirmed.", "created_at": clock.now()} | changes


async def test_a_comment_that_no_row_has_is_named_with_its_document(
    world: World, database: Database, api: Api, story: Story
) -> None:
    loose = UUID(await uploaded(api, world.ada.token))
    comment = loose_comment(world, story.case_id)
    place = {"comment_id": comment["id"], "case_id": story.case_id, "position": 0}

    await tamper(
        database,
        insert(comments).values(comment),
        update(documents).where(documents.c.id == loose).values(place),
    )

    assert await faults(database) == [
        ("unlogged", f"the comment {comment['id']} is in no row of the log"),
        ("unlogged", f"the document {loose} is in no row of the log"),
    ]


async def test_a_document_beside_those_that_its_comments_row_counts_is_named(
    world: World, database: Database, api: Api
) -> None:
    case_id = (await world.open_case()).case.id
    await comment_with(api, world.ada.token, str(case_id), [("a.txt", TEXT), ("b.txt", TEXT + b"!")])
    loose = UUID(await uploaded(api, world.ada.token))
    comment = select(comments.c.id).limit(1).scalar_subquery()
    place = {"comment_id": comment, "case_id": case_id, "position": 2}

    await tamper(database, update(documents).where(documents.c.id == loose).values(place))

    assert ("unlogged", f"the document {loose} is in no row of the log") in await faults(database)


async def test_a_document_that_was_added_to_a_comment_or_changed_or_moved_is_found(
    world: World, database: Database, api: Api, story: Story
) -> None:
    other = (await world.open_case()).case.id
    await comment_with(api, world.ada.token, str(other), [("a.txt", TEXT), ("b.txt", TEXT + b"!")])
    first = select(documents.c.id).order_by(documents.c.position).limit(1).scalar_subquery()
    which = documents.c.id == first
    assert await faults(database) == []

    for change in ({"filename": "c.txt"}, {"size_bytes": 1}, {"content_type": "x/y"}, {"uploader_id": world.carl.id}):
        async with database.read() as connection:
            (before,) = (await connection.execute(select(documents).where(which))).mappings().all()
        await tamper(database, update(documents).where(which).values(change))
        assert [kind for kind, _ in await faults(database)] == ["content"]
        await tamper(database, update(documents).where(documents.c.id == before["id"]).values(dict(before)))
    await tamper(database, update(documents).where(which).values(case_id=story.case_id))
    assert [kind for kind, _ in await faults(database)] == ["unlogged"]


async def test_a_comment_that_was_moved_to_another_case_is_found(world: World, database: Database) -> None:
    mine, other = (await world.case_in(CaseStatus.IN_PROGRESS)).case.id, (await world.open_case()).case.id

    await tamper(database, update(comments).values(case_id=other))

    assert [kind for kind, _ in await faults(database)] == ["unlogged"]
    assert mine != other


async def test_an_override_that_no_row_has_is_named(world: World, database: Database, story: Story) -> None:
    async with database.read() as connection:
        first = dict((await connection.execute(select(overrides).limit(1))).mappings().one())
    made = first | {"id": uuid4()}

    await tamper(database, insert(overrides).values(made))

    assert ("unlogged", f"the override {made['id']} is in no row of the log") in await faults(database)


async def test_a_result_and_an_override_that_are_both_made_up_are_found(world: World, database: Database) -> None:
    """The whole outcome is false, and each row of the log is whole."""
    case = (await world.case_in(CaseStatus.PENDING_REVIEW)).case
    decided = {"status": "ACCEPTED", "decided_by_id": world.rosa.id, "decided_at": clock.now(), "version": 2}

    await tamper(
        database,
        update(overrides).values(decided),
        update(subjects).values(evaluation_status="FAVORABLE", version=2),
        update(cases).where(cases.c.id == case.id).values(status="RESOLVED"),
    )

    kinds = [kind for kind, _ in await faults(database)]
    assert kinds[0] == "content"
    assert kinds.count("state") == 2


# --- The commands -----------------------------------------------------------------------------------------------------


async def run(fresh_url: str, folder: Path, *arguments: str) -> Any:
    return await asyncio.to_thread(casegate, *arguments, database_url=fresh_url, data_dir=str(folder))


async def test_the_command_reports_each_fault_and_what_is_not_covered(
    world: World, database: Database, fresh_url: str, tmp_path: Path, story: Story
) -> None:
    whole = await run(fresh_url, tmp_path, "log", "verify", "--json")
    comment = loose_comment(world, story.case_id)
    changed: list[Executable] = [update(subjects).values(evaluation_status="ANOMALY"), insert(comments).values(comment)]
    await tamper(database, *changed)
    await database.close()

    reported = await run(fresh_url, tmp_path, "log", "verify")
    listed = await run(fresh_url, tmp_path, "log", "verify", "--json")

    assert (whole.returncode, reported.returncode, listed.returncode) == (0, 1, 1)
    assert json.loads(whole.stdout)["notCovered"] == list(NOT_COVERED)
    assert "not covered by any hash: people's names" in reported.stdout
    assert "CASE-000001: row 9 is bad (state): the subject is ANOMALY in version 2, and the log says" in reported.stdout
    assert f"CASE-000001: bad (unlogged): the comment {comment['id']} is in no row of the log\n" in reported.stdout
    (fault,) = json.loads(listed.stdout)["faults"]
    assert (fault["seq"], fault["kind"]) == (9, "state")
    assert [(other["seq"], other["kind"]) for other in fault["others"]] == [(None, "unlogged")]


async def test_documents_missing_from_the_log_or_from_the_table_are_reported(
    world: World, database: Database, fresh_url: str, tmp_path: Path, api: Api, story: Story
) -> None:
    other = (await world.open_case()).case.id
    await comment_with(api, world.ada.token, str(other), [("a.txt", TEXT), ("b.txt", TEXT + b"!")])
    loose = UUID(await uploaded(api, world.ada.token))
    whole = await run(fresh_url, tmp_path, "documents", "verify")
    comment = loose_comment(world, other)
    async with database.read() as connection:
        attached = await connection.scalar(select(documents.c.id).where(documents.c.position == 1))

    await tamper(
        database,
        insert(comments).values(comment),
        update(documents).where(documents.c.id == loose).values(comment_id=comment["id"], case_id=other, position=0),
        delete(documents).where(documents.c.id == attached),
        text("DELETE FROM case_texts WHERE source_id = source_id AND field = 'DOCUMENT'"),
    )
    reported = await run(fresh_url, tmp_path, "documents", "verify")
    listed = await run(fresh_url, tmp_path, "documents", "verify", "--json")

    assert (whole.returncode, reported.returncode, listed.returncode) == (0, 1, 1)
    assert f"{loose}: no row of the log has it\n" in reported.stdout
    assert "1 document of this comment is missing\n" in reported.stdout
    assert len(json.loads(listed.stdout)["faults"]) == 2
