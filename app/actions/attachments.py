"""Attaching: an action's documents become part of its comment, in its transaction, once and for good.

Where the bytes are is `app.documents`'s: they were there before the transaction began.
"""

from dataclasses import replace
from datetime import datetime

from app.actions.draft import Draft, new_salt
from app.db import tables
from app.db.reader import Reader
from app.db.repository import documents
from app.db.rows import CommentRow, DocumentRow
from app.domain.commands import DocumentedCommand
from app.domain.errors import DocumentUnavailable, Refusal
from app.domain.facts import Actor
from app.domain.folding import lexemes
from app.domain.model import SearchField


async def find_documents(
    connection: Reader, actor: Actor, command: DocumentedCommand, now: datetime
) -> tuple[tuple[DocumentRow, ...], list[Refusal]]:
    """Return the command's documents in order: those named, locked, and those that came along; and what is wrong."""
    named = await documents.lock_unattached(connection, actor.account_id, actor.user_id, command.document_ids, now)
    refusals: list[Refusal] = [
        DocumentUnavailable("input", "documentIds", str(index), id=document_id)
        for index, (document_id, row) in enumerate(zip(command.document_ids, named, strict=True))
        if row is None
    ]
    brought = [
        DocumentRow(
            id=document.id,
            uploader_id=actor.user_id,
            filename=document.filename,
            content_type=document.content_type,
            size_bytes=document.size_bytes,
            sha256=document.sha256,
            warnings=document.warnings,
            created_at=now,
        )
        for document in command.new_documents
    ]
    found = (*(row for row in named if row is not None), *brought)
    return tuple(replace(row, filename_salt=new_salt(), content_salt=new_salt()) for row in found), refusals


def attach(draft: Draft, comment: CommentRow) -> tuple[DocumentRow, ...]:
    """Write the draft's documents as part of *comment*, and return them as they are from now on."""
    attached = tuple(
        replace(document, comment_id=comment.id, case_id=draft.case.id, position=position)
        for position, document in enumerate(draft.documents)
    )
    brought = {document.id for document in getattr(draft.command, "new_documents", ())}
    new = [document for document in attached if document.id in brought]
    named = [document for document in attached if document.id not in brought]
    for document in attached:
        draft.index(SearchField.DOCUMENT, document.id, lexemes(document.filename or ""))
    draft.insert(tables.documents, *new)
    for document in named:
        place = {"comment_id": comment.id, "case_id": draft.case.id, "position": document.position}
        salts = {"filename_salt": document.filename_salt, "content_salt": document.content_salt}
        draft.update(tables.documents, document.id, **place, **salts)
    return attached
