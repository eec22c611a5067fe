"""The demo data: what it holds, that it is the same each time, and that a load can be interrupted or doubled."""

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app import admin, clock, demo
from app.actions import perform
from app.audit import verify_log
from app.auth import authenticate
from app.db import models as tables
from app.db.engine import Database, open_database
from app.db.migrate import migrate
from app.demo import load_demo
from app.domain.commands import CloseCase
from app.domain.errors import TokenExpired
from app.domain.model import ActionType, CaseStatus, OverrideStatus, Resolution, Role, SubjectType
from tests.api import Api

CONTENT = """{ cases(first: 100) { nodes {
  reference title description status resolution createdBy { displayName } closedBy { displayName }
  subject { type externalRef label countryCode evaluationStatus version }
  actions(first: 100) { nodes {
    seq type user { displayName } comment { body author { displayName } } statusBefore statusAfter
    override { status requestedStatus subjectStatusAtRequest assignedReviewers { displayName } }
  } }
} } }"""


async def content(url: str, token: str) -> Any:
    """Return all that the demo says, without what differs each time."""
    async with Api.opened(url) as api:
        return (await api.run(token, CONTENT))["cases"]["nodes"]


async def faulty_cases(database: Database) -> tuple[int, list[Any]]:
    """Return how many cases there are, and what is wrong with their logs."""
    verdicts = [verdict async for verdict in verify_log(database)]
    return len(verdicts), [verdict for verdict in verdicts if verdict.fault is not None]


async def rows(database: Database) -> dict[str, int]:
    async with database.read() as connection:
        counted = ("accounts", "users", "cases", "case_actions", "comments", "overrides")
        return {
            name: await connection.scalar(select(func.count()).select_from(tables.metadata.tables[name])) or 0
            for name in counted
        }


async def test_it_holds_every_state_that_a_case_or_an_override_can_be_in(database: Database, fresh_url: str) -> None:
    found = await load_demo(database)

    cases = await content(fresh_url, found.people[0].token)
    overrides = [action["override"] for case in cases for action in case["actions"]["nodes"] if action["override"]]
    assert len(cases) == 40
    assert {case["status"] for case in cases} == set(CaseStatus)
    assert {case["resolution"] for case in cases} == {None, *Resolution}
    assert {case["subject"]["type"] for case in cases} == set(SubjectType)
    assert {override["status"] for override in overrides} == set(OverrideStatus)
    assert {action["type"] for case in cases for action in case["actions"]["nodes"]} == set(ActionType)
    assert len({case["subject"]["label"] for case in cases}) == 40


async def test_its_people_can_play_every_part(database: Database) -> None:
    found = await load_demo(database)

    parts = Counter(frozenset(person.roles) for person in found.people)
    assert len(found.people) == 12
    assert set(found.people[0].roles) == {Role.CONTRIBUTOR, Role.REVIEWER}
    assert parts[frozenset({Role.CONTRIBUTOR})] >= 3
    assert parts[frozenset({Role.REVIEWER})] >= 3
    assert parts[frozenset({Role.CONTRIBUTOR, Role.REVIEWER})] >= 2
    assert parts[frozenset({Role.ADMIN})] == 1
    for person in found.people:
        assert (await authenticate(database, person.token)).user.display_name == person.display_name


async def test_its_logs_verify_and_lie_in_the_past_in_order(database: Database) -> None:
    await load_demo(database)

    async with database.read() as connection:
        actions = tables.case_actions.c
        times = (await connection.execute(select(actions.case_id, actions.created_at).order_by(actions.seq))).all()
        opened = await connection.scalars(select(tables.cases.c.created_at).order_by(tables.cases.c.number))
        first_user = await connection.scalar(select(func.min(tables.users.c.created_at)))
    assert await faulty_cases(database) == (40, [])
    assert all(first_user <= moment <= clock.now() for _, moment in times)
    of_case: dict[Any, list[Any]] = {}
    for case_id, moment in times:
        of_case.setdefault(case_id, []).append(moment)
    assert all(moments == sorted(set(moments)) for moments in of_case.values())
    opened_at = list(opened)
    assert opened_at == sorted(set(opened_at))


