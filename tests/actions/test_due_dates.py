"""Until when a case is to be finished: who says it, how the log has it, and what the database refuses."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from app.db import tables
from app.domain.commands import AddComment, AssignCase, CloseCase, SetDueDate
from app.domain.due_dates import DueDate, due_date_of, is_overdue
from app.domain.errors import Refusal
from app.domain.model import CaseStatus
from tests.support.api import Api
from tests.support.database_contents import contents, differences
from tests.support.erasure import assert_whole
from tests.support.world import World

LONG_AGO, FAR_AHEAD = datetime(2020, 1, 31, 16, tzinfo=UTC), datetime(2999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
SHOWN = "case { status version dueAt overdue } action { type dueAt } comment { body }"
UNLOGGED = r"casegate: (rows of \w+ are permanent|the log does not have this change of \w+)"


@pytest.mark.parametrize("due_at", [LONG_AGO, FAR_AHEAD, None])
def test_a_row_s_details_give_the_date_back(due_at: datetime | None) -> None:
    assert due_date_of(DueDate(due_at).details()) == DueDate(due_at)


def test_details_of_other_rows_say_nothing_of_a_date() -> None:
    assert due_date_of(None) is due_date_of({"assignee_id": None}) is None


@pytest.mark.parametrize("status", CaseStatus)
def test_a_case_is_overdue_from_its_time_on_until_it_is_closed(status: CaseStatus) -> None:
    is_open = status is not CaseStatus.CLOSED

    assert is_overdue(status, LONG_AGO, LONG_AGO) is is_open
    assert is_overdue(status, LONG_AGO, LONG_AGO + timedelta(days=1)) is is_open
    assert not is_overdue(status, LONG_AGO, LONG_AGO - timedelta(microseconds=1))
    assert not is_overdue(status, None, LONG_AGO)


async def test_a_date_is_set_and_taken_away_each_by_one_row_of_the_log(world: World, api: Api) -> None:
    case_id = (await world.open_case()).case.id
    before = await contents(world.database)
    input: dict[str, Any] = {"caseId": str(case_id), "dueAt": "2020-01-31T17:00:00+01:00", "comment": "They wait."}

    late = await api.act(world.rosa.token, "setDueDate", input, SHOWN)
    changed = differences(before, await contents(world.database))
    none = await api.act(world.ada.token, "setDueDate", {"caseId": str(case_id), "dueAt": None}, SHOWN)

    assert late == {
        "errors": [],
        "case": {"status": "OPEN", "version": 2, "dueAt": "2020-01-31T16:00:00+00:00", "overdue": True},
        "action": {"type": "SET_DUE_DATE", "dueAt": "2020-01-31T16:00:00+00:00"},
        "comment": {"body": "They wait."},
    }
    assert changed == {"cases: action_count due_at head_hash updated_at version", "+1 comments", "+1 case_actions"}
    assert none["case"] == {"status": "OPEN", "version": 3, "dueAt": None, "overdue": False}
    assert none["action"] == {"type": "SET_DUE_DATE", "dueAt": None}
    await assert_whole(world.database)


@pytest.mark.parametrize(
    ("due_at", "code"),
    [("2020-01-31T17:00:00", "INVALID_INPUT"), ("0001-01-01T00:00:00+14:00", "INVALID_INPUT"), (..., "REQUIRED")],
)
async def test_a_time_without_its_offset_one_of_no_year_and_none_at_all_are_refused(
    world: World, api: Api, due_at: Any, code: str
) -> None:
    input = {"caseId": str((await world.open_case()).case.id)} | ({} if due_at is ... else {"dueAt": due_at})

    payload = await api.act(world.ada.token, "setDueDate", input)

    assert [(error["code"], error["path"]) for error in payload["errors"]] == [(code, ["input", "dueAt"])]


async def test_who_does_not_work_on_cases_sets_no_date_and_a_closed_case_gets_none(world: World) -> None:
    case_id = (await world.open_case()).case.id
    with pytest.raises(Refusal) as role:
        await world.do(world.aldo, SetDueDate(case_id=case_id, due_at=LONG_AGO))
    await world.do(world.ada, CloseCase(case_id=case_id))
    with pytest.raises(Refusal) as closed:
        await world.do(world.ada, SetDueDate(case_id=case_id, due_at=LONG_AGO))

    assert (role.value.code, closed.value.code) == ("ROLE_REQUIRED", "CASE_CLOSED")


async def test_the_date_of_each_moment_is_shown_beside_the_owner(world: World, api: Api) -> None:
    case_id = (await world.open_case()).case.id
    await world.do(world.ada, SetDueDate(case_id=case_id, due_at=LONG_AGO))
    await world.do(world.ada, AssignCase(case_id=case_id, assignee_id=world.ada.id))
    await world.do(world.ada, SetDueDate(case_id=case_id, due_at=FAR_AHEAD.astimezone(timezone(timedelta(hours=2)))))
    query = "query($id: ID!, $seq: Int!) { caseSnapshot(id: $id, asOf: {seq: $seq}) { dueAt owner { displayName } } }"

    shown = [await api.run(world.ada.token, query, {"id": str(case_id), "seq": seq}) for seq in range(1, 5)]

    early, late, ada = LONG_AGO.isoformat(), FAR_AHEAD.isoformat(), {"displayName": "Ada"}
    assert [found["caseSnapshot"] for found in shown] == [
        {"dueAt": None, "owner": None},
        {"dueAt": early, "owner": None},
        {"dueAt": early, "owner": ada},
        {"dueAt": late, "owner": ada},
    ]
    await assert_whole(world.database)


@pytest.mark.parametrize("due_at", [FAR_AHEAD, None])
async def test_the_database_takes_no_date_that_the_log_does_not_have(world: World, due_at: datetime | None) -> None:
    case_id = (await world.open_case()).case.id
    await world.do(world.ada, SetDueDate(case_id=case_id, due_at=LONG_AGO))
    before = await contents(world.database)

    with pytest.raises(DBAPIError, match=UNLOGGED):
        async with world.database.write() as connection:
            await connection.execute(update(tables.cases).values(due_at=due_at))

    assert await contents(world.database) == before


async def test_the_database_takes_no_date_back_from_an_earlier_row(world: World) -> None:
    case_id = (await world.open_case()).case.id
    await world.do(world.ada, SetDueDate(case_id=case_id, due_at=LONG_AGO))
    await world.do(world.ada, AddComment(case_id=case_id, comment="Later."))

    with pytest.raises(DBAPIError, match=UNLOGGED):
        async with world.database.write() as connection:
            await connection.execute(update(tables.cases).values(due_at=None))
