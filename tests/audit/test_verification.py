"""Verifying the logs in the database: whatever somebody changes there by hand is found, and the first bad row named.

The triggers that would refuse such a change are put aside first, as somebody who owns the database could.
"""

import asyncio
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import ColumnElement, Table, delete, insert, select, text, update

from app.audit import verification
from app.audit.verification import Verdict, verify_log
from app.db import tables
from app.db.engines import Database
from app.domain.commands import AddComment
from app.domain.model import CaseStatus
from tests.support.gateway import casegate
from tests.support.played_story import STEPS, Story
from tests.support.tampering import tamper, undone
from tests.support.triggers import drop_triggers
from tests.support.world import World, make_world

actions, comments, overrides = tables.case_actions, tables.comments, tables.overrides


@pytest.fixture
async def story(world: World) -> Story:
    """One case, played in ten steps from opening to closing."""
    played = Story(world)
    for name in STEPS:
        await played.play(name)
    return played


async def verdicts(database: Database, account_id: UUID | None = None) -> list[Verdict]:
    return [verdict async for verdict in verify_log(database, account_id)]


async def first_bad(database: Database) -> int | None:
    """Return the first bad row of the one case that there is, None where all is well."""
    (verdict,) = await verdicts(database)
    return verdict.fault.seq if verdict.fault else None


def row(seq: int) -> ColumnElement[bool]:
    return actions.c.seq == seq


async def test_an_unchanged_log_is_valid(story: Story, database: Database) -> None:
    (verdict,) = await verdicts(database)

    assert (verdict.reference, verdict.rows, verdict.fault) == ("CASE-000001", len(STEPS), None)


# What is changed, where, and the row that is named for it.
CHANGES: Mapping[str, tuple[Table, ColumnElement[bool] | None, Mapping[str, Any], int]] = {
    "who did it": (actions, row(2), {"user_id": "bea"}, 2),
    "what was done": (actions, row(3), {"type": "CLOSE"}, 3),
    "when": (actions, row(4), {"created_at": timedelta(seconds=1)}, 4),
    "which request": (actions, row(5), {"request_id": "other"}, 5),
    "the status after": (actions, row(4), {"status_after": "RESOLVED"}, 4),
    "the status before": (actions, row(6), {"status_before": "OPEN"}, 6),
    "the hash": (actions, row(7), {"hash": "0" * 64}, 7),
    "the hash before": (actions, row(8), {"prev_hash": "0" * 64}, 8),
    "the comment's row": (actions, row(2), {"comment_id": None}, 2),
    "the override's row": (actions, row(5), {"override_id": None}, 5),
    "the words of a comment": (comments, comments.c.body == "called", {"body": "never called"}, 2),
    "the requested result": (overrides, overrides.c.status == "ACCEPTED", {"requested_status": "UNFAVORABLE"}, 8),
    "who accepted": (overrides, overrides.c.status == "ACCEPTED", {"decided_by_id": "bea"}, 9),
    "a no made a yes": (overrides, overrides.c.status == "REFUSED", {"status": "ACCEPTED"}, 4),  # the row that made it
    "a yes taken back": (
        overrides,
        overrides.c.status == "ACCEPTED",
        {"status": "CANCELLED", **dict.fromkeys(("decided_by_id", "decided_at"))},
        9,
    ),
    "the case's title": (tables.cases, None, {"title": "Another"}, 1),
    "the case's number": (tables.cases, None, {"number": 7}, 1),
    "the case's count": (tables.cases, None, {"action_count": 9}, 10),
    "the case's head": (tables.cases, None, {"head_hash": "0" * 64}, 10),
    "how it ended": (tables.cases, None, {"resolution": "DUPLICATE"}, 10),
    "what the check was": (tables.subjects, None, {"external_ref": "check-2"}, 1),
}


async def test_a_changed_row_is_named(story: Story, database: Database) -> None:
    found = {}
    for what, (table, where, values, _) in CHANGES.items():
        given: dict[str, Any] = {
            name: story.world.bea.id if value == "bea" else value for name, value in values.items()
        }
        if isinstance(given.get("created_at"), timedelta):
            given["created_at"] = story.outcomes[STEPS[3]].action.created_at + given["created_at"]
        statement = update(table).values(given)
        async with undone(database, table):
            await tamper(database, statement if where is None else statement.where(where))
            found[what] = await first_bad(database)
        assert await first_bad(database) is None, what

    assert found == {what: seq for what, (_, _, _, seq) in CHANGES.items()}


@pytest.mark.parametrize("seq", range(1, len(STEPS) + 1))
async def test_a_deleted_row_is_named(story: Story, database: Database, seq: int) -> None:
    await tamper(database, delete(actions).where(row(seq)))

    # Of a tail that was cut off, only the case's own count tells.
    assert await first_bad(database) == seq


