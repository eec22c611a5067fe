"""The demo with a seed: the same ids and times in each database, whatever the engine, and after an interruption too."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app import clock
from app.admin.accounts import AdminError
from app.auth.identity import authenticate
from app.db.engines import Database, open_database
from app.demo import load as demo
from app.demo.load import Demo, Story, load_demo
from app.documents.store import open_store
from tests.support.api import Api
from tests.support.gateway import casegate, casegate_json

pytestmark = pytest.mark.long

IDS = """{ users(first: 100) { nodes { id email } } cases(first: 100) { nodes {
  id reference createdAt updatedAt closedAt subject { id }
  actions(first: 100) { nodes { id createdAt requestId comment { id documents { id filename } } override { id } } }
} } }"""


async def ids(url: str, found: Demo) -> Any:
    """Return each id and time of the demo, where a seed makes them."""
    async with Api.opened(url, max_cost=1_000_000) as api:
        data = await api.run(found.people[0].token, IDS)
    return {"account": found.account.id, **data}


@asynccontextmanager
async def seeded(template: Path, folder: Path, seed: int | None) -> AsyncIterator[tuple[str, Database, Demo]]:
    """Yield a database of SQLite with a demo of this seed."""
    path = folder / f"{seed}.sqlite"
    shutil.copyfile(template, path)
    database = open_database(f"sqlite:///{path}")
    try:
        yield f"sqlite:///{path}", database, await load_demo(database, open_store("", folder), seed)
    finally:
        await database.close()


@pytest.fixture(scope="module")
async def expected(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The ids of the demo with the seed 7, of a load on SQLite that nothing has disturbed."""
    async with seeded(sqlite_template, tmp_path_factory.mktemp("seed"), 7) as (url, _, found):
        return await ids(url, found)


async def test_two_loads_of_one_seed_have_the_same_ids_and_times(
    database: Database, fresh_url: str, tmp_path: Path, expected: Any
) -> None:
    store = open_store("", tmp_path)

    first = await load_demo(database, store, 7)
    second = await load_demo(database, store, 7)

    assert await ids(fresh_url, first) == expected == await ids(fresh_url, second)
    assert len(expected["cases"]["nodes"]) == 40
    assert {person.token for person in first.people}.isdisjoint(person.token for person in second.people)
    for person in (*first.people, *second.people):
        assert str((await authenticate(database, person.token)).user.id) == person.id


def all_ids(found: Any) -> set[str]:
    if isinstance(found, dict):
        own = {str(value) for name, value in found.items() if name in ("id", "account")}
        return own.union(*(all_ids(value) for value in found.values()))
    return set().union(*map(all_ids, found)) if isinstance(found, list) else set()


async def test_other_seeds_have_other_ids_of_the_same_cases(
    sqlite_template: Path, tmp_path: Path, expected: Any
) -> None:
    async with seeded(sqlite_template, tmp_path, 8) as (url, database, found):
        other = await ids(url, found)
        with pytest.raises(AdminError, match="another seed"):
            await load_demo(database, open_store("", tmp_path), 7)
        with pytest.raises(AdminError, match="another seed"):
            await load_demo(database, open_store("", tmp_path))

    assert all_ids(other).isdisjoint(all_ids(expected))
    assert len(all_ids(other)) == len(all_ids(expected)) > 200
    references = [[case["reference"] for case in found["cases"]["nodes"]] for found in (other, expected)]
    assert references[0] == references[1]
    assert {UUID(id).version for id in all_ids(other)} == {7}


async def test_a_load_that_was_interrupted_goes_on_with_the_same_ids(
    database: Database, fresh_url: str, tmp_path: Path, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, played = open_store("", tmp_path), 0
    step = Story._step

    async def interrupted(*arguments: Any) -> Any:
        nonlocal played
        played += 1
        if played == 30:
            raise KeyboardInterrupt
        return await step(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(demo.Story, "_step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            await load_demo(database, store, 7)

    assert await ids(fresh_url, await load_demo(database, store, 7)) == expected


def names_of_files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


async def test_two_loads_of_one_seed_at_once_make_one_demo_and_keep_its_files(
    database: Database, fresh_url: str, tmp_path: Path, expected: Any
) -> None:
    store, elsewhere = open_store("", tmp_path), open_database(fresh_url)

    first, second = await asyncio.gather(load_demo(database, store, 7), load_demo(elsewhere, store, 7))
    await elsewhere.close()

    assert await ids(fresh_url, first) == expected == await ids(fresh_url, second)
    actions = [action for case in expected["cases"]["nodes"] for action in case["actions"]["nodes"]]
    documents = [
        document["id"] for action in actions if action["comment"] for document in action["comment"]["documents"]
    ]
    assert names_of_files(tmp_path) >= set(documents) != set()


def test_the_command_takes_the_seed_from_its_option_or_from_the_setting(tmp_path: Path) -> None:
    folders = [str(tmp_path / name) for name in ("one", "two")]

    by_option = casegate_json("demo", "--seed", "7", data_dir=folders[0])
    by_setting = casegate_json("demo", data_dir=folders[1], demo_seed="7")

    for found in (by_option, by_setting):
        for person in found["people"]:
            del person["token"]
    assert by_option == by_setting
    assert json.dumps(by_option["cases"][0]) == (
        '{"id": "' + by_setting["cases"][0]["id"] + '", "reference": "CASE-000001", "status": "CLOSED"}'
    )


@pytest.mark.parametrize("seed", ["-1", "2147483648", "seven", "7.5"])
def test_what_is_no_seed_is_refused(tmp_path: Path, seed: str) -> None:
    done = casegate("demo", "--seed", seed, data_dir=str(tmp_path))

    assert done.returncode == 2
    assert "--seed" in done.stderr
    assert list(tmp_path.iterdir()) == []


# --- Ids -------------------------------------------------------------------------------------------------------------


def test_seeded_ids_are_of_their_moment_in_order_and_end_with_the_block() -> None:
    with clock.seeded_ids("a", demo.SEEDED_START):
        first, second = clock.new_id(), clock.new_id()
    with clock.seeded_ids("a", demo.SEEDED_START):
        again = clock.new_id()
    with clock.seeded_ids("b", demo.SEEDED_START):
        other = clock.new_id()

    assert first == again < second
    assert other not in (first, second)
    assert first.int >> 80 == int(demo.SEEDED_START.timestamp() * 1000)
    assert {(made.version, made.variant) for made in (first, second, other)} == {(7, "specified in RFC 4122")}
    assert clock.new_id() not in (first, second, other)
