"""A hold, an owner and a due date that a case has already: refused, with nothing written."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from app.domain.commands import AssignCase, Command, SetDueDate, SetLegalHold
from app.domain.errors import Detail, InvalidInput
from tests.support.api import Api
from tests.support.database_contents import contents
from tests.support.world import Person, World

WHY = "A court asked for it."
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
ELSEWHERE = NOON.astimezone(timezone(timedelta(hours=2)))

# Of each thing what takes it away, and what sets it: once, and once more, said in another way where there is one.
STEPS: dict[str, list[tuple[str, Any]]] = {
    "held": [("held", False), ("held", True), ("held", True)],
    "assigneeId": [("owner", None), ("owner", "carl"), ("owner", "carl")],
    "dueAt": [("due", None), ("due", NOON), ("due", ELSEWHERE)],
}


def request_of(world: World, case_id: UUID, what: str, value: Any) -> tuple[Person, Command]:
    match what:
        case "held":
            return world.aldo, SetLegalHold(case_id=case_id, held=value, reason=WHY)
        case "owner":
            assignee_id = world.carl.id if value else None
            return world.ada, AssignCase(case_id=case_id, assignee_id=assignee_id, comment="Yours.")
        case _:
            return world.ada, SetDueDate(case_id=case_id, due_at=value)


@pytest.mark.parametrize("field", STEPS)
async def test_what_a_case_has_already_is_refused_and_no_row_is_written(world: World, field: str) -> None:
    case_id = (await world.open_case()).case.id
    nothing, sets, again = (request_of(world, case_id, *step) for step in STEPS[field])

    async def assert_refused(person: Person, command: Command) -> None:
        before = await contents(world.database)
        with pytest.raises(InvalidInput) as refused:
            await world.do(person, command)
        assert (refused.value.path, refused.value.params["detail"]) == (("input", field), Detail("no_change"))
        assert await contents(world.database) == before

    await assert_refused(*nothing)
    await world.do(*sets)
    await assert_refused(*again)
    assert (await world.do(*nothing)).case.version == 3
    await assert_refused(*nothing)


async def test_another_version_comes_before_that_nothing_would_change(world: World, api: Api) -> None:
    input = {"caseId": str((await world.open_case()).case.id), "assigneeId": None}

    same = await api.act(world.ada.token, "assignCase", input | {"expectedVersion": 1})
    other = await api.act(world.ada.token, "assignCase", input | {"expectedVersion": 7})
    supposed = await api.act(world.ada.token, "assignCase", input | {"dryRun": True})

    (error,) = same["errors"]
    assert (error["code"], error["path"]) == ("INVALID_INPUT", ["input", "assigneeId"])
    assert "nothing would change" in error["message"]
    assert [payload["errors"][0]["code"] for payload in (other, supposed)] == ["VERSION_CONFLICT", "INVALID_INPUT"]
