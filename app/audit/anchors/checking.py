"""Checking anchors: that they are ours and whole, and that every row that they hold still stands in the database.

The anchors are read from the first to the last, a few hundred leaves at a time. What the rows say is `audit`'s affair.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from uuid import UUID

from app.audit.anchors.anchored_rows import AnchoredRows
from app.audit.anchors.checkpoint import FORMAT, NOTHING, WITHOUT_HEADS, Anchor, Checkpoint, Leaf
from app.audit.anchors.heads import Heads, heads_fault, temporary_heads
from app.audit.anchors.places import AnchorStore
from app.db.engines import Database
from app.db.repository import anchored
from app.domain.action_log import Fault, FaultKind
from app.domain.merkle import Tree

BATCH = 500


@dataclass(frozen=True, slots=True)
class CaseFinding:
    """The first row of a case that is not as it was anchored."""

    account_id: UUID
    fault: Fault


@dataclass(slots=True)
class Findings:
    """How far the anchors reach, the cases that are not as they were anchored, and what is wrong with an anchor.

    After an anchor that is bad, no anchor is believed. This grows with what is bad, and with nothing else.
    """

    anchors: int = 0
    rows: int = 0
    time: str | None = None
    fault: str | None = None
    cases: dict[UUID, CaseFinding] = field(default_factory=dict)


async def check_anchors(
    database: Database,
    place: AnchorStore,
    key: str,
    concerns: Callable[[Leaf], bool] = lambda _leaf: True,
    advance: Callable[[int], None] = lambda _rows: None,
) -> Findings:
    """Return what the anchors say of the rows that *concerns* is true of; *key* is the public key that is trusted.

    Raises: AnchorError, where they can't be read.
    """
    findings = Findings()
    with temporary_heads() as heads, closing(AnchoredRows()) as rows:
        last = await _check_each(database, place, key, concerns, advance, (heads, rows), findings)
        reason = await asyncio.to_thread(heads_fault, heads, last.checkpoint) if last is not None else None
        if last is not None:
            await _find_unanchored(database, rows, last, concerns, findings)
    if reason is not None:
        findings.fault = findings.fault or f"anchor {findings.anchors}: {reason}"
    return findings


async def _check_each(
    database: Database,
    place: AnchorStore,
    key: str,
    concerns: Callable[[Leaf], bool],
    advance: Callable[[int], None],
    seen: tuple[Heads, AnchoredRows],
    findings: Findings,
) -> Anchor | None:
    """Note what each anchor says, as far as they are to be believed; return the last one that is."""
    heads, rows = seen
    tree, before = Tree(), None
    async for anchor in place.anchors():
        grow(tree, anchor)
        reason = fault_of(anchor, before, tree, key)
        if reason is not None:
            findings.fault = f"anchor {findings.anchors + 1}: {reason}"
            break
        await asyncio.to_thread(heads.apply, anchor.leaves)
        await asyncio.to_thread(rows.add, anchor.leaves)
        concerned = [leaf for leaf in anchor.leaves if concerns(leaf)]
        for start in range(0, len(concerned), BATCH):
            await _compare(database, concerned[start : start + BATCH], findings)
        before = anchor
        findings.anchors, findings.rows = findings.anchors + 1, tree.size
        findings.time = anchor.checkpoint.time
        advance(len(anchor.leaves))
    return before


def grow(tree: Tree, anchor: Anchor, concerns: Callable[[Leaf], bool] = lambda _leaf: False) -> None:
    """Add the anchor's leaves to *tree*, which follows the paths of those that *concerns* is true of."""
    for leaf in anchor.leaves:
        tree.add(leaf.hashed(), track=concerns(leaf))


def fault_of(anchor: Anchor, before: Anchor | None, tree: Tree, key: str) -> str | None:
    """Return what is wrong with an anchor, None where nothing is; *tree* has its leaves."""
    checkpoint = anchor.checkpoint
    cases = sum(leaf.seq == 1 for leaf in anchor.leaves) + (before.checkpoint.cases if before else 0)
    is_in_line = checkpoint.previous == (before.checkpoint.digest() if before else NOTHING)
    is_whole = (checkpoint.size, checkpoint.root) == (tree.size, tree.root.hex()) and anchor.peaks == list(tree.peaks)
    checks = {
        f"it is signed by another key, {checkpoint.key}": checkpoint.key == key,
        "its signature is not right": anchor.is_signed_by(key),
        f"its format is {checkpoint.format}": _is_of_its_format(checkpoint, before),
        f"it has number {checkpoint.number}": checkpoint.number == (before.checkpoint.number if before else 0) + 1,
        "it does not follow the anchor before it": is_in_line,
        "its leaves do not give its root": is_whole,
        "its leaves do not give its count of cases": checkpoint.cases == cases,
    }
    return next((reason for reason, holds in checks.items() if not holds), None)


def _is_of_its_format(checkpoint: Checkpoint, before: Anchor | None) -> bool:
    has_heads = checkpoint.head_root is not None and checkpoint.head_count is not None
    oldest = before.checkpoint.format if before else WITHOUT_HEADS
    return oldest <= checkpoint.format == (FORMAT if has_heads else WITHOUT_HEADS)


async def _compare(database: Database, leaves: Sequence[Leaf], findings: Findings) -> None:
    wanted = {(leaf.case_id, leaf.seq) for leaf in leaves}
    seqs = range(min(leaf.seq for leaf in leaves), max(leaf.seq for leaf in leaves) + 1)
    case_ids = list(dict.fromkeys(leaf.case_id for leaf in leaves))
    found: dict[tuple[UUID, int], Leaf] = {}
    async with database.snapshot() as connection:
        async for row in anchored.hashes(connection, case_ids, seqs):
            if row[1:3] in wanted:
                found[row[1], row[2]] = Leaf(*row)
    for leaf in leaves:
        row_found = found.get((leaf.case_id, leaf.seq))
        if row_found == leaf:
            continue
        missing = row_found is None
        kind = FaultKind.TRUNCATED if missing else FaultKind.REWRITTEN
        reason = f"seq {leaf.seq} was anchored and is missing" if missing else "another row was anchored"
        note(findings, leaf, Fault(leaf.seq, kind, reason))


def note(findings: Findings, leaf: Leaf, fault: Fault) -> None:
    """Keep the fault, if it is the case's earliest."""
    known = findings.cases.get(leaf.case_id)
    if known is None or fault.seq < known.fault.seq:
        findings.cases[leaf.case_id] = CaseFinding(leaf.account_id, fault)


async def _find_unanchored(
    database: Database, rows: AnchoredRows, last: Anchor, concerns: Callable[[Leaf], bool], findings: Findings
) -> None:
    """Find the rows that have a place before the end of the *last* anchor, and that no anchor holds."""
    end = last.checkpoint.position, UUID(last.checkpoint.action_id)
    batch: list[Leaf] = []
    async with database.snapshot() as connection, aclosing(anchored.rows_until(connection, end)) as found:
        async for row in found:
            leaf = Leaf(*row)
            if concerns(leaf):
                batch.append(leaf)
            if len(batch) == BATCH:
                await _note_unanchored(rows, batch, findings)
                batch = []
    await _note_unanchored(rows, batch, findings)


async def _note_unanchored(rows: AnchoredRows, batch: Sequence[Leaf], findings: Findings) -> None:
    for leaf in await asyncio.to_thread(rows.without, batch):
        reason = "it is older than the last anchor, and no anchor holds it"
        note(findings, leaf, Fault(leaf.seq, FaultKind.UNANCHORED, reason))
