"""Documents: those of comments and of cases, one for a download, and those that are not attached yet."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from app.db import tables
from app.db.id_sets import among, of_account
from app.db.prepared import Prepared
from app.db.reader import Reader
from app.db.repository.placed import REQUESTED, many_each, placed
from app.db.repository.window import Window, count, first, grouped, in_order
from app.db.row_makers import columns, every, partial
from app.db.rows import DocumentRow

UNATTACHED_LIFETIME = timedelta(hours=24)

EVERY_DOCUMENT_COLUMN = every(DocumentRow)

_COLUMN = tables.documents.c
_DOCUMENT = columns(DocumentRow, tables.documents)


async def documents_by_id(connection: Reader, account_id: UUID, ids: Sequence[UUID]) -> list[DocumentRow | None]:
    """Return attached documents; one that is not attached yet is only its uploader's."""
    statement = select(*_DOCUMENT).where(
        of_account(_COLUMN.account_id, account_id), among(_COLUMN.id, ids), _COLUMN.comment_id.is_not(None)
    )
    return in_order(ids, (DocumentRow(*record) for record in await connection.execute(statement)))


@lru_cache(maxsize=100)
def _by_comment(names: frozenset[str]) -> Prepared:
    found = placed(_COLUMN.comment_id, tables.documents, (_COLUMN[name] for name in sorted(names)))
    return Prepared(found.order_by(REQUESTED.c.place, _COLUMN.position))


async def documents_by_comment(
    connection: Reader,
    account_id: UUID,
    comment_ids: Sequence[UUID],
    names: frozenset[str] = EVERY_DOCUMENT_COLUMN,
) -> list[list[DocumentRow]]:
    """Return for each comment its documents, in the order in which they were attached."""
    places, *found = await _by_comment(names).columns(connection, account_id=account_id, ids=comment_ids)
    return many_each(comment_ids, places, map(partial(DocumentRow, names), *found))


async def documents_by_case(
    connection: Reader, account_id: UUID, case_ids: Sequence[UUID], window: Window, until: int | None = None
) -> list[list[DocumentRow]]:
    """Return for each case the same *window* of its documents, newest first; the key is the id, which is by time.

    *until*: only those that had come by this row of the log.
    """
    rank = func.row_number().over(
        partition_by=_COLUMN.case_id, order_by=_COLUMN.id.asc() if window.backward else _COLUMN.id.desc()
    )
    ranked = select(*_DOCUMENT, rank.label("rank")).where(
        of_account(_COLUMN.account_id, account_id), among(_COLUMN.case_id, case_ids), *_by(until)
    )
    if window.after is not None:
        ranked = ranked.where(_COLUMN.id < window.after[0])
    if window.before is not None:
        ranked = ranked.where(_COLUMN.id > window.before[0])
    page = ranked.subquery()
    statement = (
        select(*columns(DocumentRow, page))
        .where(page.c.rank <= window.limit)
        .order_by(page.c.case_id, page.c.id.desc())
    )
    return grouped(case_ids, (DocumentRow(*record) for record in await connection.execute(statement)), "case_id")


def _by(until: int | None) -> Sequence[ColumnElement[bool]]:
    if until is None:
        return ()
    row = tables.case_actions.c
    return [select(row.id).where(row.comment_id == _COLUMN.comment_id, row.seq <= until).exists()]


async def document_counts(
    connection: Reader, account_id: UUID, case_ids: Sequence[UUID], until: int | None = None
) -> list[int]:
    statement = (
        select(_COLUMN.case_id, func.count())
        .where(of_account(_COLUMN.account_id, account_id), among(_COLUMN.case_id, case_ids), *_by(until))
        .group_by(_COLUMN.case_id)
    )
    counts: dict[UUID, int] = {record[0]: record[1] for record in await connection.execute(statement)}
    return [counts.get(case_id, 0) for case_id in case_ids]


async def visible_document(
    connection: Reader, account_id: UUID, user_id: UUID, document_id: UUID
) -> DocumentRow | None:
    """Return the document if the person may have it: it is attached, or their own."""
    statement = select(*_DOCUMENT).where(
        _COLUMN.account_id == account_id,
        _COLUMN.id == document_id,
        _COLUMN.comment_id.is_not(None) | (_COLUMN.uploader_id == user_id),
    )
    return await first(connection, statement, DocumentRow)


async def lock_unattached(
    connection: Reader, account_id: UUID, uploader_id: UUID, ids: Sequence[UUID], now: datetime
) -> list[DocumentRow | None]:
    """Return for each id the uploader's document that is still to be attached, locked, else None."""
    if not ids:
        return []
    statement = (
        select(*_DOCUMENT)
        .where(
            _COLUMN.account_id == account_id,
            _COLUMN.uploader_id == uploader_id,
            among(_COLUMN.id, ids),
            _COLUMN.comment_id.is_(None),
            _COLUMN.created_at >= now - UNATTACHED_LIFETIME,
        )
        .order_by(_COLUMN.id)
        .with_for_update()
    )
    return in_order(ids, (DocumentRow(*record) for record in await connection.execute(statement)))


async def unattached(connection: Reader, uploader_id: UUID, now: datetime) -> tuple[int, datetime | None]:
    """Return how many documents the person still may attach, and since when there is the oldest of them."""
    statement = select(func.count(), func.min(_COLUMN.created_at)).where(
        _COLUMN.uploader_id == uploader_id,
        _COLUMN.comment_id.is_(None),
        _COLUMN.created_at >= now - UNATTACHED_LIFETIME,
    )
    found = (await connection.execute(statement)).one()
    return found[0], found[1]


class StoredDocument(NamedTuple):
    """A document of any account, for those who look after the store."""

    account_id: UUID
    document: DocumentRow


async def stored_documents(connection: Reader, after: UUID | None, limit: int) -> list[StoredDocument]:
    """Return the next *limit* documents of all accounts that are not erased, in the order of their ids."""
    statement = select(_COLUMN.account_id, *_DOCUMENT).where(_COLUMN.erased_by_id.is_(None))
    statement = statement.order_by(_COLUMN.id).limit(limit)
    if after is not None:
        statement = statement.where(_COLUMN.id > after)
    return [StoredDocument(record[0], DocumentRow(*record[1:])) for record in await connection.execute(statement)]


async def known_ids(connection: Reader, ids: Sequence[UUID]) -> set[UUID]:
    """Return those of *ids* that are documents of any account."""
    return set((await connection.execute(select(_COLUMN.id).where(among(_COLUMN.id, ids)))).scalars())


async def document_count(connection: Reader) -> int:
    return await count(connection, tables.documents, [])
