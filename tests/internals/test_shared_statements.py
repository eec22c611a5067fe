"""What the engines of a test run share: a statement that one of them has compiled is not compiled again by another."""

from typing import Any
from unittest import mock

from sqlalchemy import Select, column, select, table
from sqlalchemy.sql.compiler import SQLCompiler

from app.db.engines import Database, open_database

SEARCH: Select[Any] = select(column("email")).select_from(table("users")).where(column("display_name") == "Nobody here")


async def test_a_statement_is_compiled_once_for_all_engines_of_a_database_system(
    database: Database, fresh_url: str
) -> None:
    async with database.read() as connection:
        assert (await connection.execute(SEARCH)).all() == []

    other = open_database(fresh_url)
    try:
        with mock.patch.object(SQLCompiler, "__init__", side_effect=AssertionError("it is compiled again")):
            async with other.read() as connection:
                assert (await connection.execute(SEARCH)).all() == []
    finally:
        await other.close()
