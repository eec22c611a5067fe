"""What the database itself refuses, whoever asks: the statements here go around the gateway, on both engines.

That a log which was changed all the same is found is shown in test_verification.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import (
    Column,
    ColumnElement,
    Executable,
    Insert,
    Table,
    delete,
    insert,
    literal,
    select,
    text,
    true,
    update,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from app.db import tables
from app.db.engines import Database
from app.db.errors import refusal_of, violated_constraint
from app.domain.commands import AddComment, CloseCase
from app.domain.model import CaseStatus, EvaluationStatus, OverrideStatus, RequestedStatus, Resolution
from tests.support.world import World, make_world

REFUSED = r"casegate: (rows of \w+ are permanent|the override is finished|the log does not have this change of cases)"
PERMANENT = [tables.case_actions, tables.comments, tables.override_reviewers, tables.overrides, tables.cases]
EARLIER = datetime(2020, 1, 1, tzinfo=UTC)

# Of a case and an override that are not finished: what changes with their story, and other values for all the rest.
CHANGING = {"status", "version", "updated_at", "action_count", "head_hash", "resolution", "closed_by_id", "closed_at"}
CHANGING |= {"decided_by_id", "decided_at"}
FIXED: dict[str, Any] = {
    "id": uuid4(),
    "number": 99,
    "subject_status_at_opening": EvaluationStatus.PENDING,
    "subject_status_at_request": EvaluationStatus.PENDING,
    "requested_status": RequestedStatus.UNFAVORABLE,
    "title": "Another",
    "description": "Another",
    "title_salt": "0" * 64,
    "description_salt": "0" * 64,
    "erased_by_id": uuid4(),
    "held_by_id": uuid4(),
    "owner_id": uuid4(),
    "due_at": EARLIER,
    "expires_at": EARLIER,
    "created_at": EARLIER,
}


@dataclass(frozen=True, slots=True)
class Scene:
    """A closed case with a refused and an accepted override, and one whose override waits for a decision."""

    world: World
    closed: UUID
    open: UUID

    @property
    def database(self) -> Database:
        return self.world.database

    def of(self, table: Table, case_id: UUID) -> ColumnElement[bool]:
        """Return the condition that a row of *table* belongs to the case."""
        match table.name:
            case "cases":
                return tables.cases.c.id == case_id
            case "override_reviewers":
                overrides = select(tables.overrides.c.id).where(tables.overrides.c.case_id == case_id)
                return tables.override_reviewers.c.override_id.in_(overrides)
        return table.c.case_id == case_id

    async def rows(self, table: Table) -> list[tuple[Any, ...]]:
        async with self.database.read() as connection:
            return sorted((tuple(row) for row in await connection.execute(select(table))), key=str)

    async def run(self, statement: Executable) -> int:
        async with self.database.write() as connection:
            return (await connection.execute(statement)).rowcount


@pytest.fixture
async def scene(world: World) -> Scene:
    closed = (await world.open_case()).case.id
    await world.do(world.ada, AddComment(case_id=closed, comment="Called them."))
    await world.request_override(closed)
    await world.refuse(closed)
    await world.request_override(closed, reviewers=(world.rosa, world.bea))
    await world.accept(closed, comment="Sound.")
    await world.do(world.ada, CloseCase(case_id=closed))
    waiting = await world.case_in(CaseStatus.PENDING_REVIEW)
    return Scene(world, closed, waiting.case.id)


async def assert_refused(scene: Scene, table: Table, statement: Executable) -> None:
    """Run a statement that the database must refuse by a trigger, and leave *table* as it was."""
    before = await scene.rows(table)
    assert before
    with pytest.raises(IntegrityError, match=REFUSED):
        await scene.run(statement)
    assert await scene.rows(table) == before


def columns_of(listed: Sequence[Table]) -> list[Column[Any]]:
    return [column for table in listed for column in table.c]


async def violation(scene: Scene, statement: Executable) -> IntegrityError:
    with pytest.raises(IntegrityError) as raised:
        await scene.run(statement)
    return raised.value


def copy_of(table: Table, which: ColumnElement[bool], **changes: Any) -> Insert:
    """Return the statement that inserts the one row *which*, with *changes*, again."""
    values = [literal(changes[column.name], column.type) if column.name in changes else column for column in table.c]
    return insert(table).from_select(table.c.keys(), select(*values).where(which).limit(1))


# --- UPDATE, DELETE, TRUNCATE, REPLACE -------------------------------------------------------------------------------


async def test_no_column_of_a_finished_row_is_updated(scene: Scene) -> None:
    for column in columns_of(PERMANENT):
        table = column.table
        await assert_refused(scene, table, update(table).where(scene.of(table, scene.closed)).values({column: column}))


async def test_no_column_of_an_open_case_s_log_is_updated(scene: Scene) -> None:
    for column in columns_of([tables.case_actions, tables.comments, tables.override_reviewers]):
        table = column.table
        await assert_refused(scene, table, update(table).where(scene.of(table, scene.open)).values({column: column}))


async def test_what_was_said_when_a_row_was_made_stays_while_it_is_open(scene: Scene) -> None:
    other = await make_world(scene.database)
    opened = await other.open_case()
    others = {
        "account_id": other.account_id,
        "case_id": opened.case.id,
        "subject_id": opened.case.subject_id,
        "created_by_id": other.carl.id,
    }

    for column in columns_of([tables.cases, tables.overrides]):
        which = scene.of(column.table, scene.open)
        if column.name in CHANGING:
            assert await scene.run(update(column.table).where(which).values({column: column})) == 1
        else:
            value = (FIXED | others)[column.name]
            await assert_refused(scene, column.table, update(column.table).where(which).values({column: value}))


async def test_no_row_is_deleted_whether_its_case_is_closed_or_open(scene: Scene) -> None:
    for table in PERMANENT:
        for case_id in (scene.closed, scene.open):
            await assert_refused(scene, table, delete(table).where(scene.of(table, case_id)))


async def test_no_table_is_emptied(scene: Scene) -> None:
    for table in PERMANENT:
        await assert_refused(scene, table, delete(table))
        if not scene.database.is_sqlite:  # which has no TRUNCATE
            await assert_refused(scene, table, text(f"TRUNCATE {table.name} CASCADE"))


async def test_no_row_is_replaced(scene: Scene) -> None:
    for table in PERMANENT:
        copy = select(table).where(scene.of(table, scene.closed))
        if scene.database.is_sqlite:
            # It deletes without firing DELETE's triggers, unless it is told to.
            await assert_refused(
                scene, table, insert(table).prefix_with("OR REPLACE").from_select(table.c.keys(), copy)
            )
            continue
        key = [column.name for column in table.primary_key]
        upsert = postgresql.insert(table).from_select(table.c.keys(), copy)
        await assert_refused(
            scene, table, upsert.on_conflict_do_update(index_elements=key, set_={key[0]: table.c[key[0]]})
        )


async def test_no_row_takes_the_place_of_another_under_a_new_id(scene: Scene) -> None:
    logged = (tables.case_actions.c.comment_id.is_not(None)) & (tables.case_actions.c.seq > 1)
    elsewhere: dict[str, Any] = {"id": uuid4(), "case_id": scene.open, "seq": 50, "comment_id": None, "position": 9}
    taking = [
        (tables.case_actions, ["case_id", "seq"], scene.closed, logged),
        (tables.case_actions, ["comment_id"], scene.closed, logged),
        (tables.cases, ["account_id", "number"], scene.closed, true()),
        (tables.override_reviewers, ["override_id", "reviewer_id"], scene.open, true()),
    ]
    if scene.database.is_sqlite:  # as SQLite's own shell has it
        async with scene.database.writer.own() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            await driver.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr]  # aiosqlite's

    for table, key, case_id, which in taking:
        changes = {name: value for name, value in elsewhere.items() if name not in key}
        copy = copy_of(table, scene.of(table, case_id) & which, **changes)
        if scene.database.is_sqlite:
            await assert_refused(scene, table, copy.prefix_with("OR REPLACE"))
        else:
            await violation(scene, copy)


async def test_a_decided_override_gets_no_reviewers(scene: Scene) -> None:
    link, override = tables.override_reviewers, tables.overrides.c
    finished = select(override.id, literal(scene.world.rolf.id, override.id.type), literal(9), override.created_by_id)

    for status in (OverrideStatus.ACCEPTED, OverrideStatus.REFUSED):
        row = finished.where(override.status == status)
        await assert_refused(scene, link, insert(link).from_select(link.c.keys(), row))


async def test_the_gateway_goes_on_writing_what_it_may(scene: Scene) -> None:
    world = scene.world

    await world.do(world.bea, AddComment(case_id=scene.open, comment="Seen."))
    await world.cancel(scene.open)
    closed = await world.do(world.ada, CloseCase(case_id=scene.open, resolution=Resolution.DUPLICATE))

    assert (closed.case.status, closed.case.action_count) == (CaseStatus.CLOSED, 5)


# --- Constraints -----------------------------------------------------------------------------------------------------


async def test_a_creator_is_never_the_decider(scene: Scene) -> None:
    override = tables.overrides
    for status in (OverrideStatus.ACCEPTED, OverrideStatus.REFUSED):
        by_creator = {"status": status, "decided_by_id": override.c.created_by_id, "decided_at": EARLIER}
        error = await violation(scene, update(override).where(override.c.case_id == scene.open).values(by_creator))

        refusal = refusal_of(error)
        assert refusal is not None and refusal.code == "SELF_REVIEW_FORBIDDEN"


async def test_a_creator_is_never_a_reviewer_not_even_by_lying_about_who_the_creator_is(scene: Scene) -> None:
    link, world = tables.override_reviewers, scene.world
    which = scene.of(link, scene.open)

    error = await violation(scene, copy_of(link, which, position=5, reviewer_id=world.ada.id))
    refusal = refusal_of(error)
    lie = await violation(
        scene, copy_of(link, which, position=5, reviewer_id=world.ada.id, created_by_id=world.carl.id)
    )

    assert refusal is not None and refusal.code == "CREATOR_CANNOT_REVIEW"
    assert refusal_of(lie) is None


async def test_one_override_waits_in_a_case_and_on_a_subject(scene: Scene) -> None:
    override, case = tables.overrides, tables.cases
    waiting = (override.c.case_id == scene.open) & (override.c.status == OverrideStatus.PENDING)
    async with scene.database.read() as connection:
        subject = await connection.scalar(select(case.c.subject_id).where(case.c.id == scene.closed))
    for changes in ({"subject_id": subject}, {"case_id": scene.closed}, {}):
        error = await violation(scene, copy_of(override, waiting, id=uuid4(), **changes))

        refusal = refusal_of(error)
        assert refusal is not None and refusal.code == "OVERRIDE_ALREADY_ACTIVE"


async def test_a_subject_has_one_case_that_is_not_closed(scene: Scene) -> None:
    error = await violation(scene, copy_of(tables.cases, tables.cases.c.id == scene.open, id=uuid4(), number=50))

    refusal = refusal_of(error)
    assert refusal is not None and refusal.code == "ACTIVE_CASE_EXISTS"


# What no row may say: the table, what is changed in a copy of the open case's row, the constraint that is violated.
CHECKED: list[tuple[Table, dict[str, Any], str]] = [
    (tables.case_actions, {"seq": 0}, "ck_case_actions_seq_from_one"),
    (tables.case_actions, {"seq": 9, "type": "OPEN"}, "ck_case_actions_first_opens"),
    (tables.case_actions, {"seq": 9, "status_before": None}, "ck_case_actions_first_opens"),
    (tables.override_reviewers, {"position": 10}, "ck_override_reviewers_position_range"),
    (tables.override_reviewers, {"position": -1}, "ck_override_reviewers_position_range"),
    (tables.overrides, {"status": "ACCEPTED"}, "ck_overrides_decided_whole"),
    (tables.overrides, {"status": "CANCELLED", "decided_at": EARLIER}, "ck_overrides_decided_whole"),
    (tables.cases, {"status": "CLOSED", "number": 50}, "ck_cases_closed_whole"),
    (tables.cases, {"resolution": "DUPLICATE", "number": 50, "subject_id": uuid4()}, "ck_cases_closed_whole"),
]


async def test_a_row_that_contradicts_itself_is_refused(scene: Scene) -> None:
    for table, changes, constraint in CHECKED:
        which = scene.of(table, scene.open)
        if table is tables.case_actions:
            which &= table.c.seq == 2
        elsewhere = {"id": uuid4(), "comment_id": None, "reviewer_id": scene.world.rolf.id}

        error = await violation(scene, copy_of(table, which, **elsewhere | changes))

        assert violated_constraint(error) == constraint
        assert refusal_of(error) is None
