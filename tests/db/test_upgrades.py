"""Rolling upgrades: a gateway goes on with a database that a later version has migrated, where that lets it."""

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from app.db import revisions
from app.db.engines import Database
from app.db.migrate import MigrationRefused, migrate, pending
from app.db.migration_steps import steps
from app.db.revisions import can_serve, readable, revision
from app.db.upgrades import needed_program, oldest_of
from tests.support.api import Api
from tests.support.gateway import casegate

FIRST_RELEASE = "0029"
"""The last migration that may say nothing of its phase, as those of the first release: nothing runs before it."""

STEP = '''"""A step of a later version."""

from alembic import op

revision = "{revision}"
down_revision = "{before}"
branch_labels = None
depends_on = None
{phase}


def upgrade() -> None:
    op.execute("CREATE TABLE later_{revision} (id INTEGER)")


def downgrade() -> None:
    op.execute("DROP TABLE later_{revision}")
'''
EXPAND = 'phase = "expand"'

LaterVersion = Callable[..., Awaitable[None]]


@pytest.fixture
def head() -> str:
    """The newest revision of this version."""
    return revisions.head()


@pytest.fixture
def later(head: str, tmp_path: Path) -> LaterVersion:
    """Migrates a database as a later version does that has these further steps."""

    async def migrate_later(database: Database, phases: list[str], target: str = "head") -> None:
        scripts = tmp_path / "later"
        shutil.copytree(revisions.SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
        before = head
        for number, phase in enumerate(phases, int(head) + 1):
            name = f"{number:04}"
            (scripts / "versions" / f"{name}_later.py").write_text(
                STEP.format(revision=name, before=before, phase=phase.replace("THIS", head).replace("NEW", name))
            )
            before = name
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(revisions, "SCRIPTS", scripts)
            await migrate(database, target)

    return migrate_later


@pytest.mark.parametrize(
    "phases",
    [
        [EXPAND],
        [EXPAND, EXPAND],
        ['phase = "contract"\noldest_program = "THIS"'],
        [EXPAND, 'phase = "contract"\noldest_program = "THIS"'],
        ['phase = "contract"\noldest_program = "0020"'],
    ],
)
async def test_a_gateway_stays_ready_and_starts_anew_where_later_migrations_let_it(
    fresh_url: str, database: Database, head: str, later: LaterVersion, phases: list[str]
) -> None:
    await later(database, phases)
    found = await revision(database)
    assert found == f"{int(head) + len(phases):04}"

    assert await can_serve(database, found)
    assert await readable(database) is None
    assert await pending(database) == []
    await migrate(database)
    assert await revision(database) == found
    async with Api.opened(fresh_url) as gateway:
        assert (await gateway.client.get("/ready")).status_code == 200


@pytest.mark.parametrize(
    "phases",
    [
        [""],
        ['phase = "contract"\noldest_program = "NEW"'],
        [EXPAND, ""],
        ['phase = "contract"\noldest_program = "NEW"', EXPAND],
    ],
)
async def test_a_gateway_is_not_ready_where_a_later_migration_needs_a_later_program(
    fresh_url: str, database: Database, later: LaterVersion, phases: list[str]
) -> None:
    await later(database, phases)
    found = await revision(database)

    assert not await can_serve(database, found)
    assert await readable(database) is not None
    with pytest.raises(MigrationRefused, match="use the version that has migrated it"):
        await migrate(database)
    async with Api.opened(fresh_url) as gateway:
        answer = await gateway.client.get("/ready")
    assert (answer.status_code, answer.json()["database"]) == (503, "was migrated by a later version")


async def note_oldest(database: Database, revision: str) -> None:
    """Have the database say that this is the oldest program that can serve, whatever it says by now."""
    async with database.write() as connection:
        await connection.execute(text("DELETE FROM server_keys WHERE name = 'oldest-program'"))
        await connection.execute(
            text("INSERT INTO server_keys (name, value) VALUES ('oldest-program', :revision)"), {"revision": revision}
        )


async def test_an_older_database_is_served_by_no_gateway_whatever_it_notes(database: Database, head: str) -> None:
    await note_oldest(database, "0001")
    before = f"{int(head) - 1:04}"

    assert not await can_serve(database, before)
    assert not await can_serve(database, None)
    assert await can_serve(database, head)


async def test_a_step_to_a_revision_before_the_newest_says_who_can_serve_it_too(
    database: Database, head: str, later: LaterVersion
) -> None:
    await note_oldest(database, head)  # as an expansion before has noted it
    contracted = f"{int(head) + 1:04}"

    await later(database, ['phase = "contract"\noldest_program = "NEW"', EXPAND], contracted)

    assert await revision(database) == contracted
    assert not await can_serve(database, contracted)


async def test_a_database_that_says_that_it_is_at_several_revisions_is_served_by_no_gateway(
    fresh_url: str, database: Database, head: str
) -> None:
    async with database.write() as connection:
        await connection.execute(text("INSERT INTO alembic_version (version_num) VALUES ('0001')"))

    with pytest.raises(MigrationRefused, match=f"several revisions: 0001, {head}"):
        await pending(database)
    async with Api.opened(fresh_url) as gateway:
        assert (await gateway.client.get("/ready")).status_code == 503


def step(revision: str, **said: str) -> SimpleNamespace:
    return SimpleNamespace(revision=revision, module=SimpleNamespace(**said))


def test_the_oldest_program_is_that_of_the_migration_that_needs_the_newest() -> None:
    expand = {"phase": "expand"}
    listed = [step("1"), step("2", **expand), step("3", phase="contract", oldest_program="2"), step("4", **expand)]

    assert oldest_of(listed) == "2"  # type: ignore[arg-type]  # as far as it looks
    assert oldest_of(listed[:2]) == "1"  # type: ignore[arg-type]  # the same
    assert oldest_of(listed[1:2]) is None  # type: ignore[arg-type]  # the same


@pytest.mark.parametrize(
    "said",
    [{"phase": "shrink"}, {"phase": "contract"}, {"phase": "expand", "oldest_program": "1"}, {"oldest_program": "1"}],
)
def test_a_migration_that_says_half_of_it_is_refused(said: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="phase is expand, or contract with an oldest_program"):
        needed_program(step("1", **said))  # type: ignore[arg-type]  # as far as it looks


def test_every_new_migration_says_whether_it_expands_or_contracts() -> None:
    silent = [one.revision for one in steps() if one.revision > FIRST_RELEASE and not hasattr(one.module, "phase")]

    assert silent == []
    for one in steps():
        needed_program(one)


async def test_check_names_what_is_to_be_done_and_changes_nothing(
    fresh_url: str, database: Database, tmp_path: Path
) -> None:
    settings = {"database_url": fresh_url, "data_dir": str(tmp_path)}
    up_to_date = casegate("migrate", "--check", **settings)
    await migrate(database, "0021")
    await database.close()

    behind = casegate("migrate", "--check", **settings)
    wrong = casegate("migrate", "--check", "--to", "0001", **settings)

    assert (up_to_date.returncode, up_to_date.stdout.count("nothing is to be done")) == (0, 1)
    assert behind.returncode == 1
    assert behind.stdout.startswith("0022  contract  Evaluations")
    assert behind.stdout.endswith("gateways that serve the database at 0021 can't stay: end them, then migrate\n")
    assert wrong.returncode == 2
    assert await revision(database) == "0021"
