"""Reindexes texts whose search words were not made by the present rules.

It goes through a few at a time, each a transaction, so that it can be cut off and gone on with, and several may do it.
"""

from collections.abc import Sequence
from typing import Any

import structlog
from sqlalchemy import and_, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import tables
from app.db.engines import Database
from app.db.indexed import FOLDING, IndexedWords
from app.db.rows import CaseRow
from app.domain.folding import lexemes, reference_lexemes
from app.domain.model import SearchField

AT_ONCE = 500
REPORT_EVERY = 20  # times so many

log = structlog.get_logger()

_TEXT = tables.case_texts.c
_STALE = _TEXT.folding == 0


async def reindex(database: Database) -> int:
    """Make the words anew that have to be; return of how many texts."""
    async with database.read() as connection:
        total = await connection.scalar(select(func.count()).select_from(tables.case_texts).where(_STALE)) or 0
    done = batches = 0
    while done < total:
        async with database.write() as connection:
            count = await _reindex_some(connection)
        if count == 0:
            break
        done, batches = done + count, batches + 1
        if batches % REPORT_EVERY == 0 or done >= total > AT_ONCE:
            log.info("search_index", done=done, total=total)
    return done


async def _reindex_some(connection: AsyncConnection) -> int:
    """Make the words of the next few texts anew, apart from those that another process has locked."""
    rows = (await connection.execute(_texts())).all()
    if rows:
        statement = (
            update(tables.case_texts)
            .where(_TEXT.id == bindparam("text_id"))
            .values(words=bindparam("found_by", type_=_TEXT.words.type), folding=FOLDING)
        )
        await connection.execute(statement, [_made_anew(row) for row in rows])
    return len(rows)


def _texts() -> Any:
    cases, subjects, comments, documents = tables.cases.c, tables.subjects.c, tables.comments.c, tables.documents.c
    return (
        select(
            *(_TEXT.id, _TEXT.account_id, _TEXT.field),
            *(cases.number, cases.title, subjects.label, comments.body, documents.filename),
        )
        .outerjoin(tables.cases, cases.id == _TEXT.case_id)
        .outerjoin(tables.subjects, subjects.id == cases.subject_id)
        .outerjoin(tables.comments, and_(_TEXT.field == SearchField.COMMENT, comments.id == _TEXT.source_id))
        .outerjoin(tables.documents, and_(_TEXT.field == SearchField.DOCUMENT, documents.id == _TEXT.source_id))
        .where(_STALE)
        .order_by(_TEXT.id)
        .limit(AT_ONCE)
        .with_for_update(of=tables.case_texts, skip_locked=True)
    )


def _made_anew(row: Any) -> dict[str, Any]:
    text = {
        SearchField.TITLE: row.title,
        SearchField.SUBJECT: row.label,
        SearchField.COMMENT: row.body,
        SearchField.DOCUMENT: row.filename,
    }.get(row.field)
    found_by: Sequence[str] | set[str] = lexemes(text or "")
    if row.field is SearchField.REFERENCE and row.number is not None:
        found_by = reference_lexemes(CaseRow.reference_of(row.number))
    return {"text_id": row.id, "found_by": IndexedWords(row.account_id, found_by)}
