"""Rows of the log with all that their hashes cover, as they are found, good or bad."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.db.chain import contents_of, entry_of
from app.db.reader import Reader
from app.db.repository import cases, documents, log, overrides
from app.db.repository.log_tail import namings_of
from app.db.rows import ActionRow, CaseRow, CommentRow, DocumentRow, OverrideRow, SubjectRow
from app.domain.commitments import DESCRIPTION
from app.domain.log_chain import ChainedEntry


@dataclass(frozen=True, slots=True)
class EntryParts:
    """What the entries of some rows are put together from."""

    comments: Mapping[UUID, CommentRow | None]
    overrides: Mapping[UUID, OverrideRow | None]
    reviewers: Mapping[UUID, Mapping[int, Sequence[UUID]]]
    documents: Mapping[UUID, Sequence[DocumentRow]]

    def link(
        self, account_id: UUID, action: ActionRow, case: CaseRow | None, subject: SubjectRow | None, naming: int
    ) -> ChainedEntry | None:
        """Return a row's entry; None where its case or subject is missing.

        *naming*: how often the reviewers of its override were named up to it. A naming makes a version of the override,
        the first one the first.
        """
        if case is None or subject is None:
            return None
        comment = self.comments[action.comment_id] if action.comment_id else None
        override = self.overrides[action.override_id] if action.override_id else None
        reviewer_ids = self.reviewers[override.id].get(naming, ()) if override else ()
        attached = self.documents[comment.id] if comment else ()
        entry = entry_of(account_id, action, case, subject, comment, override, reviewer_ids, attached)
        contents = contents_of(action.type, case, comment, attached)
        if entry.seal is None:  # it covers its texts themselves, and none of them can be erased
            return ChainedEntry(entry, action.hash, tuple(item for item in contents if item.erased_by is not None))
        if DESCRIPTION.name not in entry.seal.commitments:  # of an erased case nothing else tells whether it had one
            contents = tuple(item for item in contents if item.place != DESCRIPTION or not item.is_missing)
        return ChainedEntry(entry, action.hash, contents, action.id)


async def entry_parts(connection: Reader, account_id: UUID, actions: Sequence[ActionRow]) -> EntryParts:
    """Return the parts of these rows' entries."""
    comment_ids = [action.comment_id for action in actions if action.comment_id is not None]
    override_ids = list({action.override_id for action in actions if action.override_id is not None})
    made = await overrides.overrides_by_id(connection, account_id, override_ids)
    reviewers = await overrides.reviewer_ids_by_version(connection, account_id, override_ids)
    comments = await log.comments_by_id(connection, account_id, comment_ids)
    attached = await documents.documents_by_comment(connection, account_id, comment_ids)
    return EntryParts(
        comments=dict(zip(comment_ids, comments, strict=True)),
        overrides=dict(zip(override_ids, made, strict=True)),
        reviewers=dict(zip(override_ids, reviewers, strict=True)),
        documents=dict(zip(comment_ids, attached, strict=True)),
    )


async def links_of(connection: Reader, account_id: UUID, actions: Sequence[ActionRow]) -> list[ChainedEntry | None]:
    """Return each of these rows of any cases with all that its hash covers; None where its case is missing."""
    case_ids = list({action.case_id for action in actions})
    found = dict(zip(case_ids, await cases.cases_by_id(connection, account_id, case_ids), strict=True))
    subject_ids = [case.subject_id for case in found.values() if case is not None]
    subjects = dict(zip(subject_ids, await cases.subjects_by_id(connection, account_id, subject_ids), strict=True))
    parts = await entry_parts(connection, account_id, actions)
    namings = await namings_of(connection, case_ids)

    def link(action: ActionRow) -> ChainedEntry | None:
        case = found[action.case_id]
        subject = None if case is None else subjects[case.subject_id]
        seqs = namings.get(action.override_id, ()) if action.override_id else ()
        return parts.link(account_id, action, case, subject, bisect_right(seqs, action.seq))

    return list(map(link, actions))
