"""The statements of an erasure: what it looks at beforehand, and what it writes, whatever the number of texts."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Executable, bindparam, delete, insert, or_, select, union_all, update
from sqlalchemy import Uuid as UuidType

from app.db import tables
from app.db.id_sets import Ids, among
from app.db.prepared import Prepared, Write
from app.db.reader import Reader
from app.domain.action_log import SEALED_FORMAT
from app.domain.model import ActionType, SearchField

ERASED_FINGERPRINT = ""
"""What is left of a request's fingerprint, by which its words could be guessed."""

_CASE = bindparam("erased_case", type_=UuidType())
_ACTION = bindparam("erased_by", type_=UuidType())
_COMMENTS = bindparam("erased_comments", type_=Ids())
_DOCUMENTS = bindparam("erased_documents", type_=Ids())
_ROW, _COMMENT, _DOCUMENT = tables.case_actions.c, tables.comments.c, tables.documents.c
_TEXTS = {SearchField.TITLE, SearchField.COMMENT, SearchField.DOCUMENT}


class Erasable(NamedTuple):
    """A comment or a document of a case, as far as an erasure has to know it."""

    id: UUID
    erased_by_id: UUID | None
    format: int


async def erasable_comments(connection: Reader, account_id: UUID, case_id: UUID, ids: Sequence[UUID]) -> list[Erasable]:
    """Return those of *ids* that are comments of the case."""
    statement = (
        select(_COMMENT.id, _COMMENT.erased_by_id, _ROW.format)
        .join(tables.case_actions, _ROW.comment_id == _COMMENT.id)
        .where(_COMMENT.account_id == account_id, _COMMENT.case_id == case_id, among(_COMMENT.id, ids))
    )
    return [Erasable(*record) for record in await connection.execute(statement)]


async def erasable_documents(
    connection: Reader, account_id: UUID, case_id: UUID, ids: Sequence[UUID]
) -> list[Erasable]:
    """Return those of *ids* that are documents of the case."""
    statement = (
        select(_DOCUMENT.id, _DOCUMENT.erased_by_id, _ROW.format)
        .join(tables.case_actions, _ROW.comment_id == _DOCUMENT.comment_id)
        .where(_DOCUMENT.account_id == account_id, _DOCUMENT.case_id == case_id, among(_DOCUMENT.id, ids))
    )
    return [Erasable(*record) for record in await connection.execute(statement)]


async def has_unsealed_text(connection: Reader, case_id: UUID) -> bool:
    """Tell whether a row of the case covers texts themselves, so that none could go without the row seeming forged."""
    found = await connection.scalar(
        select(_ROW.seq)
        .where(_ROW.case_id == case_id, _ROW.format < SEALED_FORMAT)
        .where(or_(_ROW.comment_id.is_not(None), _ROW.type == ActionType.OPEN))
        .limit(1)
    )
    return found is not None


def erasures(
    case_id: UUID, action_id: UUID, comment_ids: Sequence[UUID], document_ids: Sequence[UUID], *, everything: bool
) -> Iterator[Write]:
    """Yield what erases these texts of a case, or all of its comments and documents, by the row *action_id*."""
    values: dict[str, Any] = {"erased_case": case_id, "erased_by": action_id}
    if not everything:
        values |= {"erased_comments": list(comment_ids), "erased_documents": list(document_ids)}
    for statement in _EVERYTHING if everything else _NAMED:
        yield Write(statement, None, values)


def _statements(*, everything: bool) -> Sequence[Prepared]:
    def which(column: ColumnElement[UUID], ids: Any) -> tuple[ColumnElement[bool], ...]:
        return () if everything else (among(column, ids),)

    comment = (_COMMENT.case_id == _CASE, _COMMENT.erased_by_id.is_(None), *which(_COMMENT.id, _COMMENTS))
    document = (_DOCUMENT.case_id == _CASE, _DOCUMENT.erased_by_id.is_(None), *which(_DOCUMENT.id, _DOCUMENTS))
    words = tables.case_texts.c
    found_by = [words.case_id == _CASE]
    if everything:
        found_by.append(or_(*(words.field == field for field in sorted(_TEXTS))))
    else:
        found_by.append(or_(among(words.source_id, _COMMENTS), among(words.source_id, _DOCUMENTS)))
    account = tables.case_bank_accounts
    of_whole = [delete(account).where(account.c.case_id == _CASE)] if everything else []
    return [
        Prepared(statement)
        for statement in (
            *of_whole,
            # Before the documents lose their place among those that are not erased.
            _noted(document),
            delete(tables.case_texts).where(*found_by),
            _forgotten_requests(everything=everything),
            update(tables.comments).where(*comment).values(body=None, salt=None, erased_by_id=_ACTION),
            update(tables.documents)
            .where(*document)
            .values(filename=None, sha256=None, filename_salt=None, content_salt=None, erased_by_id=_ACTION),
        )
    ]


def _noted(document: Sequence[ColumnElement[bool]]) -> Executable:
    """Return what notes down that the erasure, and the bytes of its documents, are to be finished."""
    gone = select(_DOCUMENT.id, _DOCUMENT.account_id).where(*document)
    # Not from the log: in the one statement that all writes are on PostgreSQL, its new row is not to be seen.
    row = select(_ACTION, tables.cases.c.account_id).where(tables.cases.c.id == _CASE)
    return insert(tables.unfinished_erasures).from_select(["id", "account_id"], union_all(gone, row))


async def unfinished_erasures(connection: Reader, after: UUID | None, limit: int) -> list[tuple[UUID, UUID]]:
    """Return account and id of what is still to be done *after* an id: see the table."""
    column = tables.unfinished_erasures.c
    statement = select(column.account_id, column.id).order_by(column.id).limit(limit)
    if after is not None:
        statement = statement.where(column.id > after)
    return [(record[0], record[1]) for record in await connection.execute(statement)]


def _forgotten_requests(*, everything: bool) -> Executable:
    """Return what leaves nothing in the idempotency records by which the words of a request could be guessed."""
    rows = select(_ROW.id).where(_ROW.case_id == _CASE, _ROW.id != _ACTION)
    if not everything:
        whose = select(_DOCUMENT.comment_id).where(among(_DOCUMENT.id, _DOCUMENTS))
        rows = rows.where(or_(among(_ROW.comment_id, _COMMENTS), _ROW.comment_id.in_(whose)))
    record = tables.idempotency_records
    return update(record).where(record.c.action_id.in_(rows)).values(fingerprint=ERASED_FINGERPRINT)


_NAMED, _EVERYTHING = _statements(everything=False), _statements(everything=True)
