"""The migrations, on both engines: they make what the models say, they go down and come up again."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from app.db.engines import Database
from app.db.migrate import migrate
from app.db.migration_steps import config, steps
from app.db.revisions import head, known, revision
from app.db.tables import metadata

Shape = Mapping[str, Mapping[str, Any]]

# Whatever else is in a schema and in no table's reflection: triggers, functions, and how the engine keeps them.
OTHERS = {
    "sqlite": "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE type IN ('trigger', 'view') ORDER BY name",
    "postgresql": (
        "SELECT 'trigger', tgname, tgrelid::regclass::text, pg_get_triggerdef(oid) FROM pg_trigger"
        " WHERE NOT tgisinternal"
        " UNION ALL SELECT 'function', proname, '', pg_get_functiondef(oid) FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace"
        " UNION ALL SELECT 'relation', relname, relkind::text, '' FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind NOT IN ('r', 'i', 'p')"
        " ORDER BY 1, 2, 3"
    ),
}


def shape_of(connection: Connection) -> Shape:
    """Return of each table all that the engine tells of its columns, constraints and indexes."""
    inspector = inspect(connection)
    tables = [name for name in inspector.get_table_names() if name != "alembic_version" and is_ours(name)]
    return {name: _table(inspector, name) for name in tables}


# Indexes that differ by engine, which autogenerate can't compare; the models' and the migrations' are compared below.
BY_ENGINE = {"ix_cases_account_id_closed_at_id", "ix_cases_account_id_due_at_id", "ix_case_texts_words"}


def is_common(_item: object, name: str | None, *_more: object) -> bool:
    return name not in BY_ENGINE


def is_ours(name: str | None, *_more: object) -> bool:
    """Tell whether the models know the table; SQLite's index of words and what it is made of they do not."""
    return name is None or not name.startswith("case_words")


def _table(inspector: Any, name: str) -> Mapping[str, Any]:
    columns = [{**column, "type": repr(column["type"])} for column in inspector.get_columns(name)]
    return {
        "columns": sorted(columns, key=lambda column: str(column["name"])),
        "primary key": inspector.get_pk_constraint(name),
        "foreign keys": _by_name(inspector.get_foreign_keys(name)),
        "unique": _by_name(inspector.get_unique_constraints(name)),
        "checks": _by_name(inspector.get_check_constraints(name)),
        "indexes": _by_name([_readable(index) for index in inspector.get_indexes(name)]),
    }


def _readable(index: Mapping[str, Any]) -> dict[str, Any]:
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return {**index, "dialect_options": options}


def _by_name(items: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    assert all(item["name"] for item in items), items
    return {item["name"]: item for item in items}


def others_of(connection: Connection) -> list[tuple[Any, ...]]:
    return [tuple(record) for record in connection.execute(text(OTHERS[connection.dialect.name]))]


async def test_the_migrations_make_just_what_the_models_say(database: Database) -> None:
    def differences(connection: Connection) -> list[Any]:
        options = {
            "compare_type": True,
            "compare_server_default": True,
            "include_name": is_ours,
            "include_object": is_common,
        }
        found: list[Any] = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        return found

    async with database.read() as connection:
        assert await connection.run_sync(differences) == []


async def test_the_models_make_just_what_the_migrations_make(database: Database) -> None:
    """What autogenerate does not look at is compared too: checks, predicates of indexes, names of keys."""
    async with database.write() as connection:
        migrated = await connection.run_sync(shape_of)
    await migrate(database, "base")

    async with database.write() as connection:
        await connection.run_sync(metadata.create_all)
        made = await connection.run_sync(shape_of)

    assert set(migrated) == set(metadata.tables)
    for name in metadata.tables:
        assert migrated[name] == made[name]


async def test_every_constraint_bears_the_name_that_the_models_gave_it(database: Database) -> None:
    """A refusal is found by the name of the constraint that was violated."""
    async with database.read() as connection:
        shape = await connection.run_sync(shape_of)

    for name, table in metadata.tables.items():
        found = {shape[name]["primary key"]["name"]}.union(
            *(shape[name][kind] for kind in ("foreign keys", "unique", "checks"))
        )
        assert found == {constraint.name for constraint in table.constraints}
        assert {index.name for index in table.indexes} - BY_ENGINE <= set(shape[name]["indexes"])
    partial = {
        index
        for table in shape.values()
        for index, options in table["indexes"].items()
        if any("where" in option for option in options["dialect_options"])
    }
    assert partial == {
        "ix_case_actions_reminders",
        "ix_case_actions_steps",
        "ix_case_texts_stale",
        "ix_cases_not_erased",
        "ix_cases_open_due",
        "ix_documents_same",
        "ix_documents_unattached",
        "ix_overrides_expiring",
        "ix_overrides_pair",
        "uq_cases_active_subject",
        "uq_overrides_pending_case",
        "uq_overrides_pending_subject",
        "uq_user_identities_linked",
        "uq_users_system",
    }


@pytest.mark.long
async def test_down_to_nothing_and_up_again_is_where_it_was(database: Database) -> None:
    async with database.read() as connection:
        before = await connection.run_sync(shape_of), await connection.run_sync(others_of)

    await migrate(database, "base")

    async with database.read() as connection:
        assert await connection.run_sync(shape_of) == {}
        assert await connection.run_sync(others_of) == []
    assert await revision(database) is None

    await migrate(database)

    async with database.read() as connection:
        assert (await connection.run_sync(shape_of), await connection.run_sync(others_of)) == before
    assert await revision(database) == head()
    assert len(before[1]) > 10


def test_the_revisions_that_files_are_named_for_are_those_that_they_lead_to() -> None:
    assert [step.revision for step in steps()] == known()


@pytest.mark.long
async def test_each_step_goes_down_and_up_by_itself(database: Database) -> None:
    newest_first = [step.revision for step in ScriptDirectory.from_config(config()).walk_revisions()]

    for target in [*newest_first[1:], "base", *reversed(newest_first)]:
        await migrate(database, target)
        assert await revision(database) == (None if target == "base" else target)

    assert newest_first[0] == head()


async def test_migrating_what_is_up_to_date_changes_nothing(database: Database) -> None:
    async with database.read() as connection:
        before = await connection.run_sync(shape_of), await connection.run_sync(others_of)

    await migrate(database)

    async with database.read() as connection:
        assert (await connection.run_sync(shape_of), await connection.run_sync(others_of)) == before


async def test_a_step_that_fails_leaves_nothing_of_itself(database: Database) -> None:
    await migrate(database, "base")
    async with database.write() as connection:  # in the way of the migrations' last table
        await connection.execute(text("CREATE TABLE idempotency_records (id INTEGER)"))

    with pytest.raises(Exception, match="already exists"):
        await migrate(database)

    async with database.read() as connection:
        assert set(await connection.run_sync(shape_of)) == {"idempotency_records"}
        assert await connection.run_sync(others_of) == []
    assert await revision(database) is None


def test_each_revision_has_one_way_up_and_a_reason() -> None:
    script = ScriptDirectory.from_config(config())

    assert len(script.get_heads()) == 1
    assert len(script.get_bases()) == 1
    assert all(step.doc for step in script.walk_revisions())
