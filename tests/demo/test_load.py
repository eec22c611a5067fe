"""The demo data: what it holds, that it is the same each time, and that a load can be interrupted or doubled."""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from app import clock
from app.actions.perform import perform
from app.admin import accounts
from app.audit.verification import verify_log
from app.auth.identity import TokenUse, authenticate
from app.db import tables
from app.db.engines import Database, open_database
from app.demo import load as demo
from app.demo.load import Demo, load_demo
from app.demo.script import SCRIPT
from app.documents.extensions import EXTENSIONS
from app.documents.store import open_store
from app.documents.upkeep import verify
from app.domain.commands import CloseCase
from app.domain.errors import TokenExpired, Unauthenticated
from app.domain.model import REMINDERS, ActionType, CaseStatus, OverrideStatus, Resolution, Role, Scope, SubjectType
from tests.support.account_logs import logged, rewrite_account_log, verdict_on
from tests.support.api import Api
from tests.support.gateway import FORKS
from tests.support.world import person_of

pytestmark = pytest.mark.long

# One store for all databases: what a document is called is no other one's name.
FOLDER = Path(tempfile.mkdtemp())


@pytest.fixture(autouse=True, scope="module")
def tidy() -> Iterator[None]:
    yield
    shutil.rmtree(FOLDER)


async def load(database: Database, folder: Path = FOLDER) -> Demo:
    return await load_demo(database, open_store("", folder))


CONTENT = """{ cases(first: 100) { nodes {
  reference title description status resolution createdBy { displayName } closedBy { displayName }
  subject { type externalRef label countryCode evaluationStatus version }
  actions(first: 100) { nodes {
    seq type user { displayName } statusBefore statusAfter
    comment { body author { displayName } documents { filename sha256 } }
    override { status requestedStatus subjectStatusAtRequest assignedReviewers { displayName } }
  } }
} } }"""


async def content(url: str, token: str) -> Any:
    """Return all that the demo says, without what differs each time."""
    async with Api.opened(url, max_cost=1_000_000) as api:
        return (await api.run(token, CONTENT))["cases"]["nodes"]


