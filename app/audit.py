"""Verifying the logs: every case's rows are read with all that their hashes cover, and the first bad one is named.

It only reads, and repairs nothing.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.chain import entry_of
from app.db.engine import Database
from app.db.repository import cases, documents, log, overrides, people
from app.db.repository.window import Window
from app.db.rows import ActionRow, CaseRow, CommentRow, DocumentRow, OverrideRow, SubjectRow
from app.domain.log import Entry, Fault, Head, Link, verify

BATCH = 200
_WHOLE = Window(limit=2**31 - 1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the verifier says of one case; `fault` is None where its log is whole."""

    account_id: UUID
    case_id: UUID
    reference: str
    rows: int
    fault: Fault | None


async def verify_log(
    database: Database, account_id: UUID | None = None, case_id: UUID | None = None
) -> AsyncIterator[Verdict]:
    """Yield a verdict on each case: of one account, or of all; or on one case alone.

    The cases are read in batches, each in the order of their ids, so that memory stays flat.
    """
    async with database.read() as connection:
        accounts = [account.id for account in await people.accounts(connection)]
    for account in accounts if account_id is None else [account_id]:
        after: UUID | None = None
        while True:
            async with database.snapshot() as connection:
                ids = await log.case_ids(connection, account, after, BATCH) if case_id is None else [case_id]
                for verdict in await _verdicts(connection, account, ids):
                    yield verdict
            if len(ids) < BATCH:
                break
            after = ids[-1]


@dataclass(frozen=True, slots=True)
class _Rows:
    """What a batch's entries are put together from."""

    subjects: Mapping[UUID, SubjectRow]
    comments: Mapping[UUID, CommentRow]
    overrides: Mapping[UUID, OverrideRow]
    reviewers: Mapping[UUID, Sequence[UUID]]
    documents: Mapping[UUID, Sequence[DocumentRow]]


async def _verdicts(connection: AsyncConnection, account_id: UUID, ids: Sequence[UUID]) -> list[Verdict]:
    found = await cases.cases_by_id(connection, account_id, ids)
    logs = await log.actions_by_case(connection, account_id, ids, _WHOLE)
    made = await overrides.overrides_by_case(connection, account_id, ids)
    rows = await _rows(connection, account_id, found, logs, made)
    return [
        _verdict(account_id, id, case, actions[::-1], own, rows)
        for id, case, actions, own in zip(ids, found, logs, made, strict=True)
        if case is not None or actions
    ]


async def _rows(
    connection: AsyncConnection,
    account_id: UUID,
    found: Sequence[CaseRow | None],
    logs: Sequence[Sequence[ActionRow]],
    made: Sequence[Sequence[OverrideRow]],
) -> _Rows:
    subject_ids = [case.subject_id for case in found if case is not None]
    comment_ids = [action.comment_id for actions in logs for action in actions if action.comment_id is not None]
    override_rows = [override for own in made for override in own]
    override_ids = [override.id for override in override_rows]
    reviewers = await people.reviewers_by_override(connection, account_id, override_ids)
    subjects = await cases.subjects_by_id(connection, account_id, subject_ids)
    comments = await log.comments_by_id(connection, account_id, comment_ids)
    attached = await documents.documents_by_comment(connection, account_id, comment_ids)
    return _Rows(
        subjects={row.id: row for row in subjects if row is not None},
        comments={row.id: row for row in comments if row is not None},
        overrides={row.id: row for row in override_rows},
        reviewers={
            id: tuple(person.id for person in people) for id, people in zip(override_ids, reviewers, strict=True)
        },
        documents=dict(zip(comment_ids, attached, strict=True)),
    )


def _verdict(
    account_id: UUID,
    case_id: UUID,
    case: CaseRow | None,
    actions: Sequence[ActionRow],
    own: Sequence[OverrideRow],
    rows: _Rows,
) -> Verdict:
    subject = rows.subjects.get(case.subject_id) if case is not None else None
    if case is None or subject is None:
        return Verdict(
            account_id, case_id, "", len(actions), Fault(1, "the case's own row, or its subject, is missing")
        )
    links = [Link(_entry(account_id, action, case, subject, rows), action.hash) for action in actions]
    head = Head(case.action_count, case.head_hash, case.status, case.resolution, {row.id: row.status for row in own})
    return Verdict(account_id, case_id, case.reference, len(actions), verify(links, head))


def _entry(account_id: UUID, action: ActionRow, case: CaseRow, subject: SubjectRow, rows: _Rows) -> Entry:
    comment = rows.comments.get(action.comment_id) if action.comment_id else None
    override = rows.overrides.get(action.override_id) if action.override_id else None
    reviewer_ids = rows.reviewers[override.id] if override else ()
    attached = rows.documents[comment.id] if comment else ()
    return entry_of(account_id, action, case, subject, comment, override, reviewer_ids, attached)