async def test_a_deleted_row_is_found_though_the_rest_was_numbered_anew(story: Story, database: Database) -> None:
    later = range(5, len(STEPS) + 1)
    renumber = [update(actions).where(row(seq)).values(seq=seq - 1) for seq in later]

    await tamper(database, delete(actions).where(row(4)), *renumber, update(tables.cases).values(action_count=9))

    assert await first_bad(database) == 4


async def test_reordered_rows_are_named(story: Story, database: Database) -> None:
    for seq in range(2, len(STEPS)):  # the table itself refuses another first row
        swaps = [(seq, 99), (seq + 1, seq), (99, seq + 1)]
        swapping = [update(actions).where(row(old)).values(seq=new) for old, new in swaps]

        await tamper(database, *swapping)
        found = await first_bad(database)
        await tamper(database, *swapping)  # and back

        assert (found, await first_bad(database)) == (seq, None)


async def test_a_row_that_was_moved_to_another_case_is_found_in_both(world: World, database: Database) -> None:
    mine, others = (await world.case_in(CaseStatus.IN_PROGRESS)).case, (await world.open_case()).case
    for words in ("one", "two"):
        await world.do(world.ada, AddComment(case_id=mine.id, comment=words))

    await tamper(
        database,
        update(actions).where(actions.c.case_id == mine.id, row(3)).values(case_id=others.id, seq=2),
    )

    found = {verdict.case_id: verdict.fault and verdict.fault.seq for verdict in await verdicts(database)}
    assert found == {mine.id: 3, others.id: 2}


async def test_a_row_that_was_added_is_found(story: Story, database: Database) -> None:
    async with database.read() as connection:
        last = (await connection.execute(select(actions).where(row(10)))).mappings().one()

    added = dict(last) | {"id": uuid4(), "seq": 11, "prev_hash": last["hash"], "status_before": "CLOSED"}
    await tamper(database, insert(actions).values(added | {"comment_id": None}))

    assert await first_bad(database) == 11


async def test_rows_whose_case_was_deleted_are_found(story: Story, database: Database, fresh_url: str) -> None:
    async with database.write() as connection:
        await drop_triggers(connection)
        if not database.is_sqlite:
            named = "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE confrelid = 'cases'::regclass"
            for table, key in (await connection.execute(text(named))).all():
                await connection.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {key}"))
            await connection.execute(delete(tables.cases))
    if database.is_sqlite:  # where a program that does not ask for foreign keys is not held to them
        with closing(sqlite3.connect(fresh_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
            other.execute("DELETE FROM cases")

    (verdict,) = await verdicts(database)

    assert verdict.case_id == story.outcomes["open"].case.id
    assert verdict.fault is not None
    assert verdict.fault.seq == 1


async def test_only_the_invalid_case_of_the_requested_account_is_named(world: World, database: Database) -> None:
    other = await make_world(database)
    await other.open_case()
    cases = [(await world.open_case()).case for _ in range(3)]

    await tamper(database, update(tables.cases).where(tables.cases.c.id == cases[1].id).values(head_hash="0" * 64))

    assert len(await verdicts(database)) == 4
    mine = await verdicts(database, world.account_id)
    assert {verdict.case_id: bool(verdict.fault) for verdict in mine} == {case.id: case is cases[1] for case in cases}


async def test_many_cases_are_read_in_batches(
    world: World, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "BATCH", 2)
    for _ in range(5):
        await world.open_case()

    found = await verdicts(database)

    assert sorted(verdict.reference for verdict in found) == [f"CASE-{number:06}" for number in range(1, 6)]


async def test_a_log_that_grows_meanwhile_is_not_called_bad(world: World, database: Database) -> None:
    case = (await world.open_case()).case

    async def write() -> None:
        for number in range(20):
            await world.do(world.ada, AddComment(case_id=case.id, comment=str(number)))

    async def read() -> list[Verdict]:
        return [verdict for _ in range(10) for verdict in await verdicts(database)]

    _, found = await asyncio.gather(write(), read())

    assert [verdict for verdict in found if verdict.fault is not None] == []


async def test_the_command_names_the_first_bad_row_and_exits_with_1(
    story: Story, database: Database, fresh_url: str
) -> None:
    await tamper(database, delete(actions).where(row(4)))
    await database.close()

    reported = await asyncio.to_thread(casegate, "log", "verify", database_url=fresh_url)
    listed = await asyncio.to_thread(casegate, "log", "verify", "--json", database_url=fresh_url)

    assert (reported.returncode, listed.returncode) == (1, 1)
    assert "CASE-000001: row 4 is bad (gap): seq 4 is missing\n" in reported.stdout
    (fault,) = json.loads(listed.stdout)["faults"]
    assert (fault["reference"], fault["seq"]) == ("CASE-000001", 4)
