"""The verifier of a case's log: follows its chain of hashes row by row, and names the first bad row.

It does not read rows: the database layer hands them over as `ChainedEntry`. What a row's hash covers is in
`action_log`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from app.domain.action_log import GENESIS, Entry, Seal, chain_hash
from app.domain.commitments import ErasableContent, content_fault
from app.domain.counting import counted
from app.domain.erasure import Erasures
from app.domain.model import (
    ActionType,
    CaseStatus,
    OverrideStatus,
    Resolution,
)


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


def as_hashed(link: ChainedEntry) -> Entry | None:
    """Return the link's entry in the format that gives its hash, None where none does."""
    entry = link.entry
    if chain_hash(entry) == link.hash:
        return entry
    if entry.seal is not None or entry.comment is None or not entry.comment.files:
        return None
    older = replace(entry, comment=replace(entry.comment, files=()))
    return older if chain_hash(older) == link.hash else None


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
            return Fault(first, kind, f"the case counts {counted(head.action_count, 'row')}, the log has {count}")
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
