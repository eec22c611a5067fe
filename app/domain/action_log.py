"""The action log's canonical encoding, its hash chain, and the verifier that names the first bad row.

Each row's hash covers what was done, by whom, to what, and the hash of the row before. A row with a seal covers too by
what authority that was done, and commitments to the words that came with it; an older row covers the words themselves.
It does not read rows: the database layer hands them over as `Entry`.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from app.domain.canonical_json import JsonObject, canonical_json
from app.domain.commitments import ErasableContent, content_fault
from app.domain.erasure import Erasures
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


@dataclass(frozen=True, slots=True)
class ChainedEntry:
    """An entry as it was found, with the hash that is stored beside it, and what of it may be erased.

    `row_id`: the row's own id, by which what was erased names it.
    """

    entry: Entry
    hash: str
    contents: tuple[ErasableContent, ...] = ()
    row_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """What the rows of the case and of its overrides say that the log must say too."""

    action_count: int
    head_hash: str
    status: CaseStatus
    resolution: Resolution | None
    overrides: Mapping[UUID, OverrideStatus]


class FaultKind(StrEnum):
    """In what way a row is not as it was written."""

    CONTENT = "content"
    """Its hash, or what the case and its overrides say, is not that of what it says."""
    LINK = "link"
    """It does not follow the row before it, or the case does not end with it."""
    GAP = "gap"
    """It is missing, and later ones are there."""
    TRUNCATED = "truncated"
    """It is missing, and so are all later ones."""
    REWRITTEN = "rewritten"
    """It is whole, and another one than was anchored."""
    STATE = "state"
    """It is whole, but what is shown of the case, an override or the subject does not follow from it."""
    UNLOGGED = "unlogged"
    """Something is there that no row has: a comment, a document, an override. Its seq is 0."""
    UNANCHORED = "unanchored"
    """It is older than the last anchor, and no anchor holds it."""
    POSITION = "position"
    """Its place in the whole log can't be."""


@dataclass(frozen=True, slots=True)
class Fault:
    """The first row that is not as it was written."""

    seq: int
    kind: FaultKind
    reason: str


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


def as_hashed(link: ChainedEntry) -> Entry | None:
    """Return the link's entry in the format that gives its hash, None where none does."""
    entry = link.entry
    if chain_hash(entry) == link.hash:
        return entry
    if entry.seal is not None or entry.comment is None or not entry.comment.files:
        return None
    older = replace(entry, comment=replace(entry.comment, files=()))
    return older if chain_hash(older) == link.hash else None


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
        "created_at": _time(entry.created_at),
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
        "created_at": _time(comment.created_at),
        "documents": [_without(_plain(file), "filename") for file in comment.files],
    }


def _time(value: datetime) -> str:
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
            return _time(value)
        case tuple():
            return [_encoded(item) for item in value]
        case _:
            return _plain(value)


def verify(links: Iterable[ChainedEntry], head: Head) -> Fault | None:
    """Return the first fault of one case's log, or None. *links* come in the order of seq."""
    chain = Chain()
    for link in links:
        chain.add(link)
    return chain.end(head)


