"""Who holds a token is remembered for reading, and forgotten with the commit of whatever changes it."""

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, text, update

from app import clock
from app.admin import accounts
from app.auth.authenticator import Authenticator
from app.auth.identity import TokenUse, secret_hash
from app.auth.identity_cache import IdentityCache
from app.db import tables
from app.db.engines import Database
from app.db.repository import tokens
from app.domain.errors import Unauthenticated
from app.domain.model import Role, Scope
from tests.support.api import Api
from tests.support.identity_cache import LOOKED_UP, looks_up, remember, remembering_api, until
from tests.support.recorded_sql import recorded
from tests.support.world import World, person_of

ROLES = "{ viewer { user { roles } } }"


@pytest.fixture
async def remembering(fresh_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """The app with its memory, on an engine that tells of changes."""
    if fresh_url.startswith("sqlite"):
        pytest.skip("SQLite tells nobody of changes")
    async with remembering_api(fresh_url, tmp_path) as opened:
        yield opened


async def test_reads_ask_once_who_it_is_and_what_is_not_known_to_ask_for_it_each_time(
    world: World, remembering: Api
) -> None:
    case_id = str((await world.open_case()).case.id)
    await remember(remembering, world.carl.token)

    with recorded() as read:
        await remembering.run(world.carl.token, "query($id: ID!) { case(id: $id) { title } }", {"id": case_id})
    with recorded() as written:  # a document that nobody has sent before, in any test
        added = {"caseId": case_id, "body": "x"}
        await remembering.act(world.carl.token, "addComment", added, f"_{uuid.uuid4().hex}: __typename")

    assert read == ["SELECT cases"]
    assert written[0] == LOOKED_UP


async def test_on_sqlite_nothing_is_remembered(world: World, fresh_url: str, tmp_path: Path) -> None:
    if not world.database.is_sqlite:
        pytest.skip("this is about SQLite")
    async with Api.opened(fresh_url, data_dir=tmp_path, identity_cache=60) as api:
        assert [await looks_up(api, world.ada.token) for _ in range(3)] == [True] * 3


async def set_flag(database: Database, table: str, **values: object) -> None:
    async with database.write() as connection:
        await connection.execute(update(tables.metadata.tables[table]).values(**values))


async def test_every_change_of_an_identity_is_effective_at_once(world: World, remembering: Api) -> None:
    person = await person_of(world.database, world.rosa.id, *Scope)
    token, database, link = person.token, world.database, tables.user_roles

    async def status() -> int:
        return (await remembering.send(token, ROLES)).status_code

    async def codes() -> list[str]:
        errors = (await remembering.send(token, "{ cases { nodes { id } } }")).json().get("errors", [])
        return [error["extensions"]["code"] for error in errors]

    async def roles() -> list[str]:
        found: list[str] = (await remembering.run(token, ROLES))["viewer"]["user"]["roles"]
        return found

    await remember(remembering, token)
    assert await roles() == ["REVIEWER"]
    async with database.write() as connection:
        await connection.execute(delete(link).where(link.c.user_id == world.rosa.id, link.c.role == Role.REVIEWER))
    await until(lambda: equals(roles, []))

    await remember(remembering, token)
    await set_flag(database, "accounts", cases_enabled=False)
    await until(lambda: equals(codes, ["FEATURE_DISABLED"]))

    await set_flag(database, "accounts", cases_enabled=True)
    await until(lambda: equals(codes, []))
    await remember(remembering, token)
    await set_flag(database, "users", active=False)
    await until(lambda: equals(codes, ["USER_INACTIVE"]))

    await remember(remembering, token)
    await accounts.revoke_token(database, person.actor.token_id)
    await until(lambda: equals(status, 401))


async def equals(found: Callable[[], Awaitable[object]], expected: object) -> bool:
    return await found() == expected


async def test_who_was_revoked_writes_nothing_even_before_the_news_arrives(world: World, remembering: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    person = await person_of(world.database, world.carl.id, *Scope)
    await remember(remembering, person.token)

    await accounts.revoke_token(world.database, person.actor.token_id)
    answer = await remembering.send(
        person.token,
        'mutation($id: ID!) { addComment(input: {caseId: $id, body: "x"}) { action { seq } } }',
        {"id": case_id},
    )

    assert answer.status_code == 401
    assert "data" not in answer.json()


async def test_what_every_request_changes_is_no_news(world: World, remembering: Api) -> None:
    await remember(remembering, world.ada.token)
    use = TokenUse()
    use.note(world.ada.actor.token_id)

    await use.flush(world.database)
    await world.open_case()
    await asyncio.sleep(0.3)

    assert not await looks_up(remembering, world.ada.token)


async def test_without_the_connection_that_hears_nothing_is_remembered_until_there_is_another(
    world: World, remembering: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.auth.identity_cache.RETRY_S", 0.5)
    await remember(remembering, world.ada.token)
    listening = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE 'LISTEN%'"
    )

    async with world.database.write() as connection:
        assert (await connection.execute(listening)).all() != []

    await until(lambda: looks_up(remembering, world.ada.token))
    await remember(remembering, world.ada.token)


async def test_what_was_looked_up_before_a_change_is_not_remembered_after_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    if world.database.is_sqlite:
        pytest.skip("SQLite tells nobody of changes")
    memory = IdentityCache(60)
    authenticator = Authenticator(world.database, None, memory)
    hearing = asyncio.create_task(memory.keep_subscribed(world.database))
    person = await person_of(world.database, world.ada.id, *Scope)
    look = tokens.token_by_hash

    async def look_slowly(connection: object, hashed: str) -> object:
        found = await look(connection, hashed)  # type: ignore[arg-type]  # it is one
        age = memory.age
        await accounts.revoke_token(world.database, person.actor.token_id)

        async def is_notified() -> bool:
            return memory.age != age

        await until(is_notified)
        return found

    async def remembers() -> bool:
        await authenticator.authenticate(f"Bearer {world.carl.token}", fresh=False)
        return memory.recall(secret_hash(world.carl.token)) is not None

    await until(remembers)
    monkeypatch.setattr(tokens, "token_by_hash", look_slowly)
    await authenticator.authenticate(f"Bearer {person.token}", fresh=False)
    monkeypatch.undo()

    assert memory.recall(secret_hash(person.token)) is None
    with pytest.raises(Unauthenticated):
        await authenticator.authenticate(f"Bearer {person.token}", fresh=False)
    hearing.cancel()


async def test_a_token_that_expires_is_not_remembered_longer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = IdentityCache(60)
    memory._is_subscribed = True  # as if somebody listened
    now = clock.now()
    memory.keep(secret_hash("a"), world.ada.identity, now + timedelta(seconds=5), memory.age)
    memory.keep(secret_hash("b"), world.ada.identity, None, memory.age)

    monkeypatch.setattr(clock, "now", lambda: now + timedelta(seconds=4.9))
    assert memory.recall(secret_hash("a")) is world.ada.identity
    monkeypatch.setattr(clock, "now", lambda: now + timedelta(seconds=5))

    assert memory.recall(secret_hash("a")) is None
    assert memory.recall(secret_hash("b")) is world.ada.identity


async def test_a_read_relies_on_memory_whatever_words_are_in_it(world: World, remembering: Api) -> None:
    case_id = str((await world.open_case()).case.id)
    await remember(remembering, world.carl.token)
    reads = (
        "query($id: ID!) { case(id: $id) { title } } # no mutation",
        "query mutation($id: ID!) { case(id: $id) { mutation: title } }",
    )

    for read in reads:
        with recorded() as sent:
            await remembering.run(world.carl.token, read, {"id": case_id})
        assert sent == ["SELECT cases"], read


async def test_a_write_counts_once_whether_who_sends_it_is_looked_up_or_remembered(
    world: World, fresh_url: str, tmp_path: Path
) -> None:
    if world.database.is_sqlite:
        pytest.skip("SQLite tells nobody of changes")
    case_id = str((await world.open_case()).case.id)
    write = """query Look($id: ID!) { case(id: $id) { title } }
        mutation Say($id: ID!) { addComment(input: {caseId: $id, body: "x"}) { action { seq } } }"""
    async with remembering_api(fresh_url, tmp_path, rate_limit=100) as api:
        await remember(api, world.carl.token)
        left, looked_up = [], []
        for _ in range(3):
            sent = {"query": write, "operationName": "Say", "variables": {"id": case_id}}
            with recorded() as statements:
                answer = await api.client.post(
                    "/graphql", json=sent, headers={"Authorization": f"Bearer {world.carl.token}"}
                )
            assert "errors" not in answer.json()
            looked_up.append(statements[0] == LOOKED_UP)
            left.append(int(answer.headers["RateLimit"].split("r=")[1].split(";")[0]))

    assert looked_up == [True, False, False]
    assert [before - after for before, after in itertools.pairwise(left)] == [1, 1]
