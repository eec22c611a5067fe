"""What the database itself refuses of erasures and legal holds: what no row of the log says, and more than it says."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Update, update
from sqlalchemy.exc import DBAPIError

from app.db import tables
from app.domain.commands import CloseCase
from app.domain.model import CaseStatus
from tests.support.database_contents import contents
from tests.support.erasure import commented, document, erase, opened
from tests.support.world import World

GONE = {"body": None, "salt": None}
LOOSE = r"casegate: (rows of \w+ are permanent|the log does not have this change of \w+)"
FORGERIES: dict[str, Callable[[UUID], Update]] = {
    "without a row": lambda _: update(tables.comments).values(**GONE, erased_by_id=uuid4()),
    "by no row": lambda _: update(tables.comments).values(**GONE),
    "by another action": lambda action: update(tables.comments).values(**GONE, erased_by_id=action),
    "the text alone": lambda action: update(tables.comments).values(body=None, erased_by_id=action),
    "another text": lambda action: update(tables.comments).values(body="x", salt=None, erased_by_id=action),
    "with another author": lambda action: update(tables.comments).values(
        **GONE, erased_by_id=action, author_id=uuid4()
    ),
    "a file's name": lambda action: update(tables.documents).values(filename=None, erased_by_id=action),
    "a file": lambda action: update(tables.documents).values(
        filename=None, sha256=None, filename_salt=None, content_salt=None, erased_by_id=action
    ),
    "a title": lambda action: update(tables.cases).values(
        title=None, title_salt=None, description=None, description_salt=None, erased_by_id=action
    ),
    "a hold": lambda action: update(tables.cases).values(held_by_id=action),
}


@pytest.mark.parametrize("what", FORGERIES)
async def test_the_database_takes_no_erasure_that_the_log_does_not_have(world: World, what: str) -> None:
    case_id = await opened(world)
    made = await commented(world, case_id, new_documents=(document(),))
    before = await contents(world.database)

    with pytest.raises(DBAPIError, match=LOOSE):
        async with world.database.write() as connection:
            await connection.execute(FORGERIES[what](made.action.id))

    assert await contents(world.database) == before


async def test_the_database_takes_no_more_than_the_row_names_and_no_second_change(world: World) -> None:
    case_id = await opened(world)
    first, second = await commented(world, case_id), await commented(world, case_id, "Second")
    assert first.comment is not None and second.comment is not None
    outcome = await erase(world, case_id, comment_ids=(first.comment.id,))
    comment = tables.comments
    before = await contents(world.database)

    for statement in (
        update(comment).where(comment.c.id == second.comment.id).values(**GONE, erased_by_id=outcome.action.id),
        update(comment).where(comment.c.id == first.comment.id).values(body="back", salt="0" * 64, erased_by_id=None),
        update(comment).where(comment.c.id == first.comment.id).values(body="back"),
        update(comment).where(comment.c.id == first.comment.id).values(erased_by_id=first.action.id),
        update(tables.cases).values(held_by_id=outcome.action.id),
    ):
        with pytest.raises(DBAPIError, match=LOOSE):
            async with world.database.write() as connection:
                await connection.execute(statement)
    assert await contents(world.database) == before


@pytest.mark.parametrize("values", [{"version": 4}, {"version": 4, "action_count": 4}, {"status": CaseStatus.OPEN}])
async def test_a_closed_case_changes_by_rows_of_erasures_and_holds_alone(world: World, values: dict[str, Any]) -> None:
    case_id = await opened(world)
    await commented(world, case_id)
    closed = await world.do(world.ada, CloseCase(case_id=case_id))
    assert closed.case.version == 3

    with pytest.raises(DBAPIError, match=LOOSE):
        async with world.database.write() as connection:
            await connection.execute(update(tables.cases).where(tables.cases.c.id == case_id).values(values))
