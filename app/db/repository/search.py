"""Searching cases: which have all the words, how well, and the text that says it best.

The words of a text carry its account, so that the index itself finds no other account's. The weight of a case follows
from its own texts alone: a measure like bm25 would tell how often a word occurs with others.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    Boolean,
    ColumnElement,
    Dialect,
    Subquery,
    Text,
    TypeDecorator,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    union_all,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from app.db import tables
from app.db.id_sets import among, of_account
from app.db.indexed import account_word
from app.db.reader import Reader
from app.db.rows import CaseRow
from app.domain.model import SearchField
from app.domain.search_words import Lexeme, Term

_TEXT = tables.case_texts.c
_WEIGHT = case(
    *((_TEXT.field == field, 2 ** (len(SearchField) - place)) for place, field in enumerate(SearchField, 1)), else_=0
)


class _Query(TypeDecorator[tuple[UUID, Term]]):
    """One word of one account, in the engine's own language of queries."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[UUID, Term] | None, dialect: Dialect) -> str | None:
        assert value is not None
        account_id, term = value
        if dialect.name == "postgresql":
            return f"'{account_word(account_id)}' & ({_joined(term, ' | ', ' & ', _of_tsquery)})"
        return f'account_id : "{account_id.hex}" AND ({_joined(term, " OR ", " AND ", _of_fts5)})'


def _joined(term: Term, any_: str, all_: str, written: Callable[[Lexeme], str]) -> str:
    """Return the options of *term* as they are written, joined by the engine's words for any and for all."""
    return any_.join(f"({all_.join(map(written, option))})" for option in term.options)


def _of_tsquery(lexeme: Lexeme) -> str:
    return f"'{lexeme.text}':*" if lexeme.is_prefix else f"'{lexeme.text}'"


def _of_fts5(lexeme: Lexeme) -> str:
    return f'words : "{lexeme.text}" *' if lexeme.is_prefix else f'words : "{lexeme.text}"'


class _Matches(FunctionElement[bool]):
    inherit_cache = True
    type = Boolean()
    _is_implicitly_boolean = True


@compiles(_Matches, "postgresql")
def _tsvector(element: _Matches, compiler: SQLCompiler, **kw: object) -> str:
    # A subquery, so that the planner does not see the words: it takes the beginning of one for that of very many, and
    # would rather read all texts of a large account than the index.
    _, words, query = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{words} @@ (SELECT CAST({query} AS tsquery))"  # a parameter's name


@compiles(_Matches, "sqlite")
def _fts5(element: _Matches, compiler: SQLCompiler, **kw: object) -> str:
    id_, _, query = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{id_} IN (SELECT rowid FROM case_words WHERE case_words MATCH {query})"  # noqa: S608  # a parameter's name


def _matches(account_id: UUID | BindParameter[UUID], term: Term) -> ColumnElement[bool]:
    query = bindparam(None, (account_id, term), type_=_Query(), unique=True)
    return and_(_TEXT.account_id == account_id, _Matches(_TEXT.id, _TEXT.words, query))


def found(account_id: UUID | BindParameter[UUID], terms: Sequence[Term]) -> Subquery:
    """Return the account's cases that have all *terms*, with the sum of what each weighs where it weighs most."""
    each = [
        select(_TEXT.case_id, func.max(_WEIGHT).label("weight"))
        .where(_matches(account_id, term))
        .group_by(_TEXT.case_id)
        for term in terms
    ]
    hits = union_all(*each).subquery()
    return (
        select(hits.c.case_id, func.sum(hits.c.weight).label("score"))
        .group_by(hits.c.case_id)
        .having(func.count() == len(terms))
        .subquery("found")
    )


class Match(NamedTuple):
    """A text in which something was found."""

    field: SearchField
    text: str


async def matches_by_case(
    connection: Reader, account_id: UUID, case_ids: Sequence[UUID], terms: tuple[Term, ...]
) -> list[Match | None]:
    """Return for each case the text that weighs most of those with any of *terms*, the first one among equals."""
    rank = func.row_number().over(partition_by=_TEXT.case_id, order_by=(_WEIGHT.desc(), _TEXT.source_id))
    ranked = select(_TEXT.case_id, _TEXT.field, _TEXT.source_id, rank.label("rank")).where(
        of_account(_TEXT.account_id, account_id),
        among(_TEXT.case_id, case_ids),
        or_(*(_matches(account_id, term) for term in terms)),
    )
    best = ranked.subquery("best")
    cases, subjects, comments, documents = tables.cases.c, tables.subjects.c, tables.comments.c, tables.documents.c
    statement = (
        select(
            best.c.case_id, best.c.field, cases.number, cases.title, subjects.label, comments.body, documents.filename
        )
        .join(tables.cases, cases.id == best.c.case_id)
        .join(tables.subjects, subjects.id == cases.subject_id)
        .outerjoin(tables.comments, and_(best.c.field == SearchField.COMMENT, comments.id == best.c.source_id))
        .outerjoin(tables.documents, and_(best.c.field == SearchField.DOCUMENT, documents.id == best.c.source_id))
        .where(best.c.rank == 1)
    )
    matches: dict[UUID, Match] = {}
    for case_id, field, number, title, label, body, filename in await connection.execute(statement):
        texts = {
            SearchField.REFERENCE: CaseRow.reference_of(number),
            SearchField.TITLE: title,
            SearchField.SUBJECT: label,
            SearchField.COMMENT: body,
            SearchField.DOCUMENT: filename,
        }
        matches[case_id] = Match(field, texts[field])
    return [matches.get(case_id) for case_id in case_ids]
