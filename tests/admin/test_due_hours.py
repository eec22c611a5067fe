"""The policy that gives new cases a due date, by the result of their check."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import DBAPIError

from app.actions.perform import rehearse
from app.db import tables
from app.domain.canonical_json import parsed_json
from app.domain.commands import OpenCase, SubjectDetails
from app.domain.due_dates import due_date_of, due_hours_of, due_hours_text
from app.domain.model import CaseStatus, EvaluationStatus, Scope, SubjectType
from tests.support.api import Api
from tests.support.database_contents import contents, differences
from tests.support.erasure import assert_whole
from tests.support.world import World, person_of

POLICY = [{"evaluationStatus": "UNCONFIRMED", "hours": 72}, {"evaluationStatus": "ANOMALY", "hours": 24}]
SHOWN = "{ viewer { account { dueHours { evaluationStatus hours } } } }"


async def set_policy(world: World, api: Api, policy: list[dict[str, Any]]) -> Any:
    """Have the only admin set the policy, and return what the row of the account's log says of it."""
    selection = "action { details { name values } }"
    payload = await api.act(world.aldo.token, "updateAccount", {"dueHours": policy}, selection)
    assert payload["errors"] == []
    return payload["action"]["details"]


def test_the_policy_is_stored_in_one_order_and_read_again() -> None:
    hours = {EvaluationStatus.UNCONFIRMED: 72, EvaluationStatus.ANOMALY: 24}

    assert due_hours_text(hours) == "ANOMALY=24 UNCONFIRMED=72"
    assert due_hours_of("ANOMALY=24 UNCONFIRMED=72") == hours
    assert due_hours_of(None) == due_hours_of("") == {}


async def test_a_new_case_is_due_as_the_policy_says_for_its_result(world: World, api: Api) -> None:
    details = await set_policy(world, api, POLICY)
    ada = await person_of(world.database, world.ada.id, *Scope)

    opened = {status: await world.open_case(ada, status) for status in EvaluationStatus}

    assert details == [{"name": "due_hours", "values": ["ANOMALY=24 UNCONFIRMED=72"]}]
    shown = (await api.run(world.ada.token, SHOWN))["viewer"]["account"]["dueHours"]
    assert shown == POLICY[::-1]
    due = {
        status: (outcome.case.due_at - outcome.case.created_at) / timedelta(hours=1)
        for status, outcome in opened.items()
        if outcome.case.due_at is not None
    }
    assert due == {EvaluationStatus.ANOMALY: 24, EvaluationStatus.UNCONFIRMED: 72}
    for outcome in opened.values():
        said = due_date_of(parsed_json(outcome.action.details))
        assert outcome.case.due_at == (None if said is None else said.due_at)
    stored = (await contents(world.database))["cases"]
    assert {row["due_at"] for row in stored.values()} == {outcome.case.due_at for outcome in opened.values()}
    await assert_whole(world.database)


async def test_a_dry_run_shows_the_date_and_an_empty_policy_gives_none(world: World, api: Api) -> None:
    await set_policy(world, api, POLICY)
    details = SubjectDetails(
        type=SubjectType.COMPANY_ACCOUNT_CHECK,
        external_ref="check-1",
        label="Moulins",
        evaluation_status=EvaluationStatus.ANOMALY,
    )
    ada = await person_of(world.database, world.ada.id, *Scope)
    before = await contents(world.database)
    command = OpenCase(subject=details, title="A changed IBAN")

    supposed = await rehearse(world.database, ada.actor, command, request_id="dry")

    case = supposed.outcome.case
    assert case.due_at == case.created_at + timedelta(hours=24)
    assert differences(before, await contents(world.database)) == set()
    assert await set_policy(world, api, []) == [{"name": "due_hours", "values": [""]}]
    assert (await api.run(world.ada.token, SHOWN))["viewer"]["account"]["dueHours"] == []
    later = await person_of(world.database, world.ada.id, *Scope)
    assert (await world.open_case(later, EvaluationStatus.ANOMALY)).case.due_at is None


@pytest.mark.parametrize(
    ("policy", "path"),
    [
        ([{"evaluationStatus": "ANOMALY", "hours": 0}], ["0", "hours"]),
        ([{"evaluationStatus": "ANOMALY", "hours": 8761}], ["0", "hours"]),
        ([POLICY[0], POLICY[0]], ["1", "evaluationStatus"]),
    ],
)
async def test_hours_out_of_range_and_a_result_twice_are_refused(
    world: World, api: Api, policy: list[dict[str, Any]], path: list[str]
) -> None:
    payload = await api.act(world.aldo.token, "updateAccount", {"dueHours": policy})

    found = [(error["code"], error["path"]) for error in payload["errors"]]
    assert found == [("INVALID_INPUT", ["input", "dueHours", *path])]


@pytest.mark.parametrize("due_at", [None, datetime(2030, 1, 1, tzinfo=UTC)])
async def test_the_database_takes_no_first_date_that_the_first_row_does_not_have(
    world: World, due_at: datetime | None
) -> None:
    opened, closed = await world.open_case(), await world.case_in(CaseStatus.CLOSED)
    found, id = await contents(world.database), uuid4()
    case = dict(found["cases"][(opened.case.id,)]) | {"id": id, "number": 99, "subject_id": closed.case.subject_id}
    row = dict(found["case_actions"][(opened.action.id,)]) | {"id": uuid4(), "case_id": id}
    del row["position"]

    async def insert_both() -> None:
        async with world.database.write() as connection:
            await connection.execute(insert(tables.cases).values(case | {"due_at": due_at}))
            await connection.execute(insert(tables.case_actions).values(row))

    if due_at is None:
        await insert_both()
        return
    with pytest.raises(DBAPIError, match="the log does not have this change of cases"):
        await insert_both()
