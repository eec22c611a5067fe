"""Downgrades: nothing that is kept for good goes or changes, unless the database is named that it may go from."""

import asyncio
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import text

from app.db import tables
from app.db.engines import Database, open_database
from app.db.migrate import MigrationRefused, RowsWouldBeLost, migrate
from app.db.migration_steps import config
from app.db.revisions import head, revision
from app.db.upgrades import OLDEST_PROGRAM
from app.domain.model import CaseStatus
from tests.support.api import Api
from tests.support.documents import TEXT, comment_with
from tests.support.gateway import ROOT, casegate, casegate_json, environment
from tests.support.world import World

KEPT = (
    tables.case_actions,
    tables.comments,
    tables.documents,
    tables.overrides,
    tables.override_reviewers,
    tables.cases,
    tables.subjects,
    tables.users,
    tables.accounts,
)


def revisions() -> list[str]:
    return [step.revision for step in ScriptDirectory.from_config(config()).walk_revisions()][::-1]


async def rows(database: Database) -> dict[str, list[Any]]:
    """Return the rows by table, with the columns that there are at this revision."""
    found = {}
    async with database.read() as connection:
        for table in KEPT:
            records = (await connection.execute(text(f"SELECT * FROM {table.name}"))).mappings()
            found[table.name] = sorted(str(sorted(record.items())) for record in records)
    return found


async def live_in(world: World, api: Api) -> None:
    """Make a case of each state, four of them with an attached document."""
    for status in CaseStatus:
        made = await world.case_in(status)
        if status is not CaseStatus.CLOSED:
            await comment_with(api, world.ada.token, made.case.id, [("a.txt", TEXT)])


@pytest.fixture
async def lived_in(world: World, api: Api) -> World:
    """A database that somebody works on."""
    await live_in(world, api)
    return world


@pytest.fixture
async def left(world: World, fresh_url: str, tmp_path: Path) -> World:
    """The same, which nobody has open."""
    async with Api.opened(fresh_url, data_dir=tmp_path) as api:
        await live_in(world, api)
    await world.database.close()
    return world


async def test_each_downgrade_is_refused_or_loses_nothing(lived_in: World) -> None:
    """Each step goes down and up again from where those before it have led; in the end all go up at once."""
    database = lived_in.database
    at_head = await rows(database)
    refused = []

    for target in ["base", *revisions()[:-1]][::-1]:
        current, before = await revision(database), await rows(database)
        assert current is not None
        try:
            await migrate(database, target)
        except RowsWouldBeLost:
            refused.append(target)
            assert await revision(database) == current
            continue
        assert await revision(database) == target
        await migrate(database, current)
        assert await rows(database) == before, target
        await migrate(database, target)
    await migrate(database)

    assert await rows(database) == at_head
    assert {"base", "0001", "0002", "0008"} <= set(refused)


@pytest.mark.soak
async def test_each_downgrade_from_the_newest_is_refused_or_loses_nothing(lived_in: World) -> None:
    database = lived_in.database
    before = await rows(database)

    for target in ["base", *revisions()[:-1]]:
        with suppress(RowsWouldBeLost):
            await migrate(database, target)
        await migrate(database)
        assert await rows(database) == before, target


async def test_a_downgrade_that_loses_nothing_is_done(world: World) -> None:
    database = world.database
    for status in CaseStatus:
        await world.case_in(status)
    # An account's own log goes, and what rows of format 2 commit to, since nothing older has a place for them.
    newest = "0014"
    await migrate(database, newest, drop_rows=True)
    before = await rows(database)

    for target in ("0003", "0004", "0008"):
        await migrate(database, target)
        assert await revision(database) == target
        await migrate(database, newest)
        assert await rows(database) == before, target


async def test_rows_that_would_be_lost_are_counted_by_table(lived_in: World) -> None:
    with pytest.raises(
        RowsWouldBeLost, match=r"case_actions \(\d\d rows\).*documents \(4 rows\)|documents \(4 rows\).*"
    ):
        await migrate(lived_in.database, "base")
    with pytest.raises(RowsWouldBeLost, match=r"documents[.]warnings \(4 rows\)"):
        await migrate(lived_in.database, "0008")
    with pytest.raises(RowsWouldBeLost, match=r"account_actions \(\d\d rows\)"):
        await migrate(lived_in.database, "0015")
    with pytest.raises(RowsWouldBeLost, match=r"case_actions[.]position \(\d\d rows\)"):
        await migrate(lived_in.database, "0002")


