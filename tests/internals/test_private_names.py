"""Private parts of libraries: each library's in one module, which is held against the library itself."""

from pathlib import Path

import pytest
from graphql import GraphQLSchema
from sqlalchemy import Uuid, event, select

from app.api.schema import SCHEMA
from app.api.strawberry_internals import core_schema
from app.db import tables
from app.db.columns import UtcDateTime
from app.db.engines import Database
from app.db.sqlalchemy_internals import begin, bind_processor, commit, has_begun, has_listeners, result_types
from app.domain.model import CaseStatus

APP = Path(__file__).parents[2] / "app"

ADAPTERS = {
    "api/dataloaders/dataloader.py": "of another of its own kind",
    "api/strawberry_internals.py": "Strawberry",
    "auth/jwt.py": "PyJWT",
    "db/postgresql/hosts.py": "asyncpg",
    "db/sqlalchemy_internals.py": "SQLAlchemy",
    "db/sqlite/engines.py": "aiosqlite",
}


def test_private_names_of_a_library_stand_in_one_module() -> None:
    found = {str(path.relative_to(APP)) for path in APP.rglob("*.py") if "SLF001" in path.read_text()}

    assert found == set(ADAPTERS)


def test_strawberry_has_a_schema_of_graphql_core() -> None:
    core = core_schema(SCHEMA)

    assert isinstance(core, GraphQLSchema)
    assert core.query_type is not None and "case" in core.query_type.fields


@pytest.mark.parametrize("origin", ["postgresql"], indirect=True)
async def test_sqlalchemy_says_how_columns_are_read_and_parameters_written(database: Database) -> None:
    case = tables.cases.c
    statement = select(case.id, case.created_at).where(case.status == CaseStatus.OPEN)
    compiled = statement.compile(dialect=database.writer.engine.dialect)
    written = bind_processor(compiled, "status_1")

    assert [type(type_) for type_ in result_types(compiled)] == [Uuid, UtcDateTime]
    assert written is not None and written(CaseStatus.OPEN) == "OPEN"
    assert bind_processor(compiled, "no such name") is None


async def test_a_connection_knows_whether_anything_listens(database: Database) -> None:
    async with database.writer.engine.connect() as connection:
        sync = connection.sync_connection
        assert sync is not None
        event.listen(sync, "before_cursor_execute", lambda *_: None)
        assert has_listeners(sync)


@pytest.mark.parametrize("origin", ["postgresql"], indirect=True)
async def test_the_driver_s_transaction_begins_and_is_committed(database: Database) -> None:
    async with database.writer.engine.connect() as connection:
        raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None
        adapted = raw.dbapi_connection
        assert not has_begun(adapted)
        await begin(adapted)
        assert has_begun(adapted)
        await commit(adapted)
        assert not raw.driver_connection.is_in_transaction()
