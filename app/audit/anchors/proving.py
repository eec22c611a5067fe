"""Proving: one log's anchored rows and its last one, each with its path to a root that the last checkpoint signs."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.audit.anchors.checking import fault_of, grow
from app.audit.anchors.checkpoint import Anchor, AnchorError, Checkpoint, Leaf
from app.audit.anchors.heads import Heads, ProvenHead, heads_fault, temporary_heads
from app.audit.anchors.places import AnchorStore
from app.domain.merkle import Tree


@dataclass(frozen=True, slots=True)
class ProvenLeaf:
    """A leaf, its place in the tree, and its audit path (RFC 6962, section 2.1.1)."""

    leaf: Leaf
    index: int
    path: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Proof:
    """The last checkpoint, and what it holds of one log; `head` is None where it holds nothing, or no heads."""

    checkpoint: Checkpoint
    signature: str
    leaves: Sequence[ProvenLeaf]
    head: ProvenHead | None


async def prove(place: AnchorStore, key: str, case_id: UUID) -> Proof:
    """Return the proof of a case's rows; all anchors are read once, and checked on the way.

    Raises: AnchorError, where an anchor is bad, or there is none.
    """
    return await _prove(place, key, lambda leaf: leaf.case_id == case_id, lambda heads: heads.head_of(case_id))


async def prove_account_log(place: AnchorStore, key: str, account_id: UUID) -> Proof:
    """Return the proof of the rows of an account's own log, as `prove` does of a case's. Raises: AnchorError."""

    def concerns(leaf: Leaf) -> bool:
        return leaf.case_id is None and leaf.account_id == account_id

    return await _prove(place, key, concerns, lambda heads: heads.account_head_of(account_id))


async def _prove(
    place: AnchorStore,
    key: str,
    concerns: Callable[[Leaf], bool],
    head_in: Callable[[Heads], ProvenHead | None],
) -> Proof:
    with temporary_heads() as heads:
        last, leaves = await _prove_rows(place, key, concerns, heads)
        reason = await asyncio.to_thread(heads_fault, heads, last.checkpoint)
        if reason is not None:
            raise AnchorError(f"anchor {last.checkpoint.number} proves nothing: {reason}")
        head = None if last.checkpoint.head_root is None else await asyncio.to_thread(head_in, heads)
        return Proof(last.checkpoint, last.signature, leaves, head)


async def _prove_rows(
    place: AnchorStore, key: str, concerns: Callable[[Leaf], bool], heads: Heads
) -> tuple[Anchor, Sequence[ProvenLeaf]]:
    tree, last, mine = Tree(), None, list[tuple[int, Leaf]]()
    async for anchor in place.anchors():
        mine += [(tree.size + offset, leaf) for offset, leaf in enumerate(anchor.leaves) if concerns(leaf)]
        grow(tree, anchor, concerns)
        last = _checked(anchor, last, tree, key)
        await asyncio.to_thread(heads.apply, anchor.leaves)
    if last is None:
        raise AnchorError("there are no anchors")
    paths = tree.paths()
    return last, [ProvenLeaf(leaf, index, paths[index]) for index, leaf in mine]


def _checked(anchor: Anchor, before: Anchor | None, tree: Tree, key: str) -> Anchor:
    reason = fault_of(anchor, before, tree, key)
    if reason is not None:
        raise AnchorError(f"anchor {anchor.checkpoint.number} proves nothing: {reason}")
    return anchor
