"""The migration of evaluations: it finds the override that each result rests on, and keeps idempotency keys."""

from uuid import UUID

from sqlalchemy import select

from app.db import tables
from app.db.migrate import migrate
from app.domain.commands import AddComment, CloseCase, OpenCase
from tests.support.evaluations import details, opened, subject_of
from tests.support.world import World

BEFORE = "0021"


async def accepted(world: World, ref: str) -> tuple[UUID, UUID]:
    """Open a case on a check, have an override accepted in it, and return both."""
    case = (await opened(world, ref=ref)).id
    requested = await world.request_override(case)
    await world.accept(case)
    assert requested.override is not None
    return case, requested.override.id


async def test_it_finds_the_override_that_each_result_rests_on(world: World) -> None:
    await opened(world, ref="none")
    _, kept = await accepted(world, "kept")
    again, kept_again = await accepted(world, "opened with the same")
    await world.do(world.ada, CloseCase(case_id=again))
    await world.do(world.ada, OpenCase(subject=details("FAVORABLE", "opened with the same"), title="Again"))
    other, _ = await accepted(world, "opened with another")
    await world.do(world.ada, CloseCase(case_id=other))
    await world.do(world.ada, OpenCase(subject=details("UNFAVORABLE", "opened with another"), title="Again"))
    expected = {"none": None, "kept": kept, "opened with the same": kept_again, "opened with another": None}
    assert {ref: (await subject_of(world, ref)).override_id for ref in expected} == expected

    await migrate(world.database, BEFORE, drop_rows=True)
    await migrate(world.database)

    assert {ref: (await subject_of(world, ref)).override_id for ref in expected} == expected


async def test_keys_stay_good(world: World) -> None:
    case = (await opened(world)).id
    command = AddComment(case_id=case, comment="Once.", idempotency_key="k")
    first = await world.do(world.ada, command)

    await migrate(world.database, BEFORE, drop_rows=True)
    async with world.database.read() as connection:
        record = tables.idempotency_records.c
        kept = (await connection.execute(select(record.key, record.action_id))).all()
    await migrate(world.database)

    assert [tuple(row) for row in kept] == [("k", first.action.id)]
    again = await world.do(world.ada, command)
    assert (again.replayed, again.action.id) == (True, first.action.id)