@pytest.fixture(scope="module")
async def expected(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What an undisturbed load on SQLite says."""
    path = tmp_path_factory.mktemp("demo") / "casegate.sqlite"
    shutil.copyfile(sqlite_template, path)
    database = open_database(f"sqlite:///{path}")
    found = await load(database)
    await database.close()
    return await content(f"sqlite:///{path}", found.people[0].token)


async def faulty_cases(database: Database) -> tuple[int, list[Any]]:
    """Return how many cases there are, and what is wrong with their logs."""
    verdicts = [verdict async for verdict in verify_log(database)]
    return len(verdicts), [verdict for verdict in verdicts if verdict.fault is not None]


async def rows(database: Database) -> dict[str, int]:
    names = ("accounts", "users", "cases", "case_actions", "comments", "overrides")
    counts = {name: select(func.count()).select_from(tables.metadata.tables[name]) for name in names}
    async with database.read() as connection:
        return {name: await connection.scalar(counting) or 0 for name, counting in counts.items()}


async def test_it_holds_every_state_that_a_case_or_an_override_can_be_in(database: Database, fresh_url: str) -> None:
    found = await load(database)

    cases = await content(fresh_url, found.people[0].token)
    overrides = [action["override"] for case in cases for action in case["actions"]["nodes"] if action["override"]]
    assert len(cases) == 40
    assert {case["status"] for case in cases} == set(CaseStatus)
    assert {case["resolution"] for case in cases} == {None, *Resolution}
    assert {case["subject"]["type"] for case in cases} == set(SubjectType)
    assert {override["status"] for override in overrides} == set(OverrideStatus) - {OverrideStatus.EXPIRED}
    # Nobody has to name other reviewers: all who are asked can decide. And nobody asks for anything to be erased.
    others = {ActionType.REASSIGN, ActionType.REDACT, ActionType.HOLD, ActionType.EVALUATION}
    others |= {ActionType.ASSIGN, ActionType.SET_DUE_DATE, ActionType.EXPIRE, ActionType.RECORD_STEP, *REMINDERS}
    wanted = set(ActionType) - others
    assert {action["type"] for case in cases for action in case["actions"]["nodes"]} == wanted
    assert len({case["subject"]["label"] for case in cases}) == 40


async def test_its_people_can_play_every_part(database: Database) -> None:
    found = await load(database)

    parts = Counter(frozenset(person.roles) for person in found.people)
    assert len(found.people) == 13
    assert set(found.people[0].roles) == {Role.CONTRIBUTOR, Role.REVIEWER}
    assert parts[frozenset({Role.CONTRIBUTOR})] >= 3
    assert parts[frozenset({Role.REVIEWER})] >= 3
    assert parts[frozenset({Role.CONTRIBUTOR, Role.REVIEWER})] >= 2
    assert parts[frozenset({Role.ADMIN})] == 2
    for person in found.people:
        assert (await authenticate(database, person.token)).user.display_name == person.display_name


async def test_its_logs_verify_and_lie_in_the_past_in_order(database: Database) -> None:
    await load(database)

    async with database.read() as connection:
        actions = tables.case_actions.c
        by_seq = select(actions.case_id, actions.created_at).order_by(actions.case_id, actions.seq)
        times = (await connection.execute(by_seq)).all()
        opened = await connection.scalars(select(tables.cases.c.created_at).order_by(tables.cases.c.number))
        first_user = await connection.scalar(select(func.min(tables.users.c.created_at)))
    assert await faulty_cases(database) == (40, [])
    assert all(first_user <= moment <= clock.now() for _, moment in times)
    assert all(case != next_case or moment < later for (case, moment), (next_case, later) in pairwise(times))
    assert all(earlier < later for earlier, later in pairwise(opened))


async def test_it_says_the_same_each_time(database: Database, fresh_url: str, expected: Any) -> None:
    found = await load(database)

    assert await content(fresh_url, found.people[3].token) == expected


async def test_its_comments_are_in_both_languages(database: Database) -> None:
    await load(database)

    async with database.read() as connection:
        bodies = await connection.scalars(select(tables.comments.c.body))
    words = [set(body.lower().split()) for body in bodies]
    assert sum(bool({"the", "they", "is"} & said) for said in words) > 20
    assert sum(bool({"le", "la", "leur", "est", "de"} & said) for said in words) > 15


async def test_the_second_load_makes_new_tokens_and_nothing_else(database: Database) -> None:
    first = await load(database)
    before = await rows(database)

    second = await load(database)

    assert await rows(database) == before
    assert [case.id for case in second.cases] == [case.id for case in first.cases]
    assert not {person.token for person in first.people} & {person.token for person in second.people}
    await authenticate(database, first.people[1].token)


async def test_a_demo_that_was_worked_on_is_left_as_it_is(database: Database) -> None:
    found = await load(database)
    actor, last = (await authenticate(database, found.people[0].token)).actor, found.cases[-1]
    await perform(database, actor, CloseCase(case_id=last.id), request_id="test")

    again = await load(database)

    assert (again.cases[-1].id, again.cases[-1].status) == (last.id, CaseStatus.CLOSED)
    assert len(again.cases) == 40


async def test_who_comes_to_a_demo_that_is_older_than_its_log_comes_now(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.delitem(SCRIPT["people"], "alma")
        await load(database)
    await rewrite_account_log(database, demo.ACCOUNT_ID, delete(tables.account_actions))

    found = await load(database)

    assert found.people[-1].display_name == "Alma Reyes"
    assert (await logged(database, demo.ACCOUNT_ID))[0][0] == "INVITE_USER"
    assert (await verdict_on(database, demo.ACCOUNT_ID)).fault is None


async def test_its_tokens_expire(database: Database) -> None:
    found = await load(database)

    later = clock.now() + timedelta(days=31)
    with pytest.raises(TokenExpired):
        await authenticate(database, found.people[0].token, lambda: later)


async def test_of_many_loads_the_tokens_in_use_and_the_latest_stay(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "TOKENS_EACH", 3)
    in_use, unused = await load(database), await load(database)
    use = TokenUse()
    for person in in_use.people:
        use.note((await authenticate(database, person.token)).actor.token_id)
    await use.flush(database)

    later = [await load(database) for _ in range(2)]

    for found in (in_use, *later):
        for person in found.people:
            await authenticate(database, person.token)
    for person in unused.people:
        with pytest.raises(Unauthenticated):
            await authenticate(database, person.token)


async def test_two_loads_at_once_make_one_demo(database: Database, fresh_url: str, expected: Any) -> None:
    elsewhere = open_database(fresh_url)

    first, second = await asyncio.gather(load(database), load(elsewhere))
    await elsewhere.close()

    assert first.as_json()["cases"] == second.as_json()["cases"]
    assert [person.id for person in first.people] == [person.id for person in second.people]
    assert await faulty_cases(database) == (40, [])
    assert await content(fresh_url, second.people[0].token) == expected


async def load_in_part(database: Database, actions: int) -> None:
    """Load the demo, broken off after that many actions."""

    class Interrupted(Exception):
        pass

    turns = count(1)

    async def interrupted(*given: Any, **named: Any) -> Any:
        if next(turns) > actions:
            raise Interrupted
        return await perform(*given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "perform", interrupted)
        with pytest.raises(Interrupted):
            await load(database)


@pytest.mark.parametrize("after", [1, 9, 60])
async def test_a_load_that_was_interrupted_is_gone_on_with(
    database: Database, fresh_url: str, expected: Any, after: int
) -> None:
    await load_in_part(database, after)

    found = await load(database)

    assert await faulty_cases(database) == (40, [])
    assert await content(fresh_url, found.people[0].token) == expected


def load_in_process(url: str, folder: Path) -> None:
    async def run() -> None:
        database = open_database(url)
        await load(database, folder)
        await database.close()

    asyncio.run(run())


async def test_a_load_whose_process_was_killed_is_gone_on_with(
    database: Database, fresh_url: str, expected: Any
) -> None:
    process = FORKS.Process(target=load_in_process, args=(fresh_url, FOLDER))
    process.start()
    while (await rows(database))["users"] < 5:
        assert process.is_alive()
    process.kill()
    process.join()
    assert (await rows(database))["cases"] < 40

    found = await load(database)

    assert await faulty_cases(database) == (40, [])
    assert await content(fresh_url, found.people[0].token) == expected


async def test_an_incomplete_demo_case_that_was_closed_stays_as_it_is(database: Database) -> None:
    await load_in_part(database, 1)
    async with database.read() as connection:
        half_played = (await connection.execute(select(tables.cases))).one()
    opener = await person_of(database, half_played.created_by_id, *Scope)
    await perform(database, opener.actor, CloseCase(case_id=half_played.id), request_id="test")

    found = await load(database)

    assert (found.cases[0].status, found.cases[0].action_count) == (CaseStatus.CLOSED, 2)
    assert len(found.cases) == 40


async def test_a_half_played_demo_whose_people_may_not_act_any_more_says_so(database: Database) -> None:
    await load_in_part(database, 1)
    async with database.read() as connection:
        opener = (await connection.scalars(select(tables.cases.c.created_by_id))).one()
    await accounts.revoke_user(database, opener)

    with pytest.raises(accounts.AdminError, match="USER_INACTIVE"):
        await load(database)


async def test_it_stays_away_from_real_data(database: Database) -> None:
    await accounts.create_account(database, "A customer")
    before = await rows(database)

    with pytest.raises(accounts.AdminError, match="other accounts"):
        await load(database)

    assert await rows(database) == before


async def test_it_has_a_whole_document_of_every_type(database: Database) -> None:
    await load(database)

    checked = [document async for document in verify(database, open_store("", FOLDER))]
    assert [document for document in checked if document.fault is not None] == []
    assert {document.stored.document.content_type for document in checked} == set(EXTENSIONS)
