"""Archives that are written in bulk: the rows are those that the gateway would have written."""

from sqlalchemy import text

from app.audit.verification import verify_log
from app.db.indexed import FOLDING
from app.db.reindex import reindex
from scripts.benchmarks.generate import fill
from scripts.benchmarks.histories import People
from tests.support.world import World

TEXTS = text("SELECT case_id, field, source_id, CAST(words AS TEXT), folding FROM case_texts ORDER BY 1, 2, 3")
STATEMENTS = text("SELECT name FROM sqlite_master WHERE type = 'trigger' ORDER BY name")
TRIGGERS = text("SELECT tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname, tgrelid")


async def test_an_archive_has_the_words_that_its_texts_are_found_by(world: World) -> None:
    database = world.database
    people = People([world.ada.id, world.carl.id, world.rosa.id, world.rolf.id], documented=0.5)
    triggers = STATEMENTS if database.is_sqlite else TRIGGERS
    async with database.read() as connection:
        before = (await connection.execute(triggers)).all()

    await fill(database, world.account_id, people, 40, 240)

    async with database.read() as connection:
        written = [tuple(row) for row in await connection.execute(TEXTS)]
        assert (await connection.execute(triggers)).all() == before
    assert {row[1] for row in written} == {"REFERENCE", "TITLE", "SUBJECT", "COMMENT", "DOCUMENT"}
    assert {row[4] for row in written} == {FOLDING}
    async with database.write() as connection:
        await connection.execute(text("UPDATE case_texts SET folding = 0"))
    assert await reindex(database) == len(written)
    async with database.read() as connection:
        assert [tuple(row) for row in await connection.execute(TEXTS)] == written


async def test_the_logs_of_an_archive_are_whole(world: World) -> None:
    people = People([world.ada.id, world.carl.id, world.rosa.id, world.rolf.id], documented=0.5)
    await fill(world.database, world.account_id, people, 40, 240)

    verdicts = [verdict async for verdict in verify_log(world.database, None, None, None)]

    assert len(verdicts) >= 40
    assert [verdict.fault for verdict in verdicts if verdict.fault is not None] == []
