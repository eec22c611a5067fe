"""Proving: the anchored rows of one case, each with its path to the root that the last checkpoint signs."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from app.anchors.checking import fault_of, grow
from app.anchors.checkpoint import Anchor, AnchorError, Checkpoint, Leaf
from app.anchors.places import Place
from app.domain.merkle import Tree


@dataclass(frozen=True, slots=True)
class ProvenLeaf:
    """A leaf, its place in the tree, and its audit path (RFC 6962, section 2.1.1)."""

    leaf: Leaf
    index: int
    path: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Proof:
    """The last checkpoint, and what it holds of one case."""

    checkpoint: Checkpoint
    signature: str
    leaves: Sequence[ProvenLeaf]


async def prove(place: Place, key: str, case_id: UUID) -> Proof:
    """Return the proof of a case's rows; all anchors are read once, and checked on the way.

    Raises: AnchorError, where an anchor is bad, or there is none.
    """
    tree, last, mine = Tree(), None, list[tuple[int, Leaf]]()
    async for anchor in place.anchors():
        mine += [(tree.size + offset, leaf) for offset, leaf in enumerate(anchor.leaves) if leaf.case_id == case_id]
        grow(tree, anchor, lambda leaf: leaf.case_id == case_id)
        last = _checked(anchor, last, tree, key)
    if last is None:
        raise AnchorError("there are no anchors")
    paths = tree.paths()
    return Proof(last.checkpoint, last.signature, [ProvenLeaf(leaf, index, paths[index]) for index, leaf in mine])


def _checked(anchor: Anchor, before: Anchor | None, tree: Tree, key: str) -> Anchor:
    reason = fault_of(anchor, before, tree, key)
    if reason is not None:
        raise AnchorError(f"anchor {anchor.checkpoint.number} proves nothing: {reason}")
    return anchor
