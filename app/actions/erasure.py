"""Erasing content of a case, and legal holds: what is checked under the lock, and what is written.

A text goes with its salt, the words that find it, and the fingerprint of the request that brought it, in the
transaction of the row that says so. A document's bytes are deleted after that, by `app.documents.erasures`.
"""

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from app.actions.draft import Draft
from app.db.erasing import Erasable, erasable_comments, erasable_documents, erasures, has_unsealed_text
from app.db.reader import Reader
from app.db.rows import CaseRow
from app.domain.action_log import SEALED_FORMAT
from app.domain.commands import EraseContent, SetLegalHold
from app.domain.erasure import erasure_details, hold_details
from app.domain.errors import Detail, Erased, InputRefused, InvalidInput, NotFound, Refusal
from app.domain.model import CaseStatus, Resource


async def demand_erasable(connection: Reader, account_id: UUID, command: EraseContent, case: CaseRow) -> None:
    """Refuse what is not there, what is erased, and what cannot be erased. Raises: InputRefused."""
    if command.everything:
        await _demand_whole_erasable(connection, command, case)
        return
    comments = await erasable_comments(connection, account_id, case.id, command.comment_ids)
    documents = await erasable_documents(connection, account_id, case.id, command.document_ids)
    refusals = [
        *_refusals("commentIds", command.comment_ids, comments, Resource.COMMENT),
        *_refusals("documentIds", command.document_ids, documents, Resource.DOCUMENT),
    ]
    if refusals:
        raise InputRefused(refusals)


def _refusals(name: str, ids: Sequence[UUID], found: Sequence[Erasable], resource: Resource) -> list[Refusal]:
    known = {item.id: item for item in found}
    refusals: list[Refusal] = []
    for index, id in enumerate(ids):
        path, item = ("input", name, str(index)), known.get(id)
        if item is None:
            refusals.append(NotFound(*path, resource=resource))
        elif item.erased_by_id is not None:
            refusals.append(Erased(*path))
        elif item.format < SEALED_FORMAT:
            refusals.append(InvalidInput(*path, detail=Detail("row_covers_text")))
    return refusals


async def _demand_whole_erasable(connection: Reader, command: EraseContent, case: CaseRow) -> None:
    path = ("input", "everything")
    if case.status is not CaseStatus.CLOSED:
        raise InputRefused([InvalidInput(*path, detail=Detail("case_not_closed"))])
    if case.erased_by_id is not None:
        raise InputRefused([Erased(*path)])
    if await has_unsealed_text(connection, command.case_id):
        raise InputRefused([InvalidInput(*path, detail=Detail("row_covers_text"))])


def erase_content(draft: Draft) -> None:
    """Take the texts away, each with its salt, and leave the row of the log that says so."""
    command = draft.command
    assert isinstance(command, EraseContent)
    draft.details = erasure_details(command)
    if command.everything:
        draft.case = replace(
            draft.case,
            title=None,
            title_salt=None,
            description=None,
            description_salt=None,
            erased_by_id=draft.action_id,
        )
    draft.writes.extend(
        erasures(
            draft.case.id,
            draft.action_id,
            command.comment_ids,
            command.document_ids,
            everything=command.everything,
        )
    )


def set_legal_hold(draft: Draft) -> None:
    """Hold the case's content by the row of the log that says so, or hold it no longer."""
    command = draft.command
    assert isinstance(command, SetLegalHold)
    draft.details = hold_details(command)
    draft.case = replace(draft.case, held_by_id=draft.action_id if command.held else None)
