"""Archives that are filled in from templates: the rows are those that the gateway would have written."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Table, and_, select, text

from app.audit.verification import verify_log
from app.db.engines import Database
from app.db.log_position import catch_up
from app.db.reindex import reindex
from scripts.benchmarks.bulk import COPIED, NoRoom, fill_in_bulk, require_room
from scripts.benchmarks.histories import People
from scripts.benchmarks.templates import CASES_A_SUPPLIER, supplier_of
from tests.support.api import Api
from tests.support.paths import ROOT
from tests.support.world import World

TEXTS = text("SELECT case_id, field, source_id, CAST(words AS TEXT), folding FROM case_texts ORDER BY 1, 2, 3")
SCHEMA = text("""
SELECT tgname, CAST(tgenabled AS text), CAST(tgrelid AS text) FROM pg_trigger
UNION ALL SELECT indexname, indexdef, tablename FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2, 3
""")

on_postgresql = pytest.mark.parametrize("origin", ["postgresql"], indirect=True)
pytestmark = pytest.mark.long


async def archived(world: World, url: str) -> list[str]:
    """Write 2 000 rows, from 200 histories, and return what was said meanwhile."""
    people = People([world.ada.id, world.carl.id, world.rosa.id, world.rolf.id], documented=0.5)
    said: list[str] = []
    await fill_in_bulk(url, world.account_id, people, 2_000, said.append, cases=200)
    async with world.database.write() as connection:
        await catch_up(connection)
    return said


async def rows(database: Database, statement: object) -> list[tuple[object, ...]]:
    async with database.read() as connection:
        return [tuple(row) for row in await connection.execute(statement)]  # type: ignore[call-overload]


@on_postgresql
async def test_the_logs_of_an_archive_are_whole(world: World, fresh_url: str) -> None:
    said = await archived(world, fresh_url)

    verdicts = [verdict async for verdict in verify_log(world.database)]

    assert [verdict.fault for verdict in verdicts if verdict.fault is not None] == []
    assert len(verdicts) == 400
    written = sum(verdict.rows for verdict in verdicts)
    assert 1_800 < written < 2_200
    assert any(line.startswith(f"{written} of {written} rows, ") for line in said)


@on_postgresql
async def test_an_archive_has_the_words_that_its_texts_are_found_by(world: World, fresh_url: str) -> None:
    await archived(world, fresh_url)
    written = await rows(world.database, TEXTS)
    async with world.database.write() as connection:
        await connection.execute(text("UPDATE case_texts SET folding = 0"))

    assert {row[1] for row in written} == {"REFERENCE", "TITLE", "SUBJECT", "COMMENT", "DOCUMENT"}
    assert await reindex(world.database) == len(written)
    assert await rows(world.database, TEXTS) == written


@on_postgresql
async def test_triggers_and_indexes_are_as_before_and_every_foreign_key_holds(world: World, fresh_url: str) -> None:
    before = await rows(world.database, SCHEMA)

    await archived(world, fresh_url)

    assert await rows(world.database, SCHEMA) == before
    for table in COPIED:
        for orphans in orphans_of(table):
            assert await rows(world.database, orphans) == []


def orphans_of(table: Table) -> "Iterator[object]":
    """Yield the statements that find rows whose references lead nowhere."""
    for key in table.foreign_key_constraints:
        target = key.referred_table.alias()
        pairs = [(element.parent, target.c[element.column.name]) for element in key.elements]
        found = select(target.c[pairs[0][1].name]).where(and_(*(column == other for column, other in pairs)))
        yield select(pairs[0][0]).where(*(column.is_not(None) for column, _ in pairs), ~found.exists())


@on_postgresql
async def test_the_gateway_finds_a_supplier_and_goes_on_with_an_archive(world: World, api: Api, fresh_url: str) -> None:
    await archived(world, fresh_url)
    query = "query($search: String) { cases(search: $search, first: 100) { nodes { id reference status } } }"

    found = (await api.run(world.ada.token, query, {"search": supplier_of(30)}))["cases"]["nodes"]
    opened = next(case for case in found if case["status"] == "OPEN")
    comment = "mutation($input: AddCommentInput!) { addComment(input: $input) { errors { code } action { seq } } }"
    added = await api.run(world.ada.token, comment, {"input": {"caseId": opened["id"], "body": "Called them."}})
    last = (await api.run(world.ada.token, "{ actions(last: 1) { nodes { type } } }"))["actions"]["nodes"]

    assert sorted(case["reference"] for case in found) == [f"CASE-{number:06}" for number in range(20, 40)]
    assert added["addComment"]["errors"] == []
    assert last == [{"type": "COMMENT"}]
    assert CASES_A_SUPPLIER == 20


@on_postgresql
async def test_an_account_that_has_cases_is_left_alone(world: World, fresh_url: str) -> None:
    await world.open_case()

    with pytest.raises(ValueError, match="subjects is not empty"):
        await archived(world, fresh_url)

    assert len([verdict async for verdict in verify_log(world.database)]) == 1


def test_an_archive_that_the_disk_has_no_room_for_is_not_begun() -> None:
    with pytest.raises(NoRoom, match="GiB"):
        require_room(ROOT, 10**12)