async def test_it_says_the_same_each_time(database: Database, fresh_url: str, tmp_path: Path) -> None:
    other_url = f"sqlite:///{tmp_path / 'other.sqlite'}"
    other = open_database(other_url)
    await migrate(other)

    first, second = await load_demo(database), await load_demo(other)
    await other.close()

    assert await content(fresh_url, first.people[0].token) == await content(other_url, second.people[3].token)


async def test_its_comments_are_in_both_languages(database: Database, fresh_url: str) -> None:
    found = await load_demo(database)

    cases = await content(fresh_url, found.people[0].token)
    words = [
        set((action["comment"] or {"body": ""})["body"].lower().replace("’", "'").split())
        for case in cases
        for action in case["actions"]["nodes"]
    ]
    assert sum(bool({"the", "they", "is"} & said) for said in words) > 20
    assert sum(bool({"le", "la", "leur", "est", "de"} & said) for said in words) > 15


async def test_the_second_load_makes_new_tokens_and_nothing_else(database: Database) -> None:
    first = await load_demo(database)
    before = await rows(database)

    second = await load_demo(database)

    assert await rows(database) == before
    assert [case.id for case in second.cases] == [case.id for case in first.cases]
    assert not {person.token for person in first.people} & {person.token for person in second.people}
    for found in (first, second):
        assert (await authenticate(database, found.people[1].token)).user.display_name == found.people[1].display_name


async def test_a_demo_that_was_worked_on_is_left_as_it_is(database: Database) -> None:
    found = await load_demo(database)
    actor = (await authenticate(database, found.people[0].token)).actor
    last = found.cases[-1]
    await perform(database, actor, CloseCase(case_id=last.id), request_id="test")

    again = await load_demo(database)

    assert (again.cases[-1].id, again.cases[-1].status) == (last.id, CaseStatus.CLOSED)
    assert len(again.cases) == 40


async def test_its_tokens_expire(database: Database) -> None:
    found = await load_demo(database)

    later = clock.now() + timedelta(days=31)
    with pytest.raises(TokenExpired):
        await authenticate(database, found.people[0].token, lambda: later)


async def test_two_loads_at_once_make_one_demo(database: Database, fresh_url: str) -> None:
    first, second = await asyncio.gather(load_demo(database), load_demo(database))

    assert first.account.id == second.account.id
    assert [case.id for case in first.cases] == [case.id for case in second.cases]
    assert (await rows(database))["cases"] == 40
    assert await faulty_cases(database) == (40, [])
    assert Counter(case.status for case in first.cases) == Counter(case.status for case in second.cases)


@pytest.mark.parametrize("after", [1, 9, 60])
async def test_a_load_that_was_interrupted_is_gone_on_with(
    database: Database, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    class Interrupted(Exception):
        pass

    done = 0
    played = perform

    async def interrupted(*given: Any, **named: Any) -> Any:
        nonlocal done
        done += 1
        if done > after:
            raise Interrupted
        return await played(*given, **named)

    monkeypatch.setattr(demo, "perform", interrupted)
    with pytest.raises(Interrupted):
        await load_demo(database)
    monkeypatch.undo()

    found = await load_demo(database)

    assert len(found.cases) == 40
    assert (await rows(database))["case_actions"] == 40 + sum(len(case["steps"]) for case in demo.SCRIPT["cases"])
    assert await faulty_cases(database) == (40, [])


async def test_it_stays_away_from_real_data(database: Database) -> None:
    await admin.create_account(database, "A customer")
    before = await rows(database)

    with pytest.raises(admin.AdminError, match="other accounts"):
        await load_demo(database)

    assert await rows(database) == before
