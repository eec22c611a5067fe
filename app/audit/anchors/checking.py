"""Checking anchors: that they are ours and whole, and that every row that they hold still stands in the database.

The anchors are read from the first to the last, a few hundred leaves at a time. What the rows say is `audit`'s affair.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, closing
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.audit.anchors.anchored_rows import AnchoredRows
from app.audit.anchors.checkpoint import (
    FORMAT,
    NOTHING,
    WITHOUT_ACCOUNTS,
    WITHOUT_HEADS,
    Anchor,
    Checkpoint,
    Leaf,
)
from app.audit.anchors.heads import Heads, heads_fault, temporary_heads
from app.audit.anchors.places import AnchorStore
from app.db.engines import Database
from app.db.repository import anchored
from app.domain.log_chain import Fault, FaultKind
from app.domain.merkle import Tree

BATCH = 500


@dataclass(frozen=True, slots=True)
class CaseFinding:
    """The first row of a case that is not as it was anchored."""

    account_id: UUID
    fault: Fault


@dataclass(slots=True)
class Findings:
    """How far the anchors reach, the logs that are not as they were anchored, and what is wrong with an anchor.

    `cases` and `accounts` name the first bad row of each log. After an anchor that is bad, no anchor is believed. This
    grows with what is bad, and with nothing else.
    """

    anchors: int = 0
    rows: int = 0
    time: str | None = None
    fault: str | None = None
    cases: dict[UUID, CaseFinding] = field(default_factory=dict)
    accounts: dict[UUID, Fault] = field(default_factory=dict)


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
    cases = new_cases(anchor.leaves) + (before.checkpoint.cases if before else 0)
    is_in_line = checkpoint.previous == (before.checkpoint.digest() if before else NOTHING)
    is_whole = (checkpoint.size, checkpoint.root) == (tree.size, tree.root.hex()) and anchor.peaks == list(tree.peaks)
    checks = {
        f"it is signed by another key, {checkpoint.key}": checkpoint.key == key,
        "its signature is not right": anchor.is_signed_by(key),
        f"its format is {checkpoint.format}": _is_of_its_format(anchor, before),
        f"it has number {checkpoint.number}": checkpoint.number == (before.checkpoint.number if before else 0) + 1,
        "it does not follow the anchor before it": is_in_line,
        "its leaves do not give its root": is_whole,
        "its leaves do not give its count of cases": checkpoint.cases == cases,
    }
    return next((reason for reason, holds in checks.items() if not holds), None)


def new_cases(leaves: Sequence[Leaf]) -> int:
    """Return how many cases begin among these rows."""
    return sum(leaf.seq == 1 and leaf.case_id is not None for leaf in leaves)


def _is_of_its_format(anchor: Anchor, before: Anchor | None) -> bool:
    oldest = before.checkpoint.format if before else WITHOUT_HEADS
    has_accounts = any(leaf.case_id is None for leaf in anchor.leaves)
    is_right = oldest <= anchor.checkpoint.format == _format_of(anchor.checkpoint)
    return is_right and (anchor.checkpoint.format == FORMAT or not has_accounts)


def _format_of(checkpoint: Checkpoint) -> int | None:
    """Return the format that has the members which the checkpoint has, None where none does."""
    members = (checkpoint.head_root, checkpoint.head_count, checkpoint.account_root, checkpoint.account_count)
    formats = {"----": WITHOUT_HEADS, "xx--": WITHOUT_ACCOUNTS, "xxxx": FORMAT}
    return formats.get("".join("-" if member is None else "x" for member in members))


async def _compare(database: Database, leaves: Sequence[Leaf], findings: Findings) -> None:
    wanted = {_place(leaf) for leaf in leaves}
    seqs = range(min(leaf.seq for leaf in leaves), max(leaf.seq for leaf in leaves) + 1)
    found: dict[tuple[UUID, bool, int], Leaf] = {}
    async with database.snapshot() as connection:
        async for row in _rows_like(connection, leaves, seqs):
            if _place(row) in wanted:
                found[_place(row)] = row
    for leaf in leaves:
        row_found = found.get(_place(leaf))
        if row_found == leaf:
            continue
        missing = row_found is None
        kind = FaultKind.TRUNCATED if missing else FaultKind.REWRITTEN
        reason = f"seq {leaf.seq} was anchored and is missing" if missing else "another row was anchored"
        note(findings, leaf, Fault(leaf.seq, kind, reason))


def _place(leaf: Leaf) -> tuple[UUID, bool, int]:
    """Return the log that a row is in, whether that is a case's, and its number there."""
    return leaf.case_id or leaf.account_id, leaf.case_id is not None, leaf.seq


async def _rows_like(connection: AsyncConnection, leaves: Sequence[Leaf], seqs: range) -> AsyncIterator[Leaf]:
    """Yield the rows of the same logs with these *seqs*."""
    case_ids = list(dict.fromkeys(leaf.case_id for leaf in leaves if leaf.case_id is not None))
    account_ids = list(dict.fromkeys(leaf.account_id for leaf in leaves if leaf.case_id is None))
    if case_ids:
        async for row in anchored.hashes(connection, case_ids, seqs):
            yield Leaf(*row)
    if account_ids:
        async for account_id, seq, hashed in anchored.account_hashes(connection, account_ids, seqs):
            yield Leaf(account_id, None, seq, hashed)


def note(findings: Findings, leaf: Leaf, fault: Fault) -> None:
    """Keep the fault, if it is the earliest of its log."""
    if leaf.case_id is None:
        known = findings.accounts.get(leaf.account_id)
        if known is None or fault.seq < known.seq:
            findings.accounts[leaf.account_id] = fault
        return
    finding = findings.cases.get(leaf.case_id)
    if finding is None or fault.seq < finding.fault.seq:
        findings.cases[leaf.case_id] = CaseFinding(leaf.account_id, fault)


async def _find_unanchored(
    database: Database, rows: AnchoredRows, last: Anchor, concerns: Callable[[Leaf], bool], findings: Findings
) -> None:
    """Find the cases' rows that have a place before the end of the *last* anchor, and that no anchor holds."""
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
