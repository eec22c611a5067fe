"""The action log's canonical encoding, its hash chain, and the verifier that names the first bad row.

Each row's hash covers what was done, by whom, to what, the words that came with it, and the hash of the row before. It
does not read rows: the database layer hands them over as `Entry`.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

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

GENESIS = "0" * 64
"""The `prev_hash` of a case's first row."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What OPEN commits to beside the row itself."""

    number: int
    title: str
    description: str | None
    subject_id: UUID
    subject_type: SubjectType
    external_ref: str
    subject_status: EvaluationStatus


@dataclass(frozen=True, slots=True)
class CommentContent:
    """A comment as the log commits to it; `documents` are the SHA-256 of what came with it, in order."""

    id: UUID
    author_id: UUID
    body: str
    created_at: datetime
    documents: tuple[str, ...] = ()


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
class Entry:
    """One row of a case's log with all that its hash covers."""

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


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as it was found, with the hash that is stored beside it."""

    entry: Entry
    hash: str


@dataclass(frozen=True, slots=True)
class Head:
    """What the rows of the case and of its overrides say that the log must say too."""

    action_count: int
    head_hash: str
    status: CaseStatus
    resolution: Resolution | None
    overrides: Mapping[UUID, OverrideStatus]


@dataclass(frozen=True, slots=True)
class Fault:
    """The first row that is not as it was written."""

    seq: int
    reason: str


def canonical(entry: Entry) -> bytes:
    """Return *entry* as canonical JSON (RFC 8785): sorted keys, no white space, UTF-8.

    Only objects, arrays, strings, integers and null occur, so that `json` yields the canonical form. Times are UTC with
    six decimals of a second, ids are in lower case.
    """
    document = {"format": FORMAT, **_plain(entry)}
    return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def chain_hash(entry: Entry) -> str:
    """Return the SHA-256 of the canonical *entry*, which names the hash before it: 64 hexadecimal digits."""
    return hashlib.sha256(canonical(entry)).hexdigest()


def _plain(record: object) -> dict[str, object]:
    slots: tuple[str, ...] = type(record).__slots__  # type: ignore[attr-defined]  # all records here are slotted
    return {name: _encoded(getattr(record, name)) for name in slots}


def _encoded(value: object) -> object:
    match value:
        case None | int():
            return value
        case str():
            return str(value)
        case UUID():
            return str(value)
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case tuple():
            return [_encoded(item) for item in value]
        case _:
            return _plain(value)


def verify(links: Iterable[Link], head: Head) -> Fault | None:
    """Return the first fault of one case's log, or None. *links* come in the order of seq.

    It finds rows that were changed, deleted, reordered, added or moved from another case, and a case whose row does
    not agree with its log. It cannot find a whole log, with its case, that was written anew from some row on: for that,
    keep a head hash somewhere else.
    """
    entries: list[Entry] = []
    prev_hash, status = GENESIS, None
    for link in links:
        fault = _fault(link, len(entries) + 1, prev_hash, status)
        if fault is not None:
            return fault
        entries.append(link.entry)
        prev_hash, status = link.hash, link.entry.status_after
    return _head_fault(entries, prev_hash, head)


def _head_fault(entries: Sequence[Entry], last_hash: str, head: Head) -> Fault | None:
    count = len(entries)
    if not entries or head.action_count != count:
        first = max(min(count, head.action_count) + 1, 1)
        return Fault(first, f"the case counts {head.action_count} rows, the log has {count}")
    if head.head_hash != last_hash:
        return Fault(count, "the case's head hash is another")
    status, overrides = fold(entries)
    if head.status is not status or head.resolution is not entries[-1].resolution:
        return Fault(count, f"the case is {head.status} ({head.resolution}), which the log does not say")
    for entry in entries:
        if entry.override is not None and head.overrides.get(entry.override.id) is not overrides[entry.override.id]:
            return Fault(entry.seq, "its override has a status that the log does not say")
    if len(head.overrides) != len(overrides):
        return Fault(count, "there is an override that the log does not know")
    return None


def _fault(link: Link, expected: int, prev_hash: str, status: CaseStatus | None) -> Fault | None:
    entry = link.entry
    if entry.seq != expected:
        return Fault(min(expected, entry.seq), f"seq {expected} is missing")
    if entry.prev_hash != prev_hash:
        return Fault(expected, "it does not follow the row before it")
    if entry.status_before is not status:
        return Fault(expected, "it does not start from the status before it")
    if chain_hash(entry) != link.hash:
        return Fault(expected, "its content does not give its hash")
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
