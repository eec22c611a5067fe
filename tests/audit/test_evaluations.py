"""Results of checks in the logs: what the database refuses without a row, and what the verifier names."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import insert, select, update

from app import clock
from app.db import tables
from app.db.account_log import NewAccountAction, append, lock_account
from app.domain.account_log import AdminActionType, Source
from app.domain.commands import CloseCase
from app.domain.evaluation import Evaluation
from app.domain.model import EvaluationStatus
from tests.support.evaluations import check_system, details, faults, opened, record, subject_of
from tests.support.tampering import tamper
from tests.support.world import Person, World


@pytest.fixture
async def checks(world: World) -> Person:
    """The system that makes checks."""
    return await check_system(world)


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "closed"])
@pytest.mark.parametrize(
    "values",
    [
        {"evaluation_status": "FAVORABLE", "version": 3},
        {"evaluation_status": "ANOMALY", "version": 3},
        {"evaluation_status": "FAVORABLE", "version": 2},
        {"version": 3},
    ],
    ids=str,
)
async def test_the_database_takes_no_result_that_no_row_says(
    world: World, checks: Person, values: dict[str, Any], is_open: bool
) -> None:
    if is_open:
        await opened(world)
    else:
        await record(world, checks, details("UNFAVORABLE"))
    await record(world, checks, details("ANOMALY"))
    subject = await subject_of(world)
    assert subject.version == 2

    with pytest.raises(Exception, match="the log does not have this change of subjects"):
        async with world.database.write() as connection:
            await connection.execute(update(tables.subjects).where(tables.subjects.c.id == subject.id).values(values))


async def test_a_result_after_cases_that_left_it_as_it_was_is_no_fault(world: World, checks: Person) -> None:
    for _ in range(2):
        case = await opened(world)
        await world.do(world.ada, CloseCase(case_id=case.id))

    await record(world, checks, details("PENDING"))

    assert await faults(world) == []


async def test_a_row_of_the_account_s_log_changes_no_subject_of_an_open_case(world: World, checks: Person) -> None:
    """Who could write both would else leave the case's log without it."""
    await record(world, checks, details("ANOMALY", "other"))
    await opened(world)
    subject = await subject_of(world)
    said = Evaluation(EvaluationStatus.UNFAVORABLE, EvaluationStatus.FAVORABLE, 2, ("evaluationStatus",))
    new = NewAccountAction(
        AdminActionType.EVALUATION, Source.API, said.account_details(subject.id), subject_id=subject.id
    )

    async def write() -> None:
        async with world.database.write() as connection:
            await lock_account(connection, world.account_id)
            await append(connection, world.account_id, new, clock.now())
            changed = {"evaluation_status": EvaluationStatus.FAVORABLE, "version": 2}
            await connection.execute(update(tables.subjects).where(tables.subjects.c.id == subject.id).values(changed))

    with pytest.raises(Exception, match="the log does not have this change of subjects"):
        await write()


SUBJECT_CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "result": ({"evaluation_status": "FAVORABLE"}, "the subject is FAVORABLE in version 2"),
    "version": ({"version": 9}, "the subject is ANOMALY in version 9"),
    "override": ({"override_id": UUID(int=7)}, "the subject has another override_id"),
}


@pytest.mark.parametrize("what", SUBJECT_CHANGES)
@pytest.mark.parametrize("place", ["without a case", "with an open case", "after its case"])
async def test_a_subject_that_was_tampered_with_is_named(world: World, checks: Person, what: str, place: str) -> None:
    if place == "without a case":
        await record(world, checks, details("UNFAVORABLE"))
    else:
        case = await opened(world)
        if place == "after its case":
            await world.do(world.ada, CloseCase(case_id=case.id))
    await record(world, checks, details("ANOMALY"))
    assert await faults(world) == []
    values, reason = SUBJECT_CHANGES[what]

    await tamper(world.database, update(tables.subjects).values(values))

    ((kind, found),) = await faults(world)
    assert kind == "state" and found.startswith(reason)


async def test_a_subject_that_no_row_made_is_named(world: World, checks: Person) -> None:
    await record(world, checks, details("ANOMALY"))
    subject = await subject_of(world)
    values = asdict(subject) | {"id": UUID(int=7), "account_id": world.account_id, "external_ref": "forged"}

    await tamper(world.database, insert(tables.subjects).values(values | {"external_key": "forged"}))

    assert await faults(world) == [("unlogged", f"the subject {UUID(int=7)} is in no row of a log")]


async def test_a_row_that_is_found_by_another_subject_than_it_says_is_named(world: World, checks: Person) -> None:
    await record(world, checks, details("ANOMALY"))

    await tamper(world.database, update(tables.account_actions).values(subject_id=None))

    ((kind, _),) = await faults(world)
    assert kind == "content"


async def test_a_row_that_says_it_replaced_something_else_is_named(world: World, checks: Person) -> None:
    await record(world, checks, details("ANOMALY"))
    await record(world, checks, details("PENDING"))
    row = tables.account_actions
    async with world.database.read() as connection:
        (text,) = (await connection.execute(select(row.c.details).where(row.c.details.contains('"PENDING"')))).scalars()
    forged = text.replace('"statusBefore":["ANOMALY"]', '"statusBefore":["FAVORABLE"]')
    await tamper(world.database, update(row).where(row.c.details == text).values(details=forged))

    ((kind, _),) = await faults(world)
    assert kind == "content"