class Chain:
    """One case's log as it is verified, row by row; it keeps no row.

    It finds rows that were changed, deleted, reordered, added or moved from another case, and a case whose row does
    not agree with its log. It cannot find that a log and its case were written anew from some row on, or cut off there:
    for that, keep its hashes somewhere else.
    """

    def __init__(self) -> None:
        self.count = 0
        self.fault: Fault | None = None
        self.nameless = 0
        """Documents of which the rows know the bytes alone."""
        self._hash = GENESIS
        self._status: CaseStatus | None = None
        self._resolution: Resolution | None = None
        self._overrides: dict[UUID, tuple[int, OverrideStatus]] = {}  # by its id: the row that made it, how it stands
        self._erasures = Erasures()

    def add(self, link: ChainedEntry) -> None:
        """Take the next row. After a bad one, rows are counted only."""
        entry = link.entry
        self.count += 1
        self.fault = self.fault or self._link_fault(link)
        self._hash, self._status, self._resolution = link.hash, entry.status_after, entry.resolution
        if entry.override is not None:
            made_by, _ = self._overrides.get(entry.override.id, (entry.seq, None))
            self._overrides[entry.override.id] = made_by, entry.override.status

    def end(self, head: Head) -> Fault | None:
        """Return the first fault, of the rows or of what the case and its overrides say of them."""
        return self.fault or self._unexplained() or self._head_fault(head)

    def _unexplained(self) -> Fault | None:
        seq = self._erasures.unexplained()
        return None if seq is None else Fault(seq, FaultKind.CONTENT, "what is missing of it was erased by no row")

    def _link_fault(self, link: ChainedEntry) -> Fault | None:
        entry = link.entry
        if entry.seq != self.count:
            kind = FaultKind.GAP if entry.seq > self.count else FaultKind.LINK
            return Fault(min(self.count, entry.seq), kind, f"seq {self.count} is missing")
        if entry.prev_hash != self._hash:
            return Fault(self.count, FaultKind.LINK, "it does not follow the row before it")
        if entry.status_before is not self._status:
            return Fault(self.count, FaultKind.LINK, "it does not start from the status before it")
        hashed = as_hashed(link)
        if hashed is None:
            return Fault(self.count, FaultKind.CONTENT, "its content does not give its hash")
        if hashed is not entry and hashed.comment is not None:
            self.nameless += len(hashed.comment.documents)
        if any(content.erased_by is not None and not content.is_missing for content in link.contents):
            return Fault(self.count, FaultKind.CONTENT, "what is there of it is shown as erased")
        return None if entry.seal is None else self._content_fault(link, entry.seal)

    def _content_fault(self, link: ChainedEntry, seal: Seal) -> Fault | None:
        """Return what is wrong with the texts of a row, or with what it says that it erased."""
        reason = content_fault(seal.commitments, link.contents)
        if reason is not None:
            return Fault(self.count, FaultKind.CONTENT, reason)
        self._erasures.note(self.count, link.contents)
        if link.entry.type is not ActionType.REDACT:
            return None
        undone = self._erasures.explain(seal.details, link.row_id)
        if undone is None:
            return None
        return Fault(undone or self.count, FaultKind.CONTENT, f"what row {self.count} says that it erased is there")

    def _head_fault(self, head: Head) -> Fault | None:
        count = self.count
        if not count or head.action_count != count:
            first = max(min(count, head.action_count) + 1, 1)
            kind = FaultKind.LINK if count > head.action_count else FaultKind.TRUNCATED
            return Fault(first, kind, f"the case counts {head.action_count} rows, the log has {count}")
        if head.head_hash != self._hash:
            return Fault(count, FaultKind.LINK, "the case's head hash is another")
        if head.status is not self._status or head.resolution is not self._resolution:
            said = f"the case is {head.status} ({head.resolution}), which the log does not say"
            return Fault(count, FaultKind.CONTENT, said)
        for id, (made_by, status) in self._overrides.items():
            if head.overrides.get(id) is not status:
                return Fault(made_by, FaultKind.CONTENT, "its override has a status that the log does not say")
        if len(head.overrides) != len(self._overrides):
            return Fault(count, FaultKind.CONTENT, "there is an override that the log does not know")
        return None


def fold(entries: Iterable[Entry]) -> tuple[CaseStatus | None, Mapping[UUID, OverrideStatus]]:
    """Return the case's status and its overrides' statuses as the log alone gives them, from empty."""
    status: CaseStatus | None = None
    overrides: dict[UUID, OverrideStatus] = {}
    for entry in entries:
        status = entry.status_after
        if entry.override is not None:
            overrides[entry.override.id] = entry.override.status
    return status, overrides