async def test_rows_go_where_their_database_is_named(left: World, fresh_url: str) -> None:
    name = Path(fresh_url).name
    here: dict[str, str] = {"database_url": fresh_url}

    refused = casegate("migrate", "--to", "base", **here)
    misnamed = casegate("migrate", "--to", "base", "--drop-rows", "other", **here)
    kept = casegate_json("account", "list", **here)
    done = casegate("migrate", "--to", "base", "--drop-rows", name, **here)

    assert (refused.returncode, misnamed.returncode, done.returncode) == (1, 2, 0)
    assert f"`casegate migrate --to base --drop-rows {name}` does it" in refused.stderr
    assert f"is not the name of this database, which is {name}" in misnamed.stderr
    assert len(kept) == 1
    assert done.stdout == "the database is at base\n"
    emptied = casegate("account", "list", **here)
    assert (emptied.returncode, emptied.stdout) == (2, "")
    assert "it holds no data of Casegate's" in emptied.stderr


async def test_a_downgrade_is_refused_while_the_database_is_open(lived_in: World, fresh_url: str) -> None:
    for arguments in (("--to", "0004"), ("--to", "base", "--drop-rows", Path(fresh_url).name)):
        done = casegate("migrate", *arguments, database_url=fresh_url)

        assert (done.returncode, done.stdout) == (1, "")
        assert "is in use: end all gateways" in done.stderr
    assert await revision(lived_in.database) == head()


async def test_up_is_open_to_all_meanwhile(lived_in: World, fresh_url: str) -> None:
    assert casegate("migrate", database_url=fresh_url).returncode == 0


@pytest.mark.parametrize(
    "target", ["0", "00", "0099", "-1", "+1", "head-1", "heads", "base,head", "", "0001:0002", "@"]
)
async def test_an_unknown_revision_is_reported_with_the_known_ones(database: Database, target: str) -> None:
    with pytest.raises(MigrationRefused, match=rf"there are base, 0001 to {head()}, and head"):
        await migrate(database, target)
    assert await revision(database) == head()


async def set_revision(database: Database, *found: str) -> None:
    """Have the database say that it is at these revisions, and that no other program than theirs can serve it."""
    async with database.write() as connection:
        await connection.execute(text(f"DELETE FROM server_keys WHERE name = '{OLDEST_PROGRAM}'"))
        await connection.execute(text("DELETE FROM alembic_version"))
        for number in found:
            await connection.execute(text("INSERT INTO alembic_version VALUES (:number)"), {"number": number})


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (["9999"], "the database is at revision 9999, and this version of Casegate knows none after"),
        (["0001", "0002"], "it is at several revisions: 0001, 0002"),
        ([], "does not say at which revision"),
    ],
    ids=["newer", "several", "none"],
)
async def test_a_database_of_another_version_fails_with_one_line(
    database: Database, fresh_url: str, found: list[str], words: str
) -> None:
    await set_revision(database, *found)
    await database.close()
    read = casegate("account", "list", database_url=fresh_url)
    assert (read.returncode, read.stdout, read.stderr.count("\n")) == (2, "", 1), read.stderr
    for arguments in (("migrate",), ("migrate", "--to", "0001"), ("migrate", "--to", "base")):
        done = casegate(*arguments, database_url=fresh_url)

        assert (done.returncode, done.stdout) == (1, ""), arguments
        assert words in done.stderr
        assert done.stderr.count("\n") == 1, done.stderr


# The process ends itself, as kill -9 would, before its statement with these words.
KILLED = """
import os, signal, sys
from sqlalchemy import Engine, event

@event.listens_for(Engine, "before_cursor_execute")
def end(connection, cursor, statement, *_):
    if "DROP TABLE comments" in statement or "DROP INDEX ix_comments_case_id" in statement:
        os.kill(os.getpid(), signal.SIGKILL)

sys.argv = ["casegate", *sys.argv[1:]]
from app.cli import main
main()
"""


async def test_a_migration_that_is_cut_off_leaves_nothing_of_itself(left: World, fresh_url: str) -> None:
    arguments = ["migrate", "--to", "base", "--drop-rows", Path(fresh_url).name]
    before = await rows(left.database)
    await left.database.close()

    process = [sys.executable, "-c", KILLED, *arguments]
    settings = environment(database_url=fresh_url)
    cut_off = await asyncio.to_thread(subprocess.run, process, cwd=ROOT, env=settings, capture_output=True, timeout=60)

    assert cut_off.returncode == -signal.SIGKILL, cut_off.stderr
    again = open_database(fresh_url)
    assert await revision(again) == head()
    assert await rows(again) == before
    await again.close()


def test_nothing_is_made_where_there_is_nothing_to_go_down(tmp_path: Path) -> None:
    done = casegate("migrate", "--to", "base", data_dir=str(tmp_path / "mistyped"))

    assert (done.returncode, done.stdout) == (1, "")
    assert "there is no database" in done.stderr
    assert not (tmp_path / "mistyped").exists()
