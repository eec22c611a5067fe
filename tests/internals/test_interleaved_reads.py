"""What is read without a lock may be of several moments: it is refused or done anew, and never a fault."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, event

from app.db.engines import open_database
from app.domain.commands import AcceptOverride, CancelOverride, DecisionCommand
from app.domain.errors import NoPendingOverride
from app.domain.model import CaseStatus
from tests.support.database_contents import contents
from tests.support.world import World

Act = Callable[[World], Awaitable[Any]]


@contextmanager
def between_reads(url: str, world: World, *acts: Act) -> Iterator[None]:
    """Have another gateway do each of *acts*, one before the second read of this one, and so on."""
    waiting: list[Act | None] = [None, *acts]
    here = threading.get_ident()

    async def do(act: Act) -> None:
        database = open_database(url)
        try:
            await act(replace(world, database=database))
        finally:
            await database.close()

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if (
            not waiting
            or threading.get_ident() != here
            or not statement.startswith("SELECT ")
            or statement == "SELECT 1"
        ):
            return
        act = waiting.pop(0)
        if act is not None:
            thread = threading.Thread(target=lambda: asyncio.run(do(act)))
            thread.start()
            thread.join()

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert not waiting


@pytest.mark.parametrize("action", ["cancel", "accept"])
async def test_an_override_that_came_and_went_between_reads_is_not_pending(
    fresh_url: str, world: World, action: str
) -> None:
    case_id = (await world.case_in(CaseStatus.IN_PROGRESS)).case.id
    commands: dict[str, DecisionCommand] = {
        "cancel": CancelOverride(case_id=case_id),
        "accept": AcceptOverride(case_id=case_id, override_id=None, expected_version=None, requires_version=False),
    }
    person = world.ada if action == "cancel" else world.rosa

    with (
        between_reads(
            fresh_url,
            world,
            lambda elsewhere: elsewhere.request_override(case_id),
            lambda elsewhere: elsewhere.refuse(case_id),
        ),
        pytest.raises(NoPendingOverride),
    ):
        await world.do(person, commands[action])

    rows = sorted((await contents(world.database))["case_actions"].values(), key=lambda row: row["seq"])
    assert [row["type"] for row in rows] == ["OPEN", "COMMENT", "REQUEST_OVERRIDE", "REFUSE"]
