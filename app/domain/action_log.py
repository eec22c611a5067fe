"""The action log's canonical encoding: what the hash of each row covers. `log_chain` verifies it.

Each row's hash covers what was done, by whom, to what, and the hash of the row before. A row with a seal covers too by
what authority that was done, and commitments to the words that came with it; an older row covers the words themselves.
It does not read rows: the database layer hands them over as `Entry`.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from app.domain.canonical_json import JsonObject, canonical_json
from app.domain.model import (
    ActionType,
    CaseStatus,
    EvaluationStatus,
    OverrideStatus,
    RequestedStatus,
    Resolution,
    SubjectType,
)

FORMAT = 1
"""The number of the encoding, itself encoded, so that a later one can stand beside it."""

FILES_FORMAT = 2
"""The encoding of a row without a seal that has documents: it has `files` too, where older rows have digests alone."""

SEALED_FORMAT = 2
"""The encoding of a row with a seal. It has `authority`, which no other row has, so that none passes for another."""

GENESIS = "0" * 64
"""The `prev_hash` of a case's first row."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What OPEN commits to beside the row itself."""

    number: int
    title: str | None
    description: str | None
    subject_id: UUID
    subject_type: SubjectType
    external_ref: str
    subject_status: EvaluationStatus


@dataclass(frozen=True, slots=True)
class FileContent:
    """What the log commits to of a document beside the digest of its bytes."""

    id: UUID
    uploader_id: UUID
    filename: str | None
    content_type: str
    size_bytes: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CommentContent:
    """A comment as the log commits to it.

    `documents` are the SHA-256 of what came with it, in order, `files` what else is known of each. What is
    erased is None.
    """

    id: UUID
    author_id: UUID
    body: str | None
    created_at: datetime
    documents: tuple[str | None, ...] = ()
    files: tuple[FileContent, ...] = ()


@dataclass(frozen=True, slots=True)
class OverrideContent:
    """An override as it stands after the action."""

    id: UUID
    creator_id: UUID
    subject_id: UUID
    requested_status: RequestedStatus
    subject_status_at_request: EvaluationStatus
    reviewer_ids: tuple[UUID, ...]
    status: OverrideStatus
    decided_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Seal:
    """What a row of format 2 has beside what it says: all of it stands in the row, and nothing of it is ever erased.

    `authority`: by what right it was done, see `actions.authority`. `commitments`: to what may be erased, see
    `domain.commitments`. `details`: what only some types of actions say.
    """

    authority: JsonObject
    commitments: JsonObject
    details: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a case's log with all that its hash covers; without a `seal`, it is a row of format 1."""

    account_id: UUID
    case_id: UUID
    seq: int
    type: ActionType
    user_id: UUID
    status_before: CaseStatus | None
    status_after: CaseStatus
    created_at: datetime
    request_id: str
    prev_hash: str
    opening: Opening | None = None
    comment: CommentContent | None = None
    override: OverrideContent | None = None
    resolution: Resolution | None = None
    seal: Seal | None = None


def canonical(entry: Entry) -> bytes:
    """Return *entry* as canonical JSON (RFC 8785): sorted keys, no white space, UTF-8.

    Only objects, arrays, strings, integers and null occur. Times are UTC with six decimals of a second, ids are in
    lower case.
    """
    if entry.seal is not None:
        return canonical_json(_sealed(entry, entry.seal)).encode()
    has_files = entry.comment is not None and entry.comment.files
    return canonical_json({"format": FILES_FORMAT if has_files else FORMAT, **_plain(entry)}).encode()


def chain_hash(entry: Entry) -> str:
    """Return the SHA-256 of the canonical *entry*, which names the hash before it: 64 hexadecimal digits."""
    return hashlib.sha256(canonical(entry)).hexdigest()


def _sealed(entry: Entry, seal: Seal) -> JsonObject:
    """Return a row of format 2: in the place of each text that may be erased stands a commitment.

    Member by member: each action makes one, and to look at what it is made of takes several times as long.
    """
    return {
        "format": SEALED_FORMAT,
        "account_id": str(entry.account_id),
        "case_id": str(entry.case_id),
        "seq": entry.seq,
        "type": entry.type,
        "user_id": str(entry.user_id),
        "status_before": entry.status_before,
        "status_after": entry.status_after,
        "created_at": time_text(entry.created_at),
        "request_id": entry.request_id,
        "prev_hash": entry.prev_hash,
        "opening": None if entry.opening is None else _without(_plain(entry.opening), "title", "description"),
        "comment": None if entry.comment is None else _sealed_comment(entry.comment),
        "override": None if entry.override is None else _plain(entry.override),
        "resolution": entry.resolution,
        "authority": seal.authority,
        "commitments": seal.commitments,
        "details": seal.details,
    }


def _sealed_comment(comment: CommentContent) -> JsonObject:
    return {
        "id": str(comment.id),
        "author_id": str(comment.author_id),
        "created_at": time_text(comment.created_at),
        "documents": [_without(_plain(file), "filename") for file in comment.files],
    }


def time_text(value: datetime) -> str:
    """Return a time as the log's rows have it."""
    return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _without(plain: JsonObject, *names: str) -> dict[str, object]:
    return {name: value for name, value in plain.items() if name not in names}


def _plain(record: object) -> dict[str, object]:
    slots: tuple[str, ...] = type(record).__slots__  # type: ignore[attr-defined]  # all records here are slotted
    plain = {name: _encoded(getattr(record, name)) for name in slots if name != "seal"}
    if plain.get("files") == []:  # as format 1 has it
        del plain["files"]
    return plain


def _encoded(value: object) -> object:
    match value:
        case None | str() | int():  # `json` writes a member of a string enum as the string
            return value
        case UUID():
            return str(value)
        case datetime():
            return time_text(value)
        case tuple():
            return [_encoded(item) for item in value]
        case _:
            return _plain(value)
