"""An action relies on who is remembered to hold its token: its transaction asks whether they may still do it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import delete, insert, text, update

from app.admin import accounts
from app.db import tables
from app.db.engines import Database
from app.domain.model import CaseStatus, Role, Scope
from tests.support.api import Api
from tests.support.database_contents import contents
from tests.support.identity_cache import LOOKED_UP, remember, remembering_api
from tests.support.recorded_sql import recorded
from tests.support.world import Person, World, person_of

SHOWN = "action { seq } case { version }"
COMMENT = f"mutation($input: AddCommentInput!) {{ addComment(input: $input) {{ errors {{ code }} {SHOWN} }} }}"


@pytest.fixture
async def remembering(fresh_url: str, tmp_path: Path, world: World) -> AsyncIterator[Api]:
    """The app with its memory, which no change of an identity empties any more once it is told."""
    if fresh_url.startswith("sqlite"):
        pytest.skip("on SQLite nothing is remembered")
    async with remembering_api(fresh_url, tmp_path) as opened:
        yield opened


async def no_news(database: Database) -> None:
    """Have the database tell nobody of changes from now on, as if each came a moment too late."""
    async with database.write() as connection:
        await connection.execute(text("DROP FUNCTION casegate_tell_identity() CASCADE"))


async def set_flag(database: Database, table: str, row_id: UUID, **values: object) -> None:
    column = tables.metadata.tables[table].c
    async with database.write() as connection:
        await connection.execute(update(column.id.table).where(column.id == row_id).values(**values))


async def remembered(world: World, api: Api, person_id: UUID, case_id: str) -> Person:
    """Return somebody who has commented, whom *api* remembers, and of whom it hears nothing any more."""
    person = await person_of(world.database, person_id, *Scope)
    await api.run(person.token, COMMENT, {"input": {"caseId": case_id, "body": "Known from now on."}})
    await no_news(world.database)
    await remember(api, person.token)
    return person


async def rows(world: World) -> int:
    return len((await contents(world.database))["case_actions"])


async def test_a_known_action_is_two_statements_without_a_look_up(world: World, remembering: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    decided = [str((await world.case_in(CaseStatus.PENDING_REVIEW)).case.id) for _ in range(2)]
    await remembered(world, remembering, world.carl.id, case_id)
    await remember(remembering, world.carl.token)
    await remember(remembering, world.rosa.token)
    await remembering.act(world.rosa.token, "acceptOverride", await world.decision(decided[0]))

    with recorded() as commented:
        await remembering.run(world.carl.token, COMMENT, {"input": {"caseId": case_id, "body": "x"}})
    decision = await world.decision(decided[1])
    with recorded() as accepted:
        payload = await remembering.act(world.rosa.token, "acceptOverride", decision)

    assert commented == ["SELECT cases subjects", "WITH cases case_actions users case_texts comments"]
    assert payload["errors"] == []
    assert accepted == [
        "SELECT review_delegations overrides cases subjects override_reviewers",
        "WITH cases case_actions users overrides subjects",
    ]


async def test_whatever_else_writes_looks_the_person_up(world: World, remembering: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    person = await remembered(world, remembering, world.carl.id, case_id)
    input = {"caseId": case_id, "body": "x"}
    comment = "addComment(input: $input) { errors { code } }"
    writes: dict[str, tuple[str, dict[str, Any]]] = {
        "two actions": (f"mutation($input: AddCommentInput!) {{ a: {comment} b: {comment} }}", input),
        "many actions": (
            "mutation($input: PerformActionsInput!) { performActions(input: $input) { errors { code } } }",
            {"inputs": [{"addComment": input}]},
        ),
        "a fragment": (
            f"mutation($input: AddCommentInput!) {{ ... on Mutation {{ {comment} }} }}",
            input,
        ),
    }
    first = {}

    for name, (document, values) in writes.items():
        await remembering.run(person.token, document, {"input": values})  # it is known from now on
        with recorded() as statements:
            await remembering.run(person.token, document, {"input": values})
        first[name] = statements[0]

    assert first == dict.fromkeys(writes, LOOKED_UP)


async def revoke(world: World, person: Person) -> None:
    await accounts.revoke_token(world.database, person.actor.token_id)


async def deactivate(world: World, person: Person) -> None:
    await set_flag(world.database, "users", person.id, active=False)


async def take_role(world: World, person: Person) -> None:
    link = tables.user_roles
    async with world.database.write() as connection:
        await connection.execute(delete(link).where(link.c.user_id == person.id))


async def take_reading(world: World, person: Person) -> None:
    await set_flag(world.database, "api_tokens", person.actor.token_id, scopes=Scope.CASES_WRITE.value)


async def take_feature(world: World, person: Person) -> None:
    await set_flag(world.database, "accounts", world.account_id, cases_enabled=False)


TAKEN: dict[str, tuple[Callable[[World, Person], Awaitable[None]], str]] = {
    "the person's activity": (deactivate, "USER_INACTIVE"),
    "the role": (take_role, "ROLE_REQUIRED"),
    "the feature": (take_feature, "FEATURE_DISABLED"),
}


@pytest.mark.parametrize("what", TAKEN)
@pytest.mark.parametrize("more", [{}, {"dryRun": True}, {"idempotencyKey": "key"}], ids=["done", "dry run", "key"])
async def test_a_right_that_is_gone_does_nothing_before_the_news_arrives(
    world: World, remembering: Api, what: str, more: dict[str, Any]
) -> None:
    case_id = str((await world.open_case()).case.id)
    person = await remembered(world, remembering, world.carl.id, case_id)
    before = await rows(world)
    take, code = TAKEN[what]

    await take(world, person)
    data = await remembering.run(person.token, COMMENT, {"input": {"caseId": case_id, "body": "x", **more}})

    assert data["addComment"] == {"errors": [{"code": code}], "action": None, "case": None}
    assert await rows(world) == before


@pytest.mark.parametrize("more", [{}, {"dryRun": True}, {"idempotencyKey": "key"}], ids=["done", "dry run", "key"])
async def test_a_token_that_is_revoked_is_refused_as_such_before_the_news_arrives(
    world: World, remembering: Api, more: dict[str, Any]
) -> None:
    case_id = str((await world.open_case()).case.id)
    person = await remembered(world, remembering, world.carl.id, case_id)
    sent = {"input": {"caseId": case_id, "body": "x", **more}}
    if more.get("idempotencyKey"):  # what was done before is not shown to them either
        await remembering.run(person.token, COMMENT, sent)
    before = await rows(world)

    await revoke(world, person)
    answer = await remembering.send(person.token, COMMENT, sent)

    assert answer.status_code == 401
    assert "data" not in answer.json()
    assert await rows(world) == before


async def test_a_token_that_may_not_read_any_more_is_shown_what_such_a_token_is(world: World, remembering: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    person = await person_of(world.database, world.carl.id, *Scope)
    document = """mutation($input: AddCommentInput!) {
        addComment(input: $input) { errors { code } action { seq case { title } } } }"""
    sent = {"input": {"caseId": case_id, "body": "x"}}
    await remembering.run(person.token, document, sent)
    await no_news(world.database)
    await remember(remembering, person.token)

    await take_reading(world, person)
    body = (await remembering.send(person.token, document, sent)).json()

    assert [error["extensions"]["code"] for error in body["errors"]] == ["INSUFFICIENT_SCOPE"]
    assert await rows(world) == 3


async def test_a_right_that_is_given_is_good_before_the_news_arrives(world: World, remembering: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    person = await person_of(world.database, world.aldo.id, *Scope)
    sent = {"input": {"caseId": case_id, "body": "x"}}
    refused = await remembering.run(person.token, COMMENT, sent)
    await no_news(world.database)
    await remember(remembering, person.token)

    async with world.database.write() as connection:
        await connection.execute(insert(tables.user_roles).values(user_id=person.id, role=Role.CONTRIBUTOR))
    done = await remembering.run(person.token, COMMENT, sent)

    assert refused["addComment"]["errors"] == [{"code": "ROLE_REQUIRED"}]
    assert done["addComment"] == {"errors": [], "action": {"seq": 2}, "case": {"version": 2}}


async def test_a_refusal_comes_from_a_new_look_up_and_writes_nothing(world: World, remembering: Api) -> None:
    case_id = str((await world.case_in(CaseStatus.CLOSED)).case.id)
    open_id = str((await world.open_case()).case.id)
    person = await remembered(world, remembering, world.carl.id, open_id)
    before = await rows(world)

    with recorded() as statements:
        data = await remembering.run(person.token, COMMENT, {"input": {"caseId": case_id, "body": "x"}})

    assert data["addComment"]["errors"] == [{"code": "CASE_CLOSED"}]
    assert LOOKED_UP in statements[1:]
    assert await rows(world) == before
