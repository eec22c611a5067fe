"""The column of the words that a text is found by: a tsvector on PostgreSQL, on SQLite the text that FTS5 indexes.

Words are made by `app.domain.folding`; here is how they get into either engine.
"""

from collections.abc import Collection
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Dialect, Text, TypeDecorator, type_coerce
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

FOLDING = 1
"""The number of the rules by which words are made now; 0 is for those that the database has made by itself."""


class IndexedWords(NamedTuple):
    """The words of one text, and whose it is: PostgreSQL's index finds no other account's."""

    account_id: UUID
    words: Collection[str]


def account_word(account_id: UUID) -> str:
    """Return the word that all texts of an account have on PostgreSQL."""
    return f"@{account_id.hex}"


class _WordList(TypeDecorator[IndexedWords]):
    """Words on their way into the database, with spaces between: asyncpg looks at each member of an array twice."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: IndexedWords | None, dialect: Dialect) -> str:
        assert value is not None
        own = [account_word(value.account_id)] if dialect.name == "postgresql" else []
        return " ".join([*own, *sorted(value.words)])


class _AsStored(FunctionElement[Any]):
    """What the column keeps of a list of words."""

    inherit_cache = True


@compiles(_AsStored, "postgresql")
def _as_tsvector(element: _AsStored, compiler: SQLCompiler, **kw: object) -> str:
    return f"array_to_tsvector(string_to_array({compiler.process(element.clauses, **kw)}, ' '))"


@compiles(_AsStored, "sqlite")
def _as_text(element: _AsStored, compiler: SQLCompiler, **kw: object) -> str:
    return compiler.process(element.clauses, **kw)


class WordsColumn(TypeDecorator[IndexedWords]):
    """The type of the column."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        return dialect.type_descriptor(TSVECTOR() if dialect.name == "postgresql" else Text())

    def bind_expression(self, bindvalue: object) -> Any:
        return _AsStored(type_coerce(bindvalue, _WordList()))
