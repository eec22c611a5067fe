"""`among(column, ids)`: the column is one of the ids, as one parameter whatever their number.

One text of SQL for every batch keeps the caches of prepared statements small; an IN list has a text for each length.
`of_account(column, account_id)` goes with it: SQLite can't know how few ids there are, and would look through all
that the account has.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, Boolean, ColumnElement, Dialect, Text, TypeDecorator, Uuid, bindparam, literal
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine


class Ids(TypeDecorator[list[UUID]]):
    """Ids as an array on PostgreSQL, as JSON of the stored form (32 hexadecimal digits) on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(Uuid()) if dialect.name == "postgresql" else Text())

    def writer(self, dialect: Dialect) -> Callable[[list[UUID]], str] | None:
        """Return what makes a parameter of ids; None where the driver takes them as they are."""
        return None if dialect.name == "postgresql" else _written

    def process_bind_param(self, value: list[UUID] | None, dialect: Dialect) -> Any:
        if value is None or dialect.name == "postgresql":
            return value
        return _written(value)


def _written(ids: list[UUID]) -> str:
    return json.dumps([item.hex for item in ids])


class _Among(FunctionElement[bool]):
    inherit_cache = True
    type = Boolean()
    _is_implicitly_boolean = True  # else SQLite gets "= 1" behind it, and uses no index


def among(column: ColumnElement[Any], ids: Iterable[UUID] | BindParameter[list[UUID]]) -> ColumnElement[bool]:
    """Return the condition that *column* is one of *ids*."""
    if not isinstance(ids, BindParameter):
        ids = bindparam(None, list(ids), type_=Ids(), unique=True)
    return _Among(column, ids)


@compiles(_Among, "postgresql")
def _array(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, ids = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} = ANY ({ids})"


@compiles(_Among, "sqlite")
def _json(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, ids = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({ids}))"  # noqa: S608  # a parameter's name


class _Sifted(FunctionElement[UUID]):
    """A column that rows are checked by, and never looked for."""

    inherit_cache = True


def of_account(column: ColumnElement[UUID], account_id: UUID | BindParameter[UUID]) -> ColumnElement[bool]:
    """Return the condition that a row that was found by its id is the account's."""
    if not isinstance(account_id, BindParameter):
        account_id = literal(account_id, column.type)
    return _Sifted(column) == account_id


@compiles(_Sifted, "postgresql")
def _itself(element: _Sifted, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.clauses, **kw)


@compiles(_Sifted, "sqlite")
def _no_index(element: _Sifted, compiler: SQLCompiler, **kw: Any) -> str:
    # https://www.sqlite.org/optoverview.html, section "Disqualifying WHERE Clause Terms Using Unary +"
    return f"+{compiler.process(element.clauses, **kw)}"
